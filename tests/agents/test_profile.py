"""`profile` on the real lanes and units of work, in memory: what it publishes is what sets of users would say."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import profile
from agents.client_names import MAX_CHARS, client_name
from schemas.activity import Activity, Network, Person, Place
from schemas.profile import WINDOW_DAYS, ProfileRecord, decode
from streams.cluster import TopicPartition
from streams.sections import DAY_MS, Settings
from streams.testing import Driver, run
from tests.agents.partitioned import Row, put, worked

TOPIC = "egnyte.profile"
DAY = 20_400
ENCODE = msgspec.json.Encoder().encode


def row(who: str, day: int, country: str = "PT", asn: int = 64500, client: str = "Web UI", **more: Any) -> Row:
    """One activity of `who` on `day`."""
    fields: dict[str, Any] = {
        "connector": "acme",
        "event_id": "0" * 32,
        "time_ms": day * DAY_MS + 1,
        "received_ms": day * DAY_MS + 1,
        "type": "login",
        "outcome": "success",
        "actor": Person(email=who),
        "place": Place(country=country),
        "network": Network(asn=asn),
        "client": client,
    }
    activity = Activity(**(fields | more))
    return Row(activity.time_ms, f"{activity.connector}/{who}".encode(), ENCODE(activity), ())


def published(driver: Driver, partition: int = 0) -> dict[bytes, ProfileRecord]:
    """What a compacted topic would hold."""
    kept: dict[bytes, ProfileRecord] = {}
    for record in driver.records(TOPIC, partition):
        if record.value is None:
            kept.pop(record.key or b"", None)
        else:
            kept[record.key or b""] = decode(record.value)
    return kept


def users(told: ProfileRecord | None, last_day: int) -> int:
    """Distinct users in the 30 days up to `last_day`."""
    if told is None:
        return 0
    index = last_day - told.first_day
    return told.users[index] if 0 <= index < len(told.users) else 0


def counted(*rows: Row, chunk_records: int = 10) -> dict[bytes, ProfileRecord]:
    return published(worked(profile.spec(Settings()), [rows], chunk_records=chunk_records))


def test_distinct_users_are_told_by_kind_and_partition() -> None:
    rows = [row("a", DAY), row("b", DAY), row("a", DAY, "ES"), row("a", DAY)]
    driver = worked(profile.spec(Settings()), [rows, [row("c", DAY)]])
    kept = published(driver)
    assert set(kept) == {b"acme/country/PT/0", b"acme/country/ES/0", b"acme/asn/64500/0", b"acme/client/web ui/0"}
    assert kept[b"acme/country/PT/0"] == ProfileRecord(
        connector="acme", kind="country", value="PT", partition=0, day=DAY, first_day=DAY, days=(2,), users=(2,) * 30
    )
    assert users(kept[b"acme/country/ES/0"], DAY) == 1
    assert {key.rpartition(b"/")[2] for key in published(driver, 1)} == {b"1"}


@pytest.mark.parametrize(
    "more",
    [
        {"outcome": "failure"},
        {"interactive": False},
        {"actor": Person("anonymous")},
        {"actor": Person("unknown")},
        {"flags": ("no_date",)},
        {"source": "directory"},
        {"country": "", "asn": 0, "client": " 3.14.1 "},
    ],
)
def test_what_says_nothing_about_a_person_does_not_count(more: dict[str, Any]) -> None:
    assert counted(row("a", DAY, **more)) == {}


def test_the_exit_of_a_vpn_tells_of_a_provider_but_of_no_country() -> None:
    kept = counted(row("a", DAY, network=Network(asn=64500, category="vpn")))
    assert set(kept) == {b"acme/asn/64500/0", b"acme/client/web ui/0"}


def test_what_is_no_activity_is_left_to_detect() -> None:
    driver = worked(profile.spec(Settings()), [[Row(0, b"k", b"{", ()), Row(0, b"k", None, ()), row("a", DAY)]])
    assert len(published(driver)) == 3
    assert driver.values("egnyte.dead-letters", 0) == []


def test_a_value_that_nobody_used_for_a_month_gets_a_tombstone() -> None:
    kept = counted(row("a", DAY, "ES"), row("a", DAY + 31, "PT"))
    assert b"acme/country/ES/0" in kept
    driver = worked(profile.spec(Settings()), [[row("a", DAY, "ES"), row("a", DAY + 32, "PT")]])
    assert b"acme/country/ES/0" not in published(driver)
    assert [r.value for r in driver.records(TOPIC, 0) if r.key == b"acme/country/ES/0"][-1] is None


def test_a_day_of_people_who_were_here_before_is_told_when_it_is_over_and_once() -> None:
    names = "abcdefghij"
    first, second = [row(who, DAY) for who in names], [row(who, DAY + 1) for who in names]
    driver = worked(profile.spec(Settings()), [[*first, *second, row("a", DAY + 2)]])
    told = [decode(r.value or b"") for r in driver.records(TOPIC, 0) if r.key == b"acme/country/PT/0"]
    assert [each.days for each in told[-2:]] == [(10,), (10, 10)]
    assert len(told) == 10 + 1 + 1  # each new user, the end of each of two days


def test_who_comes_late_for_a_day_that_is_over_still_counts_for_it() -> None:
    before = [row("a", DAY), row("b", DAY), row("a", DAY + 1), row("c", DAY + 2, "ES")]
    assert counted(*before)[b"acme/country/PT/0"].days == (2, 1)
    told = counted(*before, row("b", DAY + 1))[b"acme/country/PT/0"]
    assert told.days == (2, 2)
    assert users(told, DAY + 30) == 2


def test_one_user_can_make_no_value_common_and_leaves_only_so_many_behind() -> None:
    rows = [row("a", DAY, asn=64500 + n % 60, client=f"robot {n % 60}") for n in range(600)]
    kept = counted(*rows)
    assert {told.days for told in kept.values()} == {(1,)}
    by_kind = Counter(told.kind for told in kept.values())
    assert by_kind == {"country": 1, **{kind: profile.MAX_OF_USER[kind] for kind in ("asn", "client")}}


def test_who_used_many_values_a_month_ago_may_use_others() -> None:
    clients = [row("a", DAY, client=f"robot {n}") for n in range(8)]
    later = [row("b", DAY + 31, client="b's"), row("a", DAY + 31, client="new")]
    assert b"acme/client/new/0" in counted(*clients, *later)
    assert b"acme/client/new/0" not in counted(*clients, row("a", DAY + 30, client="new"))


def test_hostile_users_fill_no_more_than_the_buckets() -> None:
    rows = [row(f"u{n}", DAY, client=f"robot {n}") for n in range(6_000)]
    driver = worked(profile.spec(Settings()), [rows], chunk_records=2_000)
    clients = [told for told in published(driver).values() if told.kind == "client"]
    assert 1_900 < len(clients) <= profile.BUCKETS * profile.MAX_IN_BUCKET
    changelog = Settings().kafka.topic_prefix + "-watch-profile-changelog"
    assert max(len(record.value or b"") for record in driver.records(changelog, 0)) < 16_000


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("Web UI", "web ui"),
        ("Egnyte Desktop App 3.14.2 (Windows)", "egnyte desktop app (windows)"),
        ("Mobile v2.0", "mobile"),
        ("Office 365", "office 365"),
        ("sync (4.1)", "sync"),
        ("key 0f3a9c21-77aa-4b1c-9e11-0123456789ab", "key"),
        (" 3.14.1 ", ""),
        ("x" * 10_000, "x" * MAX_CHARS),
        ("", ""),
    ],
)
def test_versions_of_a_client_are_one_client(client: str, name: str) -> None:
    assert client_name(client) == name


Visit = tuple[str, int, str]
"""Who, on which day, in which country."""


@st.composite
def lives(draw: st.DrawFn) -> list[Visit]:
    """Visits in time's order, each up to two days late."""
    visit = st.tuples(st.sampled_from("abc"), st.integers(DAY, DAY + 70), st.sampled_from(("PT", "ES")))
    found = draw(st.lists(st.tuples(visit, st.integers(0, 2)), min_size=1, max_size=60))
    return [visit for visit, late in sorted(found, key=lambda each: each[0][1] + each[1])]


def distinct(life: Iterable[Visit], country: str, last_day: int) -> int:
    window = range(last_day - WINDOW_DAYS + 1, last_day + 1)
    return len({who for who, day, where in life if where == country and day in window})


@settings(max_examples=60, deadline=None)
@given(lives(), st.integers(1, 30))
def test_what_is_published_says_of_full_days_what_sets_say(life: list[Visit], chunk: int) -> None:
    """For today's activities, and for those of yesterday that come late."""
    kept = counted(*(row(*each) for each in life), chunk_records=chunk)
    today = max(day for _, day, _ in life)
    for country in ("PT", "ES"):
        told = kept.get(f"acme/country/{country}/0".encode())
        for last_day in (today - 2, today - 1, today):
            assert users(told, last_day) == distinct(life, country, last_day)


def rewound(rows: Sequence[Row], to: int) -> tuple[list[Any], list[Any]]:
    """What was published from input offset `to` on, at first and after a rewind to it."""
    spec = profile.spec(Settings())
    outcome: list[list[Any]] = []

    async def story(driver: Driver) -> None:
        driver.chunk_records = 5
        put(driver, rows[:to])
        await driver.assign({driver.worker(): [0]})
        await driver.settle()
        before = len(driver.records(TOPIC, 0))
        put(driver, rows[to:])
        await driver.settle()
        outcome.append([(r.key, r.value) for r in driver.records(TOPIC, 0)[before:]])
        driver.kill(driver.workers[0])
        driver.cluster.reset_group(spec.group, TopicPartition(spec.source, 0), to)
        before = len(driver.records(TOPIC, 0))
        await driver.assign({driver.worker(): [0]})
        await driver.settle()
        again = driver.records(TOPIC, 0)[before:]
        assert all("replay" in dict(r.headers) for r in again)
        outcome.append([(r.key, r.value) for r in again])

    run(spec, story)
    return outcome[0], outcome[1]


def test_a_rewind_publishes_the_same_numbers_again() -> None:
    rows = [
        row(who, day, country)
        for day in range(DAY, DAY + 200)
        for who, country, every in (("a", "PT", 1), ("b", "PT", 3), ("c", "ES", 40), ("d", "FR", 70))
        if day % every == 0
    ]
    first, again = rewound(rows, len(rows) - 40)
    assert first == again
    assert len(first) > 40
