"""A lane: one input partition of one agent in one generation of its group, from its first fence to its last commit.

It begins with a producer that fences every earlier owner, finds out where to start, and then runs one unit of work at
a time. Lanes of different partitions run side by side, so that one waits for its commit while another works.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
import structlog

from schemas.meta import Meta
from streams.beginning import Beginning
from streams.cluster import Cluster, Offsets, Producer, Record, TopicPartition
from streams.errors import StreamError
from streams.sections import StreamsSettings
from streams.spec import AgentSpec
from streams.startup import EARLIEST, Start
from streams.state import PartitionState
from streams.unit import Probe, UnitOfWork, no_probe
from streams.withdrawal import in_batches, is_due, withdrawn

log = structlog.get_logger(__name__)
T = TypeVar("T")
Seek = Callable[[TopicPartition, int], Awaitable[None]]
ABORTED_AFTER_S = 10.0
"""Brokers look for expired transactions every 10 s (`transaction.abort.timed.out.transaction.cleanup.interval.ms`)."""
ON_THE_WAY_S = 30.0
"""From the fetch to the lane a chunk goes through Faust's queues in one loop: milliseconds, unless it is lost."""
MOST_FETCHES = 8
"""Small fetches that may wait to be joined into one unit."""
RECORD_OVERHEAD = 900
"""Bytes that a record takes in memory beside key and value (its object, its headers), for the bound on what waits."""


class Lane:
    """Owns its producer, its state and its queue. `failed` is set to what ended it; the owner of the lanes decides
    what follows."""

    def __init__(
        self,
        spec: AgentSpec,
        tp: TopicPartition,
        cluster: Cluster,
        settings: StreamsSettings,
        *,
        seek: Seek,
        known: PartitionState | None = None,
        probe: Probe = no_probe,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self.tp = tp
        self.ready = False
        self.ready_at: float | None = None
        self.busy = False
        self.unit: UnitOfWork | None = None
        self.processed = 0
        self._cluster = cluster
        self._settings = settings
        self._seek = seek
        self._known = known
        self._probe = probe
        self._on_room = on_room
        self._producer: Producer | None = None
        self._queue: deque[tuple[Sequence[Record], int]] = deque()
        self._queued_bytes = 0
        self._arrived = asyncio.Event()
        self._stopping = False
        self._fetched = 0
        self._came = 0
        self._fetched_at = 0.0
        self._failure: StreamError | None = None

    @property
    def queued_bytes(self) -> int:
        """What waits here, in bytes."""
        return self._queued_bytes

    @property
    def has_room(self) -> bool:
        """Whether more may be fetched: never more than about two chunks wait."""
        waiting = self._queued_bytes < self._settings.chunk_bytes and len(self._queue) < MOST_FETCHES
        return self.ready and not self._stopping and waiting

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop: another lane follows, here or elsewhere."""
        return self._stopping

    @property
    def state(self) -> PartitionState | None:
        """The committed state, for a successor in this process to go on from."""
        return self.unit.state if self.unit is not None else self._known

    def number_chunk(self) -> int:
        """The number of the chunk that is being fetched: each arrives, in this order, or the lane fails."""
        self._fetched += 1
        self._fetched_at = asyncio.get_running_loop().time()
        return self._fetched

    def check_arrival(self) -> None:
        """A chunk that was fetched and has not come through Faust must not be skipped over: the lane begins anew."""
        late_s = asyncio.get_running_loop().time() - self._fetched_at
        if self.ready and self._fetched > self._came and late_s > ON_THE_WAY_S:
            self._fail(f"chunk {self._came + 1} of {self._fetched} was fetched and did not arrive")

    def _fail(self, words: str) -> None:
        self._failure = StreamError(f"{self.tp.topic}/{self.tp.partition}: {words}")
        self._arrived.set()

    def offer(self, records: Sequence[Record], number: int) -> None:
        """Queue a fetched chunk; `number` as `number_chunk` gave it."""
        if number != self._came + 1:
            self._fail(f"chunk {number} arrived after chunk {self._came}: what was between them is lost")
            return
        self._came = number
        size = sum(len(record.value or b"") + len(record.key or b"") for record in records)
        self._queue.append((records, size + RECORD_OVERHEAD * len(records)))
        self._queued_bytes += self._queue[-1][1]
        self._arrived.set()

    async def run(self) -> None:
        """Fence, find the start, and work until stopped. Raises what ended it: Kafka's errors, `Refused`."""
        try:
            await self._prepare()
            while not self._stopping:
                if self._failure is not None:
                    raise self._failure
                if not self._queue:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                await self._work(self._take())
        finally:
            self.ready = False

    def stop(self) -> None:
        """No further unit. The one in flight goes on; the caller owns the task that runs it."""
        self._stopping = True
        self._arrived.set()

    async def close(self) -> None:
        """Abort what is open and close the producer, each within a bound; the next owner's fence does it otherwise."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if self.busy:
            await _within(2.0, producer.abort_transaction())
        await _within(2.0, producer.stop())

    async def _prepare(self) -> None:
        spec, tp = self.spec, self.tp
        beginning = Beginning(self._cluster, spec, tp)
        # Every generation gets its own producer: starting it aborts whatever an earlier owner left open, and waits
        # until what that had committed is there to be read.
        self._producer = self._cluster.producer(
            f"{spec.group}-{tp.partition}", Offsets(spec.group, tp, beginning.was_committed)
        )
        async with asyncio.timeout(self._settings.transaction_timeout_ms / 1000 + ABORTED_AFTER_S):
            await self._producer.start()
        if self._producer.has_aborted:
            self._known = None  # it holds a unit that was folded in and has not happened after all
        self._probe("fenced")
        state, start = await beginning.found(self._known)
        self._probe("restored")
        meta = start.meta
        begin, end = await self._cluster.bounds(tp)
        beginning.check_end(meta.target if meta.phase == "warming" else meta.next, end)
        if start.warm:
            meta = msgspec.structs.replace(
                meta, next=await beginning.lookback_offset(meta.target, begin, self._settings.lookback_ms)
            )
        elif meta.next == EARLIEST:
            meta = msgspec.structs.replace(meta, next=begin)
        if meta.epoch != (state.meta.epoch if state.meta is not None else -1):
            state.begin_epoch(meta)
        self._report(start, meta, begin)
        self.unit = UnitOfWork(spec, tp, self._producer, state, meta, self._probe)
        if meta.phase == "warming" and meta.next >= meta.target:
            await self._in_unit([], finish_warming=True)
        await self._withdraw()
        if self._stopping:
            return
        await self._seek(tp, self.unit.meta.next)
        self._probe("prepared")
        self.ready = True
        self.ready_at = asyncio.get_running_loop().time()
        self._on_room()

    def _report(self, start: Start, meta: Meta, begin: int) -> None:
        partition = self.tp.partition
        words = {
            "agent": self.spec.name,
            "partition": partition,
            "row": start.row,
            "next": meta.next,
            "epoch": meta.epoch,
        }
        if start.warm or meta.phase == "warming":
            log.info("warming up: history is read again before anything is published", target=meta.target, **words)
        elif start.gap:
            log.warning("skipped forward by hand: these records are not judged", records=start.gap, **words)
        elif begin > meta.next:
            log.warning("retention has removed records before they were read", records=begin - meta.next, **words)
        else:
            log.debug("starting", **words)

    def _take(self) -> Sequence[Record]:
        """The queued chunks, joined up to the bounds of one unit: big under backlog, at once when idle."""
        settings = self._settings
        records, size = self._queue.popleft()
        if self._queue and len(records) < settings.chunk_records and size < settings.chunk_bytes:
            joined = list(records)
            while (
                self._queue
                and len(joined) + len(self._queue[0][0]) <= settings.chunk_records
                and size + self._queue[0][1] <= settings.chunk_bytes
            ):
                more, bytes_ = self._queue.popleft()
                joined.extend(more)
                size += bytes_
            records = joined
        self._queued_bytes -= size
        self._on_room()
        return records

    async def _work(self, records: Sequence[Record]) -> None:
        unit = self.unit
        assert unit is not None  # noqa: S101 - run() prepares before it works
        if unit.meta.phase == "warming" and records[-1].offset >= unit.meta.target:
            await self._in_unit(unit.trim(records), finish_warming=True)
            log.info("warmed up", agent=self.spec.name, partition=self.tp.partition, next=unit.meta.next)
        if records[0].offset < unit.meta.replay_until <= records[-1].offset:
            # What has been published before is marked so, and nothing else: a unit holds either the one or the other.
            again = [record for record in records if record.offset < unit.meta.replay_until]
            records = records[len(again) :]
            await self._in_unit(again)
            await self._withdraw()
        await self._in_unit(records)
        await self._withdraw()

    async def _withdraw(self) -> None:
        """At the end of a replay: withdraws what it did not publish again. A successor does it, or the rest of it, if
        this lane ends meanwhile."""
        unit, withdrawals = self.unit, self.spec.withdrawals
        if unit is None or withdrawals is None or not is_due(unit.meta):
            return
        again = withdrawn(self._cluster, withdrawals, self.tp.partition, unit.meta.replayed)
        async with aclosing(again), aclosing(in_batches(again)) as batches:
            async for found, last in batches:
                if self._stopping:
                    return
                await self._transact(unit.withdraw(found, last=last))

    async def _in_unit(self, records: Sequence[Record], *, finish_warming: bool = False) -> None:
        assert self.unit is not None  # noqa: S101 - as above
        self.processed += await self._transact(self.unit.process(records, finish_warming=finish_warming))

    async def _transact(self, work: Coroutine[Any, Any, T]) -> T:
        self.busy = True
        # A transaction that has not ended by then has been aborted by the broker: waiting on is of no use.
        async with asyncio.timeout(self._settings.transaction_timeout_ms / 1000 + ABORTED_AFTER_S):
            done = await work
        self.busy = False  # stays set on failure: close() then aborts
        return done


async def _within(seconds: float, work: Awaitable[None]) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except Exception as error:  # noqa: BLE001 - it was to be thrown away in any case
        log.debug("a producer did not close in order", error=repr(error))
