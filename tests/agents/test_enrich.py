"""`enrich` on the real lanes and units of work, in memory: every event becomes an activity, or a dead letter that says
why it could not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import enrich
from benchmarks.workload import events
from connectors.places import Places
from schemas.activity import UNDATED, Activity
from schemas.event import Envelope
from schemas.profile import ProfileRecord, encode, profile_key
from streams.sections import DAY_MS, PlacesSettings, Settings
from streams.spec import AgentSpec
from streams.testing import Driver, run
from streams.unit import INPUT_OFFSET
from tests.agents.partitioned import Headers, Row, letters, put, worked

RECEIVED_MS = 1_795_000_000_000
RETENTION_MS = 180 * DAY_MS
FUTURE_MS = 600_000
KEY = b"acme/mara.lindqvist@example.com"
EVENT: dict[str, Any] = {
    "date": RECEIVED_MS - 30_000,
    "sourcePath": "/Shared/plan.dwg",
    "targetPath": "N/A",
    "user": "Mara Lindqvist ( mara.lindqvist@example.com )",
    "userId": "10427001",
    "action": "Download",
    "access": "Web UI",
    "ipAddress": "198.51.100.23",
    "actionInfo": "",
    "auditSource": "FILE_AUDIT",
}


def spec() -> AgentSpec:
    """The agent with the default settings, which the numbers above are from; no database, so no places."""
    return enrich.spec(Settings(), Places(PlacesSettings()))


def headers(event_id: str = "0" * 32, source: str = "audit") -> Headers:
    return list(Envelope("acme", event_id, source).to_headers())


def row(value: bytes | None = None, given: Headers | None = None, **changes: Any) -> Row:
    """The event with `changes` (None takes a field away), or `value` in its place."""
    event = {name: field for name, field in (EVENT | changes).items() if field is not None}
    raw = msgspec.json.encode(event) if value is None else value
    return Row(RECEIVED_MS, KEY, raw, headers() if given is None else given)


def enriched(*rows: Row) -> Driver:
    return worked(spec(), [rows])


def activities(driver: Driver, partition: int = 0) -> list[Activity]:
    found = driver.values("egnyte.activities", partition)
    return [msgspec.json.decode(value or b"", type=Activity) for value in found]


@pytest.mark.parametrize(
    ("date", "time_ms", "flags"),
    [
        (RECEIVED_MS, RECEIVED_MS, ()),
        (RECEIVED_MS + 1, RECEIVED_MS, ()),
        (RECEIVED_MS + FUTURE_MS, RECEIVED_MS, ()),
        (RECEIVED_MS + FUTURE_MS + 1, RECEIVED_MS, ("dated_future",)),
        (4_102_444_800_000, RECEIVED_MS, ("dated_future",)),
        (RECEIVED_MS - RETENTION_MS, RECEIVED_MS - RETENTION_MS, ()),
        (RECEIVED_MS - RETENTION_MS - 1, RECEIVED_MS - RETENTION_MS, ("dated_past",)),
        (0, RECEIVED_MS - RETENTION_MS, ("dated_past",)),
        ("1970-01-01T00:00:00Z", RECEIVED_MS - RETENTION_MS, ("dated_past",)),
        (None, RECEIVED_MS, ("no_date",)),
        ("yesterday", RECEIVED_MS, ("no_date",)),
    ],
)
def test_times_are_clamped_to_what_can_be_and_flagged_where_they_were_not(
    date: Any, time_ms: int, flags: tuple[str, ...]
) -> None:
    driver = enriched(row(date=date))
    (activity,) = activities(driver)
    assert (activity.time_ms, activity.received_ms, activity.flags) == (time_ms, RECEIVED_MS, flags)
    (record,) = driver.records("egnyte.activities", 0)
    assert record.timestamp == time_ms
    assert record.key == KEY


@given(st.integers(min_value=-(2**70), max_value=2**70))
@settings(max_examples=60, deadline=None)
def test_any_date_comes_to_a_time_that_topics_keep(date: int) -> None:
    (activity,) = activities(enriched(row(value=b'{"date":%d,"user":"a ( a@b.c )"}' % date)))
    assert RECEIVED_MS - RETENTION_MS <= activity.time_ms <= RECEIVED_MS
    if UNDATED.isdisjoint(activity.flags):
        assert activity.time_ms in (date, date * 1_000, RECEIVED_MS)


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"user": None, "userId": None}, {"no_user"}),
        ({"user": "N/A", "userId": "N/A"}, {"no_user"}),
        ({"ipAddress": None}, {"no_ip"}),
        ({"ipAddress": "not-an-ip"}, {"bad_ip"}),
        ({"sourcePath": "/" + "x" * 5_000}, {"oversized_text"}),
        ({"user": "x" * 5_000}, {"oversized_text"}),
        ({"auditSource": "TOASTER_AUDIT", "action": "Toast", "toasts": [1, {"a": None}]}, set()),
    ],
)
def test_what_is_less_than_whole_is_kept_and_flagged(changes: dict[str, Any], flags: set[str]) -> None:
    asked = row(**changes)
    driver = enriched(asked)
    (activity,) = activities(driver)
    assert set(activity.flags) == flags
    assert bytes(activity.raw) == asked.value
    assert all(len(text) <= enrich.MAX_TEXT_CHARS for text in (activity.path, activity.actor.name, activity.action))
    assert letters(driver) == []


@pytest.mark.parametrize(
    ("value", "given", "stage", "reason"),
    [
        (b'{"date":17', None, "decode", "not JSON (10 bytes)"),
        (b"", None, "decode", "empty"),
        (b"[]", None, "decode", "an array where an object belongs"),
        (b'{"user":"\xff"}', None, "decode", "not UTF-8: byte 0xff at 9 of 12"),
        (b"[" * 100_000, None, "decode", "nested too deeply"),
        (b"{}", [], "envelope", "header 'connector' is missing"),
        (b"{}", headers()[1:], "envelope", "header 'connector' is missing"),
        (b"{}", [*headers()[:1], *headers()[2:]], "envelope", "header 'event-id' is missing"),
        (b"{}", [*headers()[:1], ("event-id", None), *headers()[2:]], "envelope", "header 'event-id' is missing"),
        (b"{}", [("connector", b"\xff"), *headers()[1:]], "envelope", "not UTF-8"),
        (b"{}", [*headers()[:3], ("schema", b"one")], "envelope", "'one'"),
        (b"{}", headers(source="gossip"), "envelope", "'gossip'"),
        (b"no JSON", headers(source="verdict"), "decode", "not a JSON object"),
        (b"[1]", headers(source="directory"), "decode", "not a change of the directory: Expected `object`"),
        (b'{"change":"eaten"}', headers(source="directory"), "decode", "Invalid enum value 'eaten'"),
    ],
)
def test_what_is_no_event_is_a_dead_letter_with_its_reason(
    value: bytes, given: Headers | None, stage: str, reason: str
) -> None:
    driver = enriched(row(), row(value=value, given=given), row())
    (letter,) = letters(driver)
    assert (letter.topic, letter.offset, letter.stage, letter.length) == ("egnyte.events", 1, stage, len(value))
    assert reason in letter.error
    assert len(activities(driver)) == 2  # its neighbours


def test_what_others_say_is_passed_on_whole() -> None:
    value = b'{"closed":"finding","by":"jo"}'
    (activity,) = activities(enriched(row(value=value, given=headers(source="verdict"))))
    assert (activity.source, activity.type, bytes(activity.raw)) == ("verdict", "verdict", value)
    assert activity.time_ms == RECEIVED_MS


def test_each_activity_names_the_input_offset_that_it_was_made_from() -> None:
    driver = enriched(row(), row(value=b"?"), row())
    found = [dict(record.headers)[INPUT_OFFSET] for record in driver.records("egnyte.activities", 0)]
    assert found == [b"0", b"2"]


ANY_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["connector", "event-id", "source", "schema", "other"]), st.none() | st.binary(max_size=8)
    ),
    max_size=5,
)
SCRAPS = st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(EVENT)), inner, max_size=4),
    max_leaves=10,
).map(msgspec.json.encode)


@given(st.lists(st.tuples(SCRAPS, st.none() | ANY_HEADERS), min_size=1, max_size=8))
@settings(max_examples=80, deadline=None)
def test_whatever_comes_is_accounted_for_and_harms_no_other(scraps: list[tuple[bytes, Headers | None]]) -> None:
    driver = enriched(*(row(value=value, given=given) for value, given in scraps), row())
    made = [int(dict(record.headers)[INPUT_OFFSET]) for record in driver.records("egnyte.activities", 0)]
    dead = [letter.offset for letter in letters(driver)]
    assert sorted(made + dead) == list(range(len(scraps) + 1))
    assert made[-1] == len(scraps)
    assert all(letter.error and letter.stage in ("decode", "envelope") for letter in letters(driver))


def test_any_number_of_workers_writes_the_same_bytes() -> None:
    rows: list[list[Row]] = [[] for _ in range(4)]
    for event in events(400, users=40):
        rows[event.partition % 4].append(Row(event.received_ms, event.key, event.value, event.headers))
    one, three = worked(spec(), rows), worked(spec(), rows, workers=3, chunk_records=7)
    for partition in range(4):
        alone = [(r.timestamp, r.key, r.value) for r in one.records("egnyte.activities", partition)]
        assert len(alone) == len(rows[partition])
        assert alone == [(r.timestamp, r.key, r.value) for r in three.records("egnyte.activities", partition)]


def test_activities_carry_what_the_organisation_uses() -> None:
    day = EVENT["date"] // DAY_MS

    async def story(driver: Driver) -> None:
        for partition in (2, 3):
            told = ProfileRecord(
                connector="acme", kind="client", value="web ui", partition=partition, day=day, first_day=day - 1,
                days=(4,), users=(4, 5),
            )  # fmt: skip
            driver.produce(
                "egnyte.profile", partition, [(profile_key("acme", "client", "web ui", partition), encode(told))]
            )
        put(driver, [row(), row(date=EVENT["date"] - DAY_MS), row(access="FTP"), row(access="")])
        await driver.assign({driver.worker(): [0]})
        await driver.settle()

    driver = run(spec(), story)
    assert [each.knowledge.client_users for each in activities(driver)] == [8, -1, 0, -1]
    assert {(each.knowledge.country_users, each.knowledge.asn_users) for each in activities(driver)} == {(-1, -1)}
