"""What a connector says about itself, on the injected clock: once for each episode, closed when it is over."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.egnyte.alarms import POLICIES, next_due_ms, turn
from connectors.egnyte.clock import SystemClock
from connectors.egnyte.health import learn, refresh_at_ms, renewal_due_ms, usual_gap_ms
from connectors.egnyte.leaving import leave
from connectors.egnyte.statuses import all_statuses, last_status
from connectors.egnyte.supervisor import settings_of
from connectors.secrets.vault import Entry
from schemas import finding as findings
from schemas.connector import StatusRecord, TokenFacts, Watch
from schemas.finding import Finding
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Fault, Switches
from streams.cluster import TopicPartition
from streams.kafka import partition_of
from streams.secret import Secret
from streams.settings import EgnyteSettings, Settings
from streams.testing import MemoryRecord
from streams.topics import PARTITIONS
from tests.connectors.egnyte.harness import NOW_MS, Log, follow, upload, uploads

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOUR_S, DAY_S = 3_600, 86_400
BUSY = uploads(400, start_ms=NOW_MS - 5 * DAY_MS, every_ms=HOUR_MS // 2)
"""Somebody works twice an hour, for more than three days to come."""
SLOW: dict[str, Any] = {"poll_interval_s": 600, "max_per_day": 0}
"""Six polls an hour: enough for what takes hours."""


def domain(events: list[dict[str, object]], **switches: Any) -> EgnyteSimulator:
    return EgnyteSimulator(events, VirtualClock(NOW_MS), Switches.unlimited(slice_minutes=0, **switches))


def said(log: Log) -> list[Finding]:
    """All that was said, in order; each in the partition of the connector, under its uid."""
    records: list[MemoryRecord] = []
    for number in range(PARTITIONS):
        for record in log.committed_records(TopicPartition("egnyte.alerts", number)):
            assert number == partition_of(b"acme/~connector", PARTITIONS)
            records.append(record)
    found = [findings.decode(record.value or b"") for record in records]
    assert [each.finding_info.uid.encode() for each in found] == [record.key for record in records]
    assert all(each.is_alert for each in found)
    return found


def steps(log: Log) -> list[tuple[str, str]]:
    return [(each.unmapped.policy, each.unmapped.step) for each in said(log)]


def token_steps(log: Log) -> list[str]:
    return [step for policy, step in steps(log) if policy == "token_renewal"]


async def test_two_hours_without_a_good_answer_are_said_once_and_closed() -> None:
    egnyte, log = domain(BUSY), Log()
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    egnyte.fault(Fault(kind="status", count=0, duration_s=9 * HOUR_S))
    await follow(egnyte, log, for_s=1.7 * HOUR_S, **SLOW)
    assert said(log) == []
    await follow(egnyte, log, for_s=3 * HOUR_S, **SLOW)  # another process goes on with the episode
    assert steps(log) == [("connector_disconnected", "create")]
    await follow(egnyte, log, for_s=6 * HOUR_S, **SLOW)
    create, close = said(log)
    assert (create.unmapped.step, close.unmapped.step) == ("create", "close")
    assert create.finding_info.uid == close.finding_info.uid
    assert (create.severity, close.status) == ("High", "Resolved")
    assert "server_fault: 503" in create.message
    well_ms = NOW_MS + HOUR_S * 1_000
    assert abs(create.finding_info.first_seen_time - well_ms) <= 600_000
    assert 2 * HOUR_MS <= create.time - create.finding_info.first_seen_time < 2 * HOUR_MS + 60_000
    egnyte.fault(Fault(kind="status", count=0, duration_s=3 * HOUR_S))
    await follow(egnyte, log, for_s=4 * HOUR_S, **SLOW)
    assert len(steps(log)) == 4, "another episode"
    assert len({each.finding_info.uid for each in said(log)}) == 2


async def test_it_is_said_in_time_while_egnyte_asks_for_a_long_pause() -> None:
    egnyte, log = domain([upload(1, date=NOW_MS - 1)]), Log()
    await follow(egnyte, log, for_s=60, **SLOW)
    egnyte.fault(Fault(kind="throttle", retry_after_s=12 * HOUR_S))
    await follow(egnyte, log, for_s=5 * HOUR_S, **SLOW)
    (create,) = said(log)
    assert create.time - create.finding_info.first_seen_time == 2 * HOUR_MS
    assert "throttled" in create.message


@pytest.mark.parametrize("call", ["send_batch", "commit_transaction"])
async def test_whenever_the_process_dies_nothing_is_said_twice_or_left_out(call: str) -> None:
    egnyte, log = domain(BUSY), Log()
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    egnyte.fault(Fault(kind="status", count=0, duration_s=3 * HOUR_S))
    for _ in range(14):  # every 20 minutes whatever is on its way is lost, and another session begins
        log.fail_next(call, KafkaConnectionError())
        await follow(egnyte, log, for_s=1_200, **SLOW)
    assert steps(log) == [("connector_disconnected", "create"), ("connector_disconnected", "close")]


async def test_no_events_for_three_times_the_longest_usual_gap_are_said() -> None:
    start_ms = NOW_MS - 7 * DAY_MS + HOUR_MS // 2
    events = uploads(24 * 14 - 2, start_ms=start_ms, every_ms=HOUR_MS // 2)
    night = [event for event in events if not 3 <= (int(str(event["date"])) - start_ms) // HOUR_MS % 24 < 7]
    egnyte, log = domain(night), Log()
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    status = log.statuses()[-1]
    assert status.watch is not None
    usual_ms = usual_gap_ms(status.watch)
    assert 4 * HOUR_MS <= usual_ms <= 5 * HOUR_MS
    await follow(egnyte, log, for_s=3 * usual_ms / 1_000 - 2 * HOUR_S, **SLOW)
    assert said(log) == []
    await follow(egnyte, log, for_s=DAY_S, **SLOW)
    (create,) = said(log)
    assert (create.unmapped.policy, create.unmapped.step) == ("connector_silent", "create")
    assert create.time == create.finding_info.first_seen_time + 3 * usual_ms
    egnyte.fault(Fault(kind="status", count=0, duration_s=HOUR_S))  # no answer is no event
    await follow(egnyte, log, for_s=2 * HOUR_S, **SLOW)
    assert len(said(log)) == 1
    egnyte.append(upload(1_000, date=egnyte.clock.now_ms()))
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    assert steps(log) == [("connector_silent", "create"), ("connector_silent", "close")]
    status = log.statuses()[-1]
    assert status.watch is not None
    assert usual_gap_ms(status.watch) == usual_ms, "a silence is not usual"


async def test_a_domain_without_any_event_is_not_well() -> None:
    egnyte, log = domain([]), Log()
    hourly = SLOW | {"poll_interval_s": HOUR_S}
    await follow(egnyte, log, for_s=0.9 * DAY_S, **hourly)
    assert said(log) == []
    await follow(egnyte, log, for_s=0.3 * DAY_S, **hourly)
    assert steps(log) == [("connector_silent", "create")]


async def test_a_token_grows_old_and_is_replaced() -> None:
    egnyte, log = domain(BUSY), Log()
    assert isinstance(egnyte.clock, VirtualClock)
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    egnyte.clock.advance(181 * DAY_S)
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    assert token_steps(log) == []
    egnyte.clock.advance(DAY_S)
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    assert token_steps(log) == ["create"]
    egnyte.revoke_token()
    egnyte.token = egnyte.issue_token()
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    assert token_steps(log) == ["create", "close"]
    assert len({each.finding_info.uid for each in said(log) if each.unmapped.policy == "token_renewal"}) == 1
    told = b"".join(record.value or b"" for each in log.logs.values() for record in each)
    assert egnyte.token.encode() not in told


async def test_disabling_closes_what_is_open_and_fences_whoever_runs() -> None:
    egnyte, log = domain(BUSY), Log()
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    egnyte.fault(Fault(kind="status", count=0, duration_s=9 * HOUR_S))
    await follow(egnyte, log, for_s=4 * HOUR_S, **SLOW)
    cursor = log.cursor()
    settings = settings_of(Settings(), entry_of("acme"))
    assert await leave(settings, "disabled", log, SystemClock())
    assert steps(log)[-1] == ("connector_disconnected", "close")
    assert said(log)[-1].message == "Connector acme was disabled."
    status = await last_status(settings, log)
    assert status is not None
    assert status.state == "disabled"
    assert log.cursor().cursor == cursor.cursor
    assert log.cursor().instance != cursor.instance
    assert await all_statuses(settings, log) == {"acme": status}
    assert not await leave(settings_of(Settings(), entry_of("never-ran")), "disconnected", log, SystemClock())
    egnyte.faults.clear()
    assert isinstance(egnyte.clock, VirtualClock)
    egnyte.clock.advance(9 * HOUR_S)
    await follow(egnyte, log, for_s=HOUR_S, **SLOW)
    assert len(said(log)) == 2, "the time that it was disabled does not count"


def entry_of(name: str) -> Entry:
    return Entry(connector=name, url="http://127.0.0.1:1", token=Secret("t"), issued_ms=1, connected_ms=1)


def test_every_finding_has_its_policy() -> None:
    assert set(POLICIES) == {"connector_disconnected", "connector_silent", "token_renewal"}
    for policy in POLICIES.values():
        assert policy.triage
        assert policy.remediation


@pytest.mark.parametrize(
    ("lasts_days", "renews", "due_days"),
    [(0, False, 182), (30, False, 16), (30, True, 20), (400, False, 182), (190, False, 176)],
)
def test_when_a_token_is_due(lasts_days: int, renews: bool, due_days: int) -> None:
    expires_ms = NOW_MS + lasts_days * DAY_MS if lasts_days else 0
    due_ms = renewal_due_ms(TokenFacts(id="t", issued_ms=NOW_MS, expires_ms=expires_ms, renews=renews))
    assert due_ms == NOW_MS + due_days * DAY_MS
    if renews:
        assert refresh_at_ms(NOW_MS, expires_ms) < due_ms, "it is refreshed before anybody is asked"


@given(st.lists(st.integers(NOW_MS - 60 * DAY_MS, NOW_MS), max_size=60), st.integers(1, 7))
def test_what_is_usual_does_not_hang_on_pages_and_stays_bounded(dates: list[int], size: int) -> None:
    watch = Watch(from_ms=NOW_MS - 60 * DAY_MS, well_ms=NOW_MS)
    whole = learn(watch, 0, dates)
    paged, newest = watch, 0
    ordered = sorted(dates)
    for start in range(0, len(ordered), size):
        page = ordered[start : start + size]
        paged = learn(paged, newest, page)
        newest = max([newest, *page])
    assert paged == whole
    assert len(whole.gaps) <= 28
    assert all(gap > 0 for gap in whole.gaps.values())


@pytest.mark.parametrize(
    "change",
    [lambda status: status, lambda status: status_with(status, state="following")],
    ids=["starting", "following"],
)
def test_what_was_said_is_not_due_again(change: Callable[[StatusRecord], StatusRecord]) -> None:
    status = change(
        StatusRecord(
            connector="acme", instance="i", state="starting", started_ms=0, written_ms=0, newest_ms=1,
            token=TokenFacts(id="t", issued_ms=1), watch=Watch(from_ms=0, well_ms=0),
        )
    )  # fmt: skip
    rounds, said_by_round = 0, Counter[str]()
    now_ms: int | None = 0
    while (now_ms := next_due_ms(status)) is not None:
        status, found = turn(status, now_ms)
        said_by_round.update(each.unmapped.policy for each in found)
        rounds += 1
        assert rounds <= 3
    assert set(said_by_round.values()) == {1}


def status_with(status: StatusRecord, **fields: Any) -> StatusRecord:

    return replace(status, **fields)


def test_settings_of_a_connector_keep_everybodys() -> None:
    shared = Settings(egnyte=EgnyteSettings(name="other", poll_interval_s=7))
    assert settings_of(shared, entry_of("acme")).egnyte.poll_interval_s == 7
