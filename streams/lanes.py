"""The lanes of one agent: started on assignment, stopped on revocation, and joined again after a failure.

One way back from every failure: the group is joined anew, and each partition gets a fresh fencing producer and reads
its log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from streams.caches import Caches, Follow, no_follower
from streams.cluster import Cluster, Record, TopicPartition
from streams.errors import Refused, StreamError
from streams.lane import Lane, Seek
from streams.sections import StreamsSettings
from streams.spec import AgentSpec
from streams.state import PartitionState
from streams.unit import Probe, no_probe

log = structlog.get_logger(__name__)
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 5.0


class Lanes:
    """All lanes of one agent in this process.

    `rejoin`: has the group joined again. `crash`: ends the process with the given reason. `seek`: positions the
    consumer and lets it fetch. `follow`: makes the follower of a cache; an agent without caches needs none.
    """

    def __init__(
        self,
        spec: AgentSpec,
        cluster: Cluster,
        settings: StreamsSettings,
        *,
        seek: Seek,
        rejoin: Callable[[], Awaitable[None]],
        crash: Callable[[BaseException], Awaitable[None]],
        probe: Probe = no_probe,
        follow: Follow = no_follower,
    ) -> None:
        self.spec = spec
        self.room = asyncio.Event()
        self.generation = -1
        self.processed = 0
        self._cluster = cluster
        self._settings = settings
        self._seek = seek
        self._rejoin = rejoin
        self._crash = crash
        self._probe = probe
        self._lanes: dict[TopicPartition, Lane] = {}
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self._kept: dict[TopicPartition, PartitionState] = {}
        self._recovery: asyncio.Task[None] | None = None
        self._broken: set[TopicPartition] = set()
        self._failing: dict[TopicPartition, _Failing] = {}
        self._closed = False
        self._caches = Caches(spec.caches, follow, crash)

    def with_room(self) -> list[TopicPartition]:
        """Partitions that may be fetched now: ready, with room, and all together within the prefetch bound."""
        if self.queued_bytes >= self._settings.prefetch_bytes:
            return []
        return [tp for tp, lane in self._lanes.items() if lane.has_room]

    @property
    def queued_bytes(self) -> int:
        """What waits in all lanes, in bytes."""
        return sum(lane.queued_bytes for lane in self._lanes.values())

    @property
    def all_ready(self) -> bool:
        """Whether every assigned partition has been restored and is being worked on."""
        return all(lane.ready for lane in self._lanes.values())

    @property
    def records_processed(self) -> int:
        """Since the process began."""
        return self.processed + sum(lane.processed for lane in self._lanes.values())

    def values(self, tp: TopicPartition) -> dict[bytes, bytes]:
        """The committed state of a partition (empty where it is not here)."""
        lane = self._lanes.get(tp)
        return lane.state.values if lane is not None and lane.state is not None else {}

    @property
    def partitions(self) -> list[TopicPartition]:
        """The partitions assigned here."""
        return list(self._lanes)

    def number_chunk(self, tp: TopicPartition) -> int:
        """The number of the chunk just fetched for `tp`, see `Lane.number_chunk`; 0 where there is no lane any more."""
        lane = self._lanes.get(tp)
        return 0 if lane is None else lane.number_chunk()

    def check_arrivals(self) -> None:
        """Has the lanes look for chunks that were fetched and did not arrive."""
        for lane in self._lanes.values():
            lane.check_arrival()

    def offer(self, tp: TopicPartition, generation: int, records: Sequence[Record], number: int) -> None:
        """A fetched chunk. Of an older generation, or of a partition that is not here (any more): dropped, it will be
        fetched again."""
        lane = self._lanes.get(tp)
        if generation != self.generation or lane is None or not lane.ready:
            log.debug("chunk of an older generation dropped", agent=self.spec.name, partition=tp.partition)
            return
        lane.offer(records, number)

    def start(self, assigned: Iterable[TopicPartition], generation: int) -> None:
        """A lane for each assigned partition, not only for new ones: each generation fences anew. Lanes of before
        must be stopped."""
        if self._closed:
            return
        self.generation = generation
        self._broken.clear()
        assigned = list(assigned)
        for elsewhere in ({*self._kept, *self._failing}).difference(assigned):
            self._kept.pop(elsewhere, None)
            self._failing.pop(elsewhere, None)
        for tp in assigned:
            known = self._kept.pop(tp, None)
            lane = Lane(
                self.spec,
                tp,
                self._cluster,
                self._settings,
                seek=self._seek,
                known=known,
                probe=self._probe,
                on_room=self.room.set,
            )
            self._lanes[tp] = lane
            self._tasks[tp] = asyncio.create_task(self._run(lane), name=f"{self.spec.name}-{tp.partition}")

    async def stop(self) -> None:
        """On revocation: every unit in flight is awaited, for `revoke_wait_ms` at most, or aborted; then nothing of
        the lanes is left."""
        lanes, tasks = list(self._lanes.values()), list(self._tasks.values())
        self._broken.clear()  # what follows replaces every lane
        for lane in lanes:
            lane.stop()
        idle = [task for lane, task in zip(lanes, tasks, strict=True) if not lane.busy]
        for task in idle:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._settings.revoke_wait_ms / 1000)
            for task in late:
                log.warning("a unit did not commit in time and is aborted", agent=self.spec.name, task=task.get_name())
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)
        await asyncio.gather(*(lane.close() for lane in lanes))
        for lane in lanes:
            if self._lanes.get(lane.tp) is not lane:
                continue  # stopped twice at once, by a rebalance and for good: only the first to end counts it
            del self._lanes[lane.tp], self._tasks[lane.tp]
            if lane.state is not None and not lane.busy:
                self._kept[lane.tp] = lane.state
            self.processed += lane.processed
            if self._has_recovered(lane):
                self._failing.pop(lane.tp, None)
        self.room.set()

    def abandon(self) -> None:
        """As kill -9 does: tasks end where they stand, nothing is aborted, closed or kept."""
        for task in (*self._tasks.values(), *([self._recovery] if self._recovery is not None else [])):
            task.cancel()
        self._lanes.clear()
        self._tasks.clear()
        self._kept.clear()
        self._caches.abandon()

    async def close(self) -> None:
        """For good."""
        self._closed = True
        if self._recovery is not None:
            self._recovery.cancel()
        await self.stop()
        await self._caches.stop()
        self._kept.clear()

    async def _run(self, lane: Lane) -> None:
        try:
            await self._caches.ready()
            await lane.run()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled this lane: a client did away with what it waited for. It must not end unnoticed.
            await self._failed(lane, StreamError("a call to Kafka was given up by its client"))
        except Refused as refusal:
            await self._crash(refusal)
        except Exception as error:  # noqa: BLE001 - Kafka's errors come from many roots; all have the same way back
            await self._failed(lane, error)

    async def _failed(self, lane: Lane, error: Exception) -> None:
        """Each partition has a clock of its own: the progress of others must not hide one that is stuck for ever."""
        now = asyncio.get_running_loop().time()
        failing = self._failing.get(lane.tp)
        if failing is None or self._has_recovered(lane):
            failing = self._failing[lane.tp] = _Failing(now)
        failing.times += 1
        failing_ms = (now - failing.since) * 1000
        words = {"agent": self.spec.name, "partition": lane.tp.partition, "error": f"{type(error).__name__}: {error}"}
        if failing_ms >= self._settings.retry_for_ms:
            log.error("giving up: nothing could be committed", minutes=round(failing_ms / 60_000, 1), **words)
            await self._crash(error)
            return
        wait_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(failing.times - 1, 10))
        if lane.stopping:
            log.warning("a unit failed while its partition was taken away", **words)
            return
        log.warning("a unit failed; joining the group again", wait_s=wait_s, **words)
        self._broken.add(lane.tp)
        if self._recovery is None or self._recovery.done():
            self._recovery = asyncio.create_task(self._recover(wait_s), name=f"{self.spec.name}-recover")

    def _has_recovered(self, lane: Lane) -> bool:
        """Whether `lane` got on since it was started: it committed, or it stood ready for so long that an earlier
        failure has nothing to do with this one."""
        if lane.processed or lane.ready_at is None:
            return lane.processed > 0
        return (asyncio.get_running_loop().time() - lane.ready_at) * 1000 >= self._settings.retry_for_ms

    async def _recover(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if not self._broken:
            return  # a rebalance has replaced every lane meanwhile
        try:
            await self._rejoin()
        except Exception as error:  # noqa: BLE001 - without a group nothing would ever be heard of these partitions
            await self._crash(error)


class _Failing:
    """Of one partition, since it last got on: from when, in the loop's time, and how often."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.times = 0
