"""A scenario through the real pipeline: Kafka, worker processes with all agents, and what they wrote read back.

Events go straight to the topic, as a connector would publish them, with the times at which they would have been
received, one day after the other: the next day begins when all agents have committed the one before. So what enrich
knows of the organisation and of people is of the day before, as it is in life. Topics keep everything: the scenario's
dates are fixed, so that the score is the same on any day, and a broker deletes what is older than its topic keeps.
"""

import asyncio
import contextlib
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, structs
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from msgspec.structs import replace

from agents.worker import REFRESH_S
from benchmarks.score.findings import Told, collected
from benchmarks.score.memory import settings as shipped
from benchmarks.score.people import Tenant
from benchmarks.score.traffic import DAY_MS, Day, days
from benchmarks.score.world import World
from benchmarks.workload import CONNECTOR, publish
from connectors.directory import DirectoryPublisher
from console.commands.run import AGENTS
from console.demo_settings import environment
from simulators.scenario import Scenario
from streams.cluster import TopicPartition
from streams.kafka import client_options
from streams.kafka_admin import admin_client
from streams.kafka_cluster import KafkaCluster
from streams.sections import KafkaSettings
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, TOPICS, full_name, group_name, topic_configs, topic_name

SOURCES: Final = {"enrich": "events", "detect": "activities", "networks": "attempts", "profile": "activities"}
"""What each agent reads."""
DRAIN_WITHIN_S: Final = 300.0
LOOK_EVERY_S: Final = 0.1
ROOT: Final = Path(__file__).resolve().parents[2]
Say = Callable[[str], None]


class Site:
    """Topics of an own prefix on a broker, the settings that name them, and what was published when."""

    def __init__(self, bootstrap: str, folder: Path, world: World) -> None:
        kafka = KafkaSettings(bootstrap=bootstrap, topic_prefix=f"score{secrets.token_hex(3)}")
        self.settings = replace(shipped(world.settings), kafka=kafka)
        self.folder = folder
        self.cluster = KafkaCluster(self.settings, f"{kafka.topic_prefix}-score")

    async def prepare(self) -> None:
        """Makes the topics, which keep everything."""
        await prepare_topics(self.settings)
        kept = [
            ConfigResource(
                ConfigResourceType.TOPIC,
                full_name(self.settings, topic),
                {**topic_configs(self.settings, topic), "retention.ms": "-1"},
            )
            for topic in TOPICS
            if topic.cleanup == "delete"
        ]
        async with admin_client(self.settings) as client:
            for answer in await client.alter_configs(kept):
                for code, message, _, name in answer.resources:
                    if code:
                        raise RuntimeError(f"{name} can't be made to keep everything: {message or for_code(code)}")

    @contextlib.contextmanager
    def workers(self, count: int, agents: Sequence[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
        """`count` worker processes with `agents`, until the end of the context."""
        variables = environment(self.settings)
        processes = []
        with contextlib.ExitStack() as logs:
            for number in range(count):
                log = logs.enter_context((self.folder / f"{self.settings.kafka.topic_prefix}-{number}.log").open("wb"))
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "console.cli", "worker", "--agents", ",".join(agents)],
                        cwd=ROOT, env=variables, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                    )
                )  # fmt: skip
            try:
                yield processes
            finally:
                for process in processes:
                    process.send_signal(signal.SIGTERM)
                for process in processes:
                    try:
                        process.wait(30)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()

    async def joined(self, processes: Sequence[subprocess.Popen[bytes]], agents: Sequence[str]) -> None:
        """Returns when every worker is a member of every agent's group. Raises as `drained` does."""
        deadline = time.monotonic() + DRAIN_WITHIN_S
        groups = [group_name(self.settings, agent) for agent in agents]
        async with admin_client(self.settings) as client:
            while (members := await _members(client, groups)) < len(processes):
                self._check(processes)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"only {members} of {len(processes)} workers have joined the groups")
                await asyncio.sleep(LOOK_EVERY_S)

    async def drained(self, processes: Sequence[subprocess.Popen[bytes]], agents: Sequence[str]) -> None:
        """Returns when all `agents` have committed all that is there for them, in the order of the data. Raises
        RuntimeError where a worker ended, TimeoutError where it takes too long.
        """
        deadline = time.monotonic() + DRAIN_WITHIN_S
        for agent in (each for each in SOURCES if each in agents):
            waiting = {TopicPartition(topic_name(self.settings, SOURCES[agent]), n) for n in range(PARTITIONS)}
            while waiting:
                self._check(processes)
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{agent} has not worked through {len(waiting)} partitions in {DRAIN_WITHIN_S} s"
                    )
                behind = [tp for tp in waiting if not await self._committed(agent, tp)]
                waiting = set(behind)
                if waiting:
                    await asyncio.sleep(LOOK_EVERY_S)

    async def _committed(self, agent: str, tp: TopicPartition) -> bool:
        _, end = await self.cluster.bounds(tp)
        if end == 0:
            return True
        try:
            found = await self.cluster.committed(group_name(self.settings, agent), tp)
        except KafkaError:  # a fresh broker has no coordinator yet
            return False
        if found is None or found.offset < end - PARTITIONS:
            return False
        # The last record may be followed by markers: one of each of the transactions that wrote there at last.
        return not any([chunk async for chunk in self.cluster.read(tp, found.offset)]) if found.offset < end else True

    def _check(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        for number, process in enumerate(processes):
            if process.poll() is not None:
                log = self.folder / f"{self.settings.kafka.topic_prefix}-{number}.log"
                raise RuntimeError(f"worker {number} ended by itself: {log.read_text(errors='replace')[-2_000:]}")

    async def read(self, *names: str) -> list[Any]:
        """All committed records of these topics."""
        topics = [topic_name(self.settings, name) for name in names]
        partitions = [structs.TopicPartition(topic, n) for topic in topics for n in range(PARTITIONS)]
        consumer = AIOKafkaConsumer(
            **client_options(self.settings.kafka), enable_auto_commit=False, isolation_level="read_committed",
            auto_offset_reset="earliest",
        )  # fmt: skip
        await consumer.start()
        found: list[Any] = []
        try:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += records
        finally:
            await consumer.stop()
        return found

    async def close(self) -> None:
        """Closes the connections."""
        await self.cluster.close()


async def _members(client: Any, groups: list[str]) -> int:
    """Of how many members the smallest of `groups` consists; 0 while one is being rebalanced."""
    counts = []
    for group in groups:  # aiokafka can't read an answer about several
        try:
            (answer,) = await client.describe_consumer_groups([group])
        except KafkaError:  # a fresh broker has no coordinator yet
            return 0
        ((_, _, state, _, _, members, *_),) = answer.groups
        counts.append(len(members) if state == "Stable" else 0)
    return min(counts)


class Run:
    """One scenario on one site. `wall_s`: what passed from a day's publication to all of it being judged, by day."""

    def __init__(self, site: Site, world: World, scenario: Scenario, workers: int, say: Say) -> None:
        self.site = site
        self.events = 0
        self.wall_s: list[tuple[int, float]] = []
        self._world = world
        self._scenario = scenario
        self._workers = workers
        self._say = say
        self._now_ms = 0

    async def run(self, *, shuffled: bool = False) -> list[Told]:
        """Publishes all days, and returns what was found."""
        await self.site.prepare()
        tenant = Tenant(self._scenario)
        async with self._people() as people:
            self._now_ms = self._scenario.start_ms - 100 * DAY_MS
            await people.put("entra", tenant.everybody(), complete=True, position="")
            with self.site.workers(self._workers, AGENTS) as processes:
                await self.site.joined(processes, AGENTS)
                for day in days(self._scenario, shuffled=shuffled):
                    await self._show(day)
                    began = time.monotonic()
                    for records, change in day.parts():
                        await publish(self.site.settings, records)
                        self.events += len(records)
                        if change is not None:
                            # Enrich knows a change at once, and would stamp with it what came before and still waits.
                            await self.site.drained(processes, ("enrich",))
                            self._now_ms = change.learned_ms
                            await people.put("entra", [tenant.changed(change)])
                    await self.site.drained(processes, AGENTS)
                    self.wall_s.append((len(day.records), time.monotonic() - began))
                    self._say(f"{(day.start_ms - self._scenario.start_ms) // DAY_MS + 1} days, {self.events:,} events")
        return collected((each.timestamp, each.value) for each in await self.site.read("alerts", "behaviors"))

    @contextlib.asynccontextmanager
    async def _people(self) -> AsyncIterator[DirectoryPublisher]:
        publisher = DirectoryPublisher(self.site.settings, self.site.cluster, CONNECTOR, now_ms=lambda: self._now_ms)
        await publisher.start()
        try:
            yield publisher
        finally:
            await publisher.close()

    async def _show(self, day: Day) -> None:
        """Takes new files into use, as workers do by themselves within `REFRESH_S`."""
        if day.surroundings is not None:
            self._world.show(day.surroundings)
            await asyncio.sleep(REFRESH_S + 2)  # nobody tells when the last worker has looked
