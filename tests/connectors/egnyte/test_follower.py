"""The connector against the simulator: every event exactly once, whatever Egnyte, Kafka or the clock do."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import date
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.egnyte.clock import SystemClock
from connectors.egnyte.follower import Follower
from connectors.egnyte.occurrences import Window
from connectors.egnyte.roster import Roster
from connectors.egnyte.service import serve
from schemas.event import MAX_VALUE_BYTES, Envelope
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Fault, Switches
from streams.cluster import Offsets, Producer
from streams.errors import Fenced, Refused
from streams.settings import EgnyteSettings, StreamsSettings
from streams.testing.memory import MemoryProducer
from tests.connectors.egnyte.harness import (
    DAY_MS,
    NOW_MS,
    Log,
    assert_exactly_once,
    follow,
    settings_for,
    upload,
    uploads,
)

HOUR_MS = 3_600_000
QUICK: dict[str, Any] = {"max_per_minute": 60_000, "max_per_hour": 100_000, "max_per_day": 0, "poll_interval_s": 90}


def simulator(events: list[Any], now_ms: int = NOW_MS, **switches: Any) -> EgnyteSimulator:
    return EgnyteSimulator(events, VirtualClock(now_ms), Switches.unlimited(**switches))


async def test_history_and_what_comes_after_it_arrive_once() -> None:
    egnyte, log = simulator([*uploads(2_000, start_ms=NOW_MS - 6 * DAY_MS, every_ms=259_000)], page_cap=300), Log()
    clock = await follow(egnyte, log, for_s=600, **QUICK)
    assert_exactly_once(log, egnyte)
    assert len(log.events()) == 2_000
    status = log.statuses()[-1]
    assert (status.state, status.events, status.repeats) == ("stopped", 2_000, 0)
    assert {90.0} <= set(clock.slept)  # drained, it polls
    for number in range(50):
        egnyte.append(upload(5_000 + number, date=egnyte.clock.now_ms()))
    await follow(egnyte, log, for_s=300, **QUICK)
    assert_exactly_once(log, egnyte)


async def test_events_carry_key_identity_and_time_of_reception() -> None:
    egnyte, log = simulator([upload(1, date=NOW_MS - 1_000, user=7)]), Log()
    await follow(egnyte, log, for_s=100, start=date(2025, 11, 24), **QUICK)
    (record,) = log.events()
    envelope = Envelope.from_headers(record.headers)
    assert record.key == b"acme/user7@example.com"
    assert (envelope.connector, envelope.source, len(envelope.event_id)) == ("acme", "audit", 32)
    assert NOW_MS <= record.timestamp <= NOW_MS + 100_000
    assert log.cursor().newest_ms == NOW_MS - 1_000


async def test_late_events_twins_and_repeated_answers() -> None:
    events = uploads(3_000, start_ms=NOW_MS - 5 * HOUR_MS, every_ms=6_000)
    egnyte = simulator([*events], late_percent=20, late_minutes=50, twin_percent=5, repeat_events=7, page_cap=0)
    log = Log()
    await follow(egnyte, log, for_s=7_200, start=date(2025, 11, 23), **QUICK)
    assert_exactly_once(log, egnyte)
    assert len(log.events()) > 3_000
    assert log.statuses()[-1].repeats > 0


async def test_repetitions_of_hours_ago_in_a_quiet_domain() -> None:
    events = uploads(200, start_ms=NOW_MS - 100 * HOUR_MS, every_ms=HOUR_MS // 2)
    egnyte, log = simulator([*events], repeat_events=9, page_cap=7, slice_minutes=0), Log()
    for _ in range(3):
        await follow(egnyte, log, for_s=60, start=date(2025, 11, 19), **QUICK)
    await follow(egnyte, log, for_s=7_200, start=date(2025, 11, 19), **QUICK)
    assert_exactly_once(log, egnyte)
    assert len(log.events()) == 200


async def test_what_is_no_event_or_too_big_becomes_a_dead_letter() -> None:
    big = upload(1, date=NOW_MS) | {"sourcePath": "/" + "x" * 5_000_000}
    broken = [b'{"date":17,"user":"A', b'{"user":"\xff"}', b"17"]
    egnyte, log = simulator([upload(0, date=NOW_MS), big, *broken, upload(2, date=NOW_MS)]), Log()
    await follow(egnyte, log, for_s=900, start=date(2025, 11, 24), **QUICK)
    assert len(log.events()) == 2
    letters = {letter.error.split(" (")[0][:30]: (letter, value) for letter, value in log.dead_letters()}
    assert len(log.dead_letters()) == 4
    assert {letter.stage for letter, _ in letters.values()} == {"decode", "fetch"}
    too_big, kept = next(found for found in letters.values() if found[0].stage == "fetch")
    assert too_big.length > MAX_VALUE_BYTES
    assert len(kept) == 65_536
    assert sorted(value for letter, value in letters.values() if letter.stage == "decode") == sorted(broken)
    assert log.statuses()[-1].dead_letters == 4


async def test_limits_hold_over_restarts() -> None:
    egnyte, log = simulator([*uploads(500, start_ms=NOW_MS - 6 * DAY_MS, every_ms=1_000_000)]), Log()
    for _ in range(14):
        await follow(egnyte, log, for_s=40, max_per_minute=3, max_per_hour=20)
    times = [record.at_ms for record in egnyte.journal.records()]
    assert len(times) >= 20
    for window_ms, limit in ((60_000, 3), (HOUR_MS, 20)):
        assert max(sum(start <= t < start + window_ms for t in times) for start in times) <= limit


@pytest.mark.parametrize("style", ["429", "mashery", "fault"])
async def test_a_throttle_is_waited_out(style: str) -> None:
    egnyte, log = simulator([upload(1, date=NOW_MS)], throttle_style=style), Log()
    egnyte.fault(Fault(kind="throttle", retry_after_s=200, count=1))
    await follow(egnyte, log, for_s=1_000, start=date(2025, 11, 24), **QUICK)
    first, second, *_ = egnyte.journal.records()
    assert second.at_ms - first.at_ms >= 200_000
    assert "throttled" in {status.state for status in log.statuses()}
    assert_exactly_once(log, egnyte)


async def test_a_dead_cursor_starts_again_without_loss_or_repeat() -> None:
    egnyte, log = simulator([*uploads(600, start_ms=NOW_MS - 3 * HOUR_MS, every_ms=18_000)], cursor_days=1), Log()
    await follow(egnyte, log, for_s=3_600, start=date(2025, 11, 23), **QUICK)
    published = len(log.events())
    assert isinstance(egnyte.clock, VirtualClock)
    egnyte.clock.advance(2 * DAY_MS / 1_000)
    egnyte.append(upload(9_999, date=NOW_MS + DAY_MS), NOW_MS + DAY_MS)
    await follow(egnyte, log, for_s=7_200, **QUICK)
    assert published == 600
    assert_exactly_once(log, egnyte)
    status = log.statuses()[-1]
    assert status.gap is None
    assert "cursor_refused" in {found.error_kind for found in log.statuses()}
    assert status.repeats > 100  # the overlap was read again, and left out


async def test_a_dead_letter_that_repeats_after_a_restart_is_told_by_its_hash() -> None:
    raws = [upload(1, date=NOW_MS - 2_000), b'{"user":"\xff"}', upload(2, date=NOW_MS - 1_000)]
    egnyte, log = simulator(raws, cursor_days=1), Log()
    await follow(egnyte, log, for_s=900, start=date(2025, 11, 24), **QUICK)
    assert isinstance(egnyte.clock, VirtualClock)
    egnyte.clock.advance(2 * DAY_MS / 1_000)
    await follow(egnyte, log, for_s=7_200, **QUICK)
    assert "cursor_refused" in {found.error_kind for found in log.statuses()}
    assert len(log.events()) == 2
    assert [letter.length for letter, _ in log.dead_letters()] == [12, 12]
    assert len({letter.sha256 for letter, _ in log.dead_letters()}) == 1


async def test_a_gap_beyond_the_reach_of_the_stream_is_reported() -> None:
    egnyte, log = simulator([upload(1, date=NOW_MS - HOUR_MS)]), Log()
    await follow(egnyte, log, for_s=300, start=date(2025, 11, 24), **QUICK)
    assert isinstance(egnyte.clock, VirtualClock)
    egnyte.clock.advance(10 * DAY_MS / 1_000)
    await follow(egnyte, log, for_s=7_200, **QUICK)
    gap = log.statuses()[-1].gap
    assert gap is not None
    assert gap.from_ms == NOW_MS - HOUR_MS
    assert NOW_MS + 3 * DAY_MS < gap.to_ms < NOW_MS + 4 * DAY_MS


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="status", status=503, count=3), "server_fault"),
        (Fault(kind="reset", count=3), "unreachable"),
        (Fault(kind="truncate", count=3), "unreachable"),
        (Fault(kind="cut_json", count=4), "malformed"),
        (Fault(kind="html", count=4), "malformed"),
    ],
)
async def test_bad_days_pass(fault: Fault, kind: str) -> None:
    egnyte, log = simulator([*uploads(100, start_ms=NOW_MS - 60_000, every_ms=100)]), Log()
    egnyte.fault(fault)
    await follow(egnyte, log, for_s=900, start=date(2025, 11, 24), **QUICK)
    assert_exactly_once(log, egnyte)
    assert kind in {status.error_kind for status in log.statuses()}
    assert log.statuses()[-1].error_kind == ""
    bodies = [letter for letter, _ in log.dead_letters()]
    assert [letter.stage for letter in bodies] == (["fetch"] if kind == "malformed" else [])


async def test_a_refused_token_waits_for_people() -> None:
    egnyte, log = simulator([upload(1, date=NOW_MS)]), Log()
    token = egnyte.token
    egnyte.revoke_token()
    await follow(egnyte, log, for_s=700, start=date(2025, 11, 24), **QUICK)
    assert {(status.state, status.error_kind) for status in log.statuses()} == {
        ("starting", ""),
        ("refused", "unauthorized"),
        ("stopped", "unauthorized"),
    }
    assert egnyte.journal.total <= 4
    egnyte.issue_token(token=token)
    await follow(egnyte, log, for_s=700, **QUICK)
    assert_exactly_once(log, egnyte)


class LostAck(Log):
    """The commit happens, and the connector never hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[int] = []
        self.commits = 0

    def producer(self, transactional_id: str, offsets: Offsets | None = None) -> Producer:
        return _Deaf(self, transactional_id)


class _Deaf(MemoryProducer):
    async def commit_transaction(self) -> None:
        await super().commit_transaction()
        assert isinstance(self._cluster, LostAck)
        self._cluster.commits += 1
        if self._cluster.commits in self._cluster.losses:
            raise KafkaConnectionError("the broker went away")


CALLS = st.sampled_from(["start", "begin_transaction", "send_batch", "commit_transaction", "abort_transaction", "read"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CALLS, st.integers(1, 3)), max_size=6), st.sets(st.integers(1, 40)), st.integers(0, 9))
def test_nothing_is_lost_or_doubled_whenever_kafka_fails(
    failures: list[tuple[str, int]], losses: set[int], seed: int
) -> None:
    async def story() -> None:
        log = LostAck()
        log.losses = sorted(losses)
        events = uploads(300, start_ms=NOW_MS - 4 * HOUR_MS, every_ms=48_000)
        egnyte = simulator([*events], page_cap=40, slice_minutes=0, repeat_events=3, late_percent=10, seed=seed)
        for call, times in failures:
            log.fail_next(call, KafkaError("on command"), times)
            await follow(egnyte, log, for_s=60, start=date(2025, 11, 23), **QUICK)
        await follow(egnyte, log, for_s=7_200, start=date(2025, 11, 23), **QUICK)
        assert_exactly_once(log, egnyte)

    asyncio.run(story())


async def test_a_second_connector_ends_the_first() -> None:
    egnyte, log = simulator([upload(1, date=NOW_MS)]), Log()
    turns = 0

    class Watched(Log):
        """The first connector's view; when it has written a page, the second one starts on the same cluster."""

        def producer(self, transactional_id: str, offsets: Offsets | None = None) -> Producer:
            return Watching(log, transactional_id)

    class Watching(MemoryProducer):
        async def begin_transaction(self) -> None:
            nonlocal turns
            turns += 1
            if turns == 4:
                await MemoryProducer(log, self.transactional_id).start()
            await super().begin_transaction()

    with pytest.raises(Fenced, match="another connector named 'acme'"):
        await follow(egnyte, log, for_s=7_200, start=date(2025, 11, 24), new_cluster=Watched, **QUICK)
    assert turns == 4


async def test_a_replaced_connector_does_not_fence_its_replacement_after_a_failure() -> None:
    egnyte, log = simulator([upload(1, date=NOW_MS)]), Log()
    begun = 0

    class Replaced(MemoryProducer):
        async def begin_transaction(self) -> None:
            nonlocal begun
            begun += 1
            if begun == 4:
                await follow(egnyte, log, for_s=1, **QUICK)  # the replacement runs, and stops
                raise KafkaConnectionError("and the first one's connection fails")
            await super().begin_transaction()

    class First(Log):
        def __init__(self) -> None:
            self.__dict__ = log.__dict__

        def producer(self, transactional_id: str, offsets: Offsets | None = None) -> Producer:
            return Replaced(log, transactional_id)

    with pytest.raises(Fenced, match="another connector"):
        await follow(egnyte, log, for_s=7_200, start=date(2025, 11, 24), new_cluster=First, **QUICK)
    assert type(log._owners["egnyte-watch-connector-acme"]) is MemoryProducer  # the replacement still owns the id
    assert_exactly_once(log, egnyte)


async def test_told_to_stop_it_does_not_wait_for_an_answer_that_never_comes() -> None:
    stop, log = asyncio.Event(), Log()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        stop.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        configured = msgspec.structs.replace(settings_for(url, "t"), streams=StreamsSettings(stop_within_ms=1_000))
        async with asyncio.timeout(30):
            await serve(configured, stop=stop, new_cluster=lambda: log)
    assert log.cursor().asking  # the next process counts it


async def test_kafka_that_stays_away_ends_the_connector_with_the_reason() -> None:
    egnyte, log = simulator([]), Log()
    log.fail_next("start", KafkaConnectionError("no broker"), times=100_000)
    with pytest.raises(Refused, match=r"failing for 6.. s: KafkaConnectionError"):
        await follow(egnyte, log, for_s=7_200, **QUICK)


async def test_a_cursor_record_that_cannot_be_read_is_refused_with_its_place() -> None:
    egnyte, log = simulator([]), Log()
    await follow(egnyte, log, for_s=1, **QUICK)
    for tp, records in list(log.logs.items()):
        if tp.topic == "egnyte.connectors" and any(record.key == b"acme/cursor" for record in records):
            log.append(tp, [(0, b"acme/cursor", b'{"schema":99,"connector":"acme","instance":"x"}', [])], "committed")
    with pytest.raises(Refused, match=r"egnyte\.connectors/\d+ at offset \d+, key acme/cursor: .*schema 99"):
        await follow(egnyte, log, for_s=1, **QUICK)


async def test_counts_of_the_topic_and_of_the_status_agree() -> None:
    egnyte, log = simulator([*uploads(100, start_ms=NOW_MS - 60_000, every_ms=10)], repeat_events=5), Log()
    await follow(egnyte, log, for_s=1_000, start=date(2025, 11, 24), **QUICK)
    status = log.statuses()[-1]
    assert status.events == len(log.events()) == 100
    assert Counter(found.state for found in log.statuses())["stopped"] == 1
    assert status.lag_ms >= 0


async def test_how_people_are_read_is_told_before_the_next_poll() -> None:
    clock, acme, looks = SystemClock(), EgnyteSettings(name="acme"), 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    async def awaited(waiting: Awaitable[None]) -> None:
        await waiting

    nothing: Any = None
    waiting: Any = SimpleNamespace(
        alarm_in_ms=None, look=look, limiter=SimpleNamespace(wait_ms=lambda now_ms: HOUR_MS),
        quota=SimpleNamespace(wait_ms=lambda now_ms: 0),
    )  # fmt: skip
    roster = Roster(acme, nothing, clock)
    health = roster.beside("entra")
    follower = Follower(
        acme, ledger=waiting, asks=nothing, clock=clock, window=Window(0), interruptible=awaited, roster=roster
    )
    async with asyncio.timeout(30):  # the next poll is in an hour
        health.well(clock.now_ms())
        await follower.turn()
        health.failed("login_refused", "AADSTS7000222", clock.now_ms(), needs_people=True)
        await follower.turn()
    assert looks == 2
    health.failed("login_refused", "AADSTS7000222", clock.now_ms(), needs_people=True)
    assert not roster.news.is_set(), "that is known"
    (status,) = roster.statuses()
    assert (status.error_kind, status.needs_people) == ("login_refused", True)
