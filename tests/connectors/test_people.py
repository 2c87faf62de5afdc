"""The service that keeps the directory: from a tenant over real HTTP to the topic, whatever Graph and Kafka do."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from connectors.directory import DirectoryPublisher
from connectors.directory.health import SourceHealth
from connectors.entra.follower import EntraFollower
from connectors.people import people_service
from connectors.sessions import Sessions, together
from schemas import directory as schema
from simulators.clock import VirtualClock
from simulators.entra import App, AppSecret, EntraSimulator, Fault, Switches
from streams.cluster import TopicPartition
from streams.errors import Fenced, Refused
from streams.sections import Settings, StreamsSettings
from streams.topics import PARTITIONS
from tests.connectors.egnyte.harness import Log
from tests.connectors.entra.harness import NOW_MS, SECRET, JumpingClock, people, settings_for, site

REAL_S = 30


class StoppingClock(JumpingClock):
    """Stops the service when it is `end_ms`; `before_sleep` is called with the time."""

    def __init__(self, virtual: VirtualClock, stop: asyncio.Event, for_s: float) -> None:
        super().__init__(virtual)
        self._stop = stop
        self._end_ms = virtual.now_ms() + round(for_s * 1_000)
        self.before_sleep: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        self.before_sleep()
        await super().sleep(seconds)
        if self.now_ms() >= self._end_ms:
            self._stop.set()


def tenant_of(count: int) -> EntraSimulator:
    return EntraSimulator(people(count), VirtualClock(NOW_MS), Switches.unlimited())


async def serve(
    tenant: EntraSimulator, log: Log, *, for_s: float, during: Callable[[int], None] = lambda turn: None, **entra: Any
) -> StoppingClock:
    """Runs the service for `for_s` seconds of the tenant's time; `during` is called before each of its sleeps."""
    stop, turns = asyncio.Event(), 0
    assert isinstance(tenant.clock, VirtualClock)
    clock = StoppingClock(tenant.clock, stop, for_s)

    def count() -> None:
        nonlocal turns
        during(turns)
        turns += 1

    clock.before_sleep = count
    async with tenant.serve() as url:
        settings = Settings(entra=settings_for(tenant, url, entra), streams=StreamsSettings(retry_for_ms=60_000))
        async with (
            people_service(settings, "acme", stop=stop, clock=clock, new_cluster=lambda: log) as service,
            asyncio.timeout(REAL_S),
        ):
            await service.serve()
    return clock


def known(log: Log) -> set[str]:
    """The users who are there, by the directory's topic."""
    newest = {
        record.key: record.value
        for number in range(PARTITIONS)
        for record in log.committed_records(TopicPartition("egnyte.directory", number))
    }
    records = [schema.decode(value) for key, value in newest.items() if value and b"~source-" not in (key or b"")]
    return {record.user for record in records if not record.account.deleted}


def told(log: Log) -> list[tuple[str, str]]:
    changes = [schema.decode_change(record.value or b"") for record in log.events()]
    return sorted((change.email.partition("@")[0], change.change) for change in changes)


async def test_people_are_read_again_and_again() -> None:
    tenant, log = tenant_of(5), Log()

    def during(turn: int) -> None:
        if turn == 1:
            tenant.directory.delete("u1")

    clock = await serve(tenant, log, for_s=300, during=during)
    assert known(log) == {f"user{n}@example.com" for n in (0, 2, 3, 4)}
    assert told(log) == [("user1", "removed")]
    assert clock.slept == [60.0] * 5


async def test_what_graph_does_ends_nothing() -> None:
    tenant, log = tenant_of(3), Log()
    tenant.fault(Fault(kind="status", count=0, duration_s=1_000))
    clock = await serve(tenant, log, for_s=3_000)
    assert len(known(log)) == 3
    assert 300.0 >= max(clock.slept) > 60.0


async def test_graph_may_be_away_for_weeks() -> None:
    async with site(people(1)) as place:
        publisher = DirectoryPublisher(Settings(), Log(), "acme", now_ms=place.clock.now_ms)
        await publisher.start()
        follower = EntraFollower(place.entra, place.client, publisher, SourceHealth("entra", place.clock.now_ms))
        follower._failures = 5_000
        place.tenant.fault(Fault(kind="status", status=410))
        assert await follower.turn() == 300.0
        assert await follower.turn() == place.entra.poll_interval_s
        assert len(publisher.directory) == 1


async def test_how_it_goes_is_told_and_outlasts_the_process() -> None:
    async with site(people(3)) as place:
        log, clock = Log(), place.clock
        health = SourceHealth("entra", clock.now_ms)
        assert (health.status().read_ms, health.status().people) == (0, 0)

        async def started(health: SourceHealth) -> EntraFollower:
            publisher = DirectoryPublisher(Settings(), log, "acme", now_ms=clock.now_ms)
            await publisher.start()
            return EntraFollower(place.entra, place.client, publisher, health)

        follower = await started(health)
        await follower.turn()
        first = health.status()
        assert (first.people, first.error_kind, first.failing_ms) == (3, "", 0)
        assert first.read_ms == first.complete_ms == first.position_ms == clock.now_ms()
        assert (first.next_ms, first.credential) == (clock.now_ms() + 60_000, "secret")
        assert first.credential_ends_ms > clock.now_ms(), "the simulated app may read its registration"
        clock.virtual.advance(3_600)
        await follower.turn()
        then = health.status()
        assert (then.read_ms, then.position_ms, then.complete_ms) == (clock.now_ms(), clock.now_ms(), first.read_ms)
        failing_ms = clock.now_ms()
        place.tenant.apps.register(App(client_id=place.entra.client_id))
        place.tenant.apps.revoke_tokens()
        for _ in range(2):
            await follower.turn()
            clock.virtual.advance(300)
        failed = health.status()
        assert (failed.error_kind, failed.needs_people, failed.failing_ms) == ("login_refused", True, failing_ms)
        assert "AADSTS7000215" in failed.error
        assert (failed.people, failed.read_ms, failed.next_ms) == (3, then.read_ms, clock.now_ms())
        place.tenant.apps.register(App(client_id=place.entra.client_id, secrets=(AppSecret(SECRET),)))
        await follower.turn()
        assert (health.status().error_kind, health.status().failing_ms) == ("", 0)
        health.proven_by("secret", 0)
        assert health.status().credential_ends_ms == first.credential_ends_ms, "nobody knows now"
        another = SourceHealth("entra", clock.now_ms)
        await started(another)
        assert (another.status().people, another.status().read_ms) == (3, clock.now_ms())


async def test_a_login_that_is_refused_is_tried_rarely() -> None:
    tenant, log = tenant_of(3), Log()
    tenant.client_secret = "another"  # noqa: S105 - wrong on purpose
    clock = await serve(tenant, log, for_s=1_500)
    assert known(log) == set()
    assert clock.slept == [300.0] * 5


@pytest.mark.parametrize("call", ["start", "begin_transaction", "send_batch", "commit_transaction", "read"])
async def test_what_kafka_does_ends_a_session_and_the_next_goes_on(call: str) -> None:
    tenant, log = tenant_of(5), Log()

    def during(turn: int) -> None:
        if turn == 1:
            tenant.directory.change("u1", accountEnabled=False)
            log.fail_next(call, KafkaConnectionError("away"), times=2)

    log.fail_next(call, KafkaConnectionError("away"), times=2)
    await serve(tenant, log, for_s=400, during=during)
    assert len(known(log)) == 5
    assert told(log) == [("user1", "disabled")]


async def test_kafka_that_stays_away_is_told() -> None:
    tenant, log = tenant_of(1), Log()
    log.fail_next("start", KafkaConnectionError("away"), times=1_000)
    with pytest.raises(Refused, match="has been failing for 60 s: KafkaConnectionError"):
        await serve(tenant, log, for_s=4_000)


async def test_what_no_retry_mends_is_told_at_once() -> None:
    tenant, log = tenant_of(1), Log()
    log.fail_next("send_batch", TopicAuthorizationFailedError("egnyte.directory"))
    with pytest.raises(Refused, match="access rights"):
        await serve(tenant, log, for_s=4_000)


async def test_the_first_of_two_services_ends_and_says_why() -> None:
    tenant, log = tenant_of(1), Log()
    rival = log.producer("egnyte-watch-directory-acme")
    started: list[asyncio.Task[None]] = []

    def during(turn: int) -> None:
        if turn == 1:
            started.append(asyncio.get_running_loop().create_task(rival.start()))

    with pytest.raises(Fenced, match="another connector named 'acme'"):
        await serve(tenant, log, for_s=4_000, during=during)
    assert started[0].done()


async def test_without_a_source_there_is_nothing_to_do() -> None:
    stop = asyncio.Event()
    clock = StoppingClock(VirtualClock(NOW_MS), stop, 1)
    async with people_service(Settings(), "acme", stop=stop, clock=clock, new_cluster=Log) as service:
        await service.serve()
    assert clock.slept == []


async def test_the_first_to_fail_ends_the_others_and_is_told_alone() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise Fenced("taken over")

    with pytest.raises(Fenced, match="taken over"):
        await together([forever(), fails()])
    assert ended == ["forever"]


async def test_told_to_stop_a_session_is_left_with_what_it_opened_closed() -> None:
    stop, closed = asyncio.Event(), asyncio.Event()
    sessions = Sessions("works", stop=stop, clock=JumpingClock(VirtualClock(NOW_MS)), retry_for_ms=1_000)

    async def session() -> None:
        stop.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.set()

    async with asyncio.timeout(REAL_S):
        await sessions.run(session)
    assert closed.is_set()
