"""Workers, rebalances and time, by script."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from streams.cluster import NO_HEADERS, TopicPartition
from streams.lanes import Lanes
from streams.sections import StreamsSettings
from streams.spec import AgentSpec, Cache
from streams.testing.following import MemoryFollower
from streams.testing.memory import MemoryCluster, MemoryRecord
from streams.testing.virtual_time import VirtualTimeLoop

SETTLED_AFTER = 20
"""Rounds without any progress after which everything is taken to be done. A round is a tick of virtual time."""
TICK_S = 0.05


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing runs any more, nothing is cleaned up."""


class Worker:
    """One process with the agent's lanes."""

    def __init__(self, driver: "Driver", number: int) -> None:
        self.number = number
        self.alive = True
        self.stalled = False
        self.crashed_with: BaseException | None = None
        self.steps: list[str] = []
        self._driver = driver
        self._crash: tuple[str, int] | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._followers: list[MemoryFollower] = []
        self.lanes = Lanes(
            driver.spec,
            driver.cluster,
            driver.settings,
            seek=self._seek,
            rejoin=self._rejoin,
            crash=self._end,
            probe=self._probe,
            follow=self._follow,
        )

    def crash_at(self, step: str, times: int = 1) -> None:
        """Die as by kill -9 when `step` of a unit or of a lane's preparation is reached for the `times`-th time."""
        self._crash = (step, times)

    def _probe(self, step: str) -> None:
        self.steps.append(step)
        if self._crash is not None and self._crash[0] == step:
            self._crash = (step, self._crash[1] - 1)
            if self._crash[1] == 0:
                self._driver.kill(self)
                raise Killed(step)

    async def _seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    def _follow(self, cache: Cache) -> MemoryFollower:
        follower = MemoryFollower(self._driver.cluster, cache, self._driver.partitions)
        self._followers.append(follower)
        return follower

    async def _rejoin(self) -> None:
        self._driver.rebalance_wanted = True

    async def _end(self, reason: BaseException) -> None:
        self.crashed_with = reason
        self._driver.kill(self)

    def feed(self, chunk_records: int) -> bool:
        """Have the caches follow, and fetch one chunk for each lane with room; whether there was anything."""
        fed = False
        for follower in self._followers:
            fed |= follower.follow()
        for tp in self.lanes.with_room():
            position = self._positions.get(tp, 0)
            records = [r for r in self._driver.cluster.committed_records(tp) if r.offset >= position][:chunk_records]
            if records:
                self._positions[tp] = records[-1].offset + 1
                self.lanes.offer(tp, self.lanes.generation, records, self.lanes.number_chunk(tp))
                fed = True
        return fed


class Driver:
    """A cluster, workers, and the script's hand on both."""

    def __init__(self, spec: AgentSpec, settings: StreamsSettings, partitions: int = 4) -> None:
        self.spec = spec
        self.settings = settings
        self.partitions = partitions
        self.cluster = MemoryCluster()
        self.workers: list[Worker] = []
        self.chunk_records = 10
        self.rebalance_wanted = False
        self._assignment: dict[Worker, list[int]] = {}
        self._generation = 0

    def worker(self) -> Worker:
        """A new process, not assigned anything yet."""
        worker = Worker(self, len(self.workers))
        self.workers.append(worker)
        return worker

    def produce(
        self, topic: str, partition: int, rows: Iterable[tuple[bytes | None, bytes | None]], timestamp: int = 0
    ) -> None:
        """Committed records, as from a connector."""
        self.cluster.append(
            TopicPartition(topic, partition), [(timestamp, key, value, NO_HEADERS) for key, value in rows], "committed"
        )

    def values(self, topic: str, partition: int) -> list[bytes | None]:
        """What a read_committed consumer has seen of a partition."""
        return [record.value for record in self.records(topic, partition)]

    def records(self, topic: str, partition: int) -> list[MemoryRecord]:
        """The same, whole."""
        return self.cluster.committed_records(TopicPartition(topic, partition))

    async def assign(self, assignment: Mapping[Worker, Sequence[int]], *, unheard_by: Sequence[Worker] = ()) -> None:
        """Rebalance: every living worker stops its lanes, then starts those it is given.

        Workers in `unheard_by` hear nothing of it (a long pause, a partition of the network): they go on as if
        nothing had happened.
        """
        self._generation += 1
        self._assignment = {worker: list(partitions) for worker, partitions in assignment.items()}
        hearing = [worker for worker in self.workers if worker.alive and worker not in unheard_by]
        await asyncio.gather(*(worker.lanes.stop() for worker in hearing))
        for worker in hearing:
            tps = [TopicPartition(self.spec.source, partition) for partition in self._assignment.get(worker, [])]
            worker.lanes.start(tps, self._generation)

    def kill(self, worker: Worker) -> None:
        """kill -9: its tasks vanish where they stand; what it had open stays open until somebody fences it."""
        worker.alive = False
        worker.lanes.abandon()

    async def settle(self) -> None:
        """Let everything run until nothing moves any more. Rejoins that a failing unit asked for are carried out."""
        quiet = 0
        while quiet < SETTLED_AFTER:
            moved = False
            for worker in self.workers:
                if worker.alive and not worker.stalled:
                    moved |= worker.feed(self.chunk_records)
            before = self._progress()
            await asyncio.sleep(TICK_S)
            if self.rebalance_wanted:
                self.rebalance_wanted = False
                await self.assign({w: parts for w, parts in self._assignment.items() if w.alive})
                moved = True
            quiet = 0 if moved or self._progress() != before else quiet + 1

    def _progress(self) -> tuple[int, ...]:
        return (
            sum(len(worker.steps) for worker in self.workers),
            *(worker.lanes.queued_bytes for worker in self.workers),
        )

    async def close(self) -> None:
        """Stop the living."""
        for worker in self.workers:
            if worker.alive:
                await worker.lanes.close()


def run(
    spec: AgentSpec,
    story: Callable[[Driver], Awaitable[Any]],
    *,
    settings: StreamsSettings | None = None,
    partitions: int = 4,
) -> Driver:
    """Play `story` on a fresh cluster and on virtual time; returns the driver, to look at what is left."""
    driver = Driver(spec, settings or StreamsSettings(), partitions)

    async def play() -> None:
        try:
            await story(driver)
        finally:
            await driver.close()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())
    return driver
