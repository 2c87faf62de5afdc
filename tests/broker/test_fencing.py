"""The two traps of transactions: a broker that is away for longer than one may last, and a worker that wakes up when
its partitions have long been somebody else's. Nothing is lost, doubled or stuck, and nobody restarts anything.
"""

import asyncio
import contextlib
import gc
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from agents import detect, enrich, networks, profile
from connectors.egnyte.service import serve
from connectors.places import Places
from simulators.clock import RealClock
from simulators.egnyte import EgnyteSimulator, Switches
from simulators.kafka import DevelopmentKafka
from streams.app import build
from streams.sections import Settings
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import group_name
from streams.transport import ChunkConsumer
from tests.broker.counting_site import CountingSite, settings_of
from tests.broker.groups import until_shared
from tests.broker.progress import until_fed, until_through
from tests.broker.waiting import DEADLINE_S, until
from tests.crash.books import Balance, audit
from tests.crash.killing import Victim, environment, feed, raw_events, until_drained

AWAY_S = 90
"""Longer than a transaction may last (60 s), so that the broker ends what was open."""
RATE = 100
"""Events per second: all the time, so that something is always under way."""


@pytest.fixture(autouse=True)
def sockets_of_brokers_that_died() -> Iterator[None]:
    """aiokafka leaves them to the garbage collector; here, and not in the middle of another test or of the report."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.slow
async def test_a_broker_that_is_away_for_90_s_loses_and_doubles_nothing() -> None:
    """Stopped with its connections left open, and killed and started again: side by side, each on its own broker."""
    stopped, killed = DevelopmentKafka(), DevelopmentKafka()
    try:
        await asyncio.gather(asyncio.to_thread(stopped.start), asyncio.to_thread(killed.start))
        balances = await asyncio.gather(
            an_outage(stopped, enrich.NAME, "offsets sent", stopped.pause, stopped.resume),
            an_outage(killed, detect.NAME, "delivered", killed.kill, killed.restart),
        )
    finally:
        stopped.close()
        killed.close()
    for balance in balances:
        assert balance.balanced, str(balance)
        assert balance.events > RATE * AWAY_S / 2
        assert balance.findings > 0


async def an_outage(
    broker: DevelopmentKafka, agent: str, step: str, go: Callable[[], None], come_back: Callable[[], None]
) -> Balance:
    """Connector and worker in this process; the broker goes when `agent` reaches `step` for the 10th time."""
    away = asyncio.Event()
    left = 10

    def probe(reached: str) -> None:
        nonlocal left
        if reached == step:
            left -= 1
            if left == 0:
                go()
                away.set()

    simulator = EgnyteSimulator([], RealClock(), Switches.unlimited())
    async with simulator.serve() as url:
        settings = load(None, environment(broker.bootstrap, "outage", url, simulator.token)).settings
        await prepare_topics(settings)
        places = Places(settings.places)
        specs = (
            enrich.spec(settings, places), detect.spec(settings), networks.spec(settings), profile.spec(settings),
        )  # fmt: skip
        apps = [build(settings, spec, probe if spec.name == agent else ignore) for spec in specs]
        stop = asyncio.Event()
        feeding = asyncio.create_task(feed(simulator, raw_events(7), RATE))
        connecting = asyncio.create_task(serve(settings, stop=stop))
        try:
            await asyncio.gather(*(app.start() for app in apps))
            async with asyncio.timeout(DEADLINE_S):
                await away.wait()
            await asyncio.sleep(AWAY_S)  # the outage itself
            await asyncio.to_thread(come_back)
            await until_fed(settings, simulator, RATE)
            feeding.cancel()
            await until_drained(settings, simulator)
            assert not connecting.done(), connecting.exception()
            assert [app.crash_reason for app in apps] == [None] * len(specs)
        finally:
            feeding.cancel()
            stop.set()
            await asyncio.gather(*(app.stop() for app in apps))
            await connecting
        return await audit(settings, simulator.visible_events())


def ignore(step: str) -> None:
    """The probe of the agent that has nothing to do with it."""


async def test_a_worker_that_wakes_up_after_its_session_is_fenced(kafka: str, prefix: str, tmp_path: Path) -> None:
    """First one worker stops between its last delivery and its commit, then the other one wherever it is."""
    simulator = EgnyteSimulator([], RealClock(), Switches.unlimited())
    log_path = tmp_path / "victims.log"
    async with simulator.serve() as url:
        variables = environment(kafka, prefix, url, simulator.token)
        settings = load(None, variables).settings
        await prepare_topics(settings)
        feeding = asyncio.create_task(feed(simulator, raw_events(11), RATE))
        with contextlib.closing(log_path.open("ab")) as log:
            connector = Victim("connector", variables, log)
            sleeper, heir = Victim("worker", variables, log), Victim("worker", variables, log)
            everybody = (connector, sleeper, heir)
            try:
                await asyncio.gather(connector.start(), heir.start())
                await sleeper.start("--at", "delivered", "--times", "15", "--stop")
                for asleep in (sleeper, heir):
                    if asleep is heir:
                        os.kill(heir.pid, signal.SIGSTOP)
                    await until_stopped(asleep)
                    await until_members(settings, 1)
                    await until_through(settings)  # somebody else has done its work, all of it
                    os.kill(asleep.pid, signal.SIGCONT)
                    await until_members(settings, 2)
                    await until_fed(settings, simulator, RATE)
                feeding.cancel()
                await until_drained(settings, simulator)
                assert all(victim.running for victim in everybody)
            finally:
                feeding.cancel()
                for victim in everybody:
                    if victim.running:
                        os.kill(victim.pid, signal.SIGCONT)
                codes = [await victim.stop() for victim in everybody if victim.running]
        said = log_path.read_text()
        assert codes == [0, 0, 0], said[-5_000:]
        balance = await audit(settings, simulator.visible_events())
    assert balance.balanced, str(balance)
    assert balance.findings > 0


async def until_stopped(victim: Victim) -> None:
    """Waits for the SIGSTOP that the victim was sent, or sends to itself."""

    def has_stopped() -> bool:
        return os.waitid(os.P_PID, victim.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None

    async def stopped() -> bool:
        return has_stopped()

    await until(stopped, f"{victim.role} {victim.pid} stops")


async def until_members(settings: Settings, count: int) -> None:
    """Waits until each agent's group shares all partitions out among `count` members."""
    for agent in (enrich.NAME, detect.NAME):
        await until_shared(settings, group_name(settings, agent), count)


async def test_joining_again_while_the_broker_is_away_joins_when_it_is_back() -> None:
    with DevelopmentKafka() as broker:
        async with CountingSite(settings_of(broker.bootstrap, "away")) as site, site.running() as app:
            consumer = cast(ChunkConsumer, app.consumer)
            await site.produce([(b"k", b"v")] * 3)
            await site.until_values(3)
            generation = app.lanes.generation
            broker.kill()

            async def unheard_of() -> bool:
                coordinator = consumer.kafka._coordinator
                return coordinator is not None and coordinator.coordinator_id is None

            await until(unheard_of, "the group's coordinator is found dead")
            await consumer.rejoin()
            await asyncio.to_thread(broker.restart)

            async def joined() -> bool:
                return app.lanes.generation > generation and bool(app.lanes.partitions) and app.lanes.all_ready

            await until(joined, "the group is joined again")
            await site.produce([(b"k", b"v")] * 3)
            await site.until_values(6)
            assert app.crash_reason is None
            assert await site.values() == [b"%d:%d" % (n, n + 1) for n in range(6)]
