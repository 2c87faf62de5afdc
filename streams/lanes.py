"""The lanes of one agent: started on assignment, stopped on revocation, and joined again after a failure.

One way back from every failure: the group is joined anew, and each partition gets a fresh fencing producer and reads
its log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from streams.cluster import Cluster, Record, TopicPartition
from streams.errors import Refused
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
    consumer and lets it fetch.
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
        self._failing_since: float | None = None
        self._failures = 0
        self._processed_at_failure = -1

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

    def offer(self, tp: TopicPartition, generation: int, records: Sequence[Record]) -> None:
        """A fetched chunk. Of an older generation, or of a partition that is not here (any more): dropped, it will be
        fetched again."""
        lane = self._lanes.get(tp)
        if generation != self.generation or lane is None or not lane.ready:
            log.debug("chunk of an older generation dropped", agent=self.spec.name, partition=tp.partition)
            return
        lane.offer(records)

    def start(self, assigned: Iterable[TopicPartition], generation: int) -> None:
        """A lane for each assigned partition, not only for new ones: each generation fences anew. Lanes of before
        must be stopped."""
        self.generation = generation
        assigned = list(assigned)
        for tp in list(self._kept):
            if tp not in assigned:
                del self._kept[tp]
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
            if lane.state is not None and not lane.busy:
                self._kept[lane.tp] = lane.state
            self.processed += lane.processed
        self._lanes.clear()
        self._tasks.clear()
        self.room.set()

    def abandon(self) -> None:
        """As kill -9 does: tasks end where they stand, nothing is aborted, closed or kept."""
        for task in (*self._tasks.values(), *([self._recovery] if self._recovery is not None else [])):
            task.cancel()
        self._lanes.clear()
        self._tasks.clear()
        self._kept.clear()

    async def close(self) -> None:
        """For good."""
        if self._recovery is not None:
            self._recovery.cancel()
        await self.stop()
        self._kept.clear()

    async def _run(self, lane: Lane) -> None:
        try:
            await lane.run()
        except asyncio.CancelledError:
            raise
        except Refused as refusal:
            await self._crash(refusal)
        except Exception as error:  # noqa: BLE001 - Kafka's errors come from many roots; all have the same way back
            self._failed(lane, error)

    def _failed(self, lane: Lane, error: Exception) -> None:
        if self._recovery is not None and not self._recovery.done():
            return
        self._recovery = asyncio.create_task(self._recover(lane, error), name=f"{self.spec.name}-recover")

    async def _recover(self, lane: Lane, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        if self.records_processed != self._processed_at_failure or self._failing_since is None:
            self._failing_since, self._failures = now, 0
        self._processed_at_failure = self.records_processed
        self._failures += 1
        failing_ms = (now - self._failing_since) * 1000
        words = {"agent": self.spec.name, "partition": lane.tp.partition, "error": f"{type(error).__name__}: {error}"}
        if failing_ms >= self._settings.retry_for_ms:
            log.error("giving up: nothing could be committed", minutes=round(failing_ms / 60_000, 1), **words)
            await self._crash(error)
            return
        wait_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (self._failures - 1))
        log.warning("a unit failed; joining the group again", wait_s=wait_s, **words)
        await asyncio.sleep(wait_s)
        await self._rejoin()
