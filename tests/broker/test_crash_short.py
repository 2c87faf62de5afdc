"""The short form of `make crash`, and what should happen instead of a crash: an orderly stop."""

import asyncio
from contextlib import closing
from pathlib import Path

from agents import detect, enrich
from simulators.clock import RealClock
from simulators.egnyte import EgnyteSimulator, Switches
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import group_name
from tests.broker.groups import shares, until_shared
from tests.broker.progress import until_fed
from tests.crash.books import audit
from tests.crash.killing import Victim, environment, feed, massacre, raw_events, until_drained

LATER_STEPS = 12
"""Of the sequence of kills: from here on they strike between the outputs and the commit."""
RATE = 200


async def test_eight_kills_leave_nothing_missing_doubled_or_wrong(kafka: str, prefix: str, tmp_path: Path) -> None:
    log_path = tmp_path / "victims.log"
    kills: list[str] = []
    balance = await massacre(
        kafka, prefix, 8, seed=20260731, log_path=log_path, say=kills.append, rate=RATE, first=LATER_STEPS
    )
    assert balance.balanced, f"{balance}\n{log_path.read_text()[-5_000:]}"
    assert len(kills) == 8
    assert balance.activities == balance.events > 1_000
    assert min(balance.attempts, balance.findings, balance.keys) > 0


async def test_a_busy_worker_that_is_asked_to_stop_leaves_in_order(kafka: str, prefix: str, tmp_path: Path) -> None:
    simulator = EgnyteSimulator([], RealClock(), Switches.unlimited())
    log_path = tmp_path / "victims.log"
    async with simulator.serve() as url:
        variables = environment(kafka, prefix, url, simulator.token)
        settings = load(None, variables).settings
        groups = [group_name(settings, agent) for agent in (enrich.NAME, detect.NAME)]
        await prepare_topics(settings)
        feeding = asyncio.create_task(feed(simulator, raw_events(3), RATE))
        with closing(log_path.open("ab")) as log:
            connector, leaving, staying = (Victim(role, variables, log) for role in ("connector", "worker", "worker"))
            try:
                await asyncio.gather(connector.start(), leaving.start())
                alone = [await until_shared(settings, group, 1) for group in groups]
                await staying.start()
                for group in groups:
                    await until_shared(settings, group, 2)
                await until_fed(settings, simulator, RATE)
                async with asyncio.timeout(settings.streams.stop_within_ms / 1000):
                    assert await leaving.stop() == 0
                # At once, not when its session would have ended.
                for group, before in zip(groups, alone, strict=True):
                    _, members = await shares(settings, group)
                    assert members.keys().isdisjoint(before)
                    assert len(members) == 1
                assert "not everything stopped in time" not in log_path.read_text()
                await until_fed(settings, simulator, RATE)
                feeding.cancel()
                await until_drained(settings, simulator)
            finally:
                feeding.cancel()
                codes = [await victim.stop() for victim in (connector, staying)]
            assert codes == [0, 0]
        balance = await audit(settings, simulator.visible_events())
    assert balance.balanced, str(balance)
    assert balance.activities == balance.events > 2 * RATE
