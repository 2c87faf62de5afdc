"""A Kafka cluster in memory, as far as `streams.cluster` needs it: transactions, fencing, markers, groups, compaction
left out.

Faithful where exactness hangs on it: a transaction's records are seen together or never, its end takes an offset in
each partition (so offsets have holes), a new producer aborts what an older one of its id left open, and an offset
commit belongs to its transaction.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from streams.cluster import NO_HEADERS, Committed, Headers, Offsets, Producer, Record, TopicPartition
from streams.errors import Fenced

Fate = Literal["open", "committed", "aborted", "marker"]
READ_RECORDS = 500
BATCH_RECORDS = 100


class MemoryRecord(msgspec.Struct):
    """One record; `fate` is that of its transaction."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    fate: Fate = "committed"
    partition: int = 0


class _Batch:
    def __init__(self) -> None:
        self.rows: list[tuple[int, bytes | None, bytes | None, Headers]] = []

    def append(
        self, *, timestamp: int, key: bytes | None, value: bytes | None, headers: Headers = NO_HEADERS
    ) -> bool | None:
        if not -(2**63) <= timestamp < 2**63:
            raise OverflowError("int too big to convert")  # as aiokafka's record builder does
        if len(self.rows) >= BATCH_RECORDS:
            return None
        self.rows.append((timestamp, key, value, list(headers)))
        return True

    def record_count(self) -> int:
        return len(self.rows)


class MemoryCluster:
    """The logs, the groups' offsets, and who may write under which transactional id."""

    def __init__(self) -> None:
        self.logs: defaultdict[TopicPartition, list[MemoryRecord]] = defaultdict(list)
        self.begins: defaultdict[TopicPartition, int] = defaultdict(int)
        self.groups: dict[tuple[str, TopicPartition], Committed] = {}
        self._owners: dict[str, MemoryProducer] = {}
        self._failures: defaultdict[str, list[Exception]] = defaultdict(list)
        self.stale_reads = 0
        self._before: dict[tuple[str, TopicPartition], Committed] = {}

    def fail_next(self, call: str, error: Exception, times: int = 1) -> None:
        """The next `times` calls of a producer's method `call` (or of `read`) raise `error`."""
        self._failures[call] += [error] * times

    def check(self, call: str) -> None:
        """Raise what `fail_next` has ordered for `call`."""
        if self._failures[call]:
            raise self._failures[call].pop(0)

    def append(
        self, tp: TopicPartition, rows: Iterable[tuple[int, bytes | None, bytes | None, Headers]], fate: Fate
    ) -> int:
        """Write records; returns the first one's offset."""
        log = self.logs[tp]
        first = len(log)
        for timestamp, key, value, headers in rows:
            log.append(MemoryRecord(len(log), timestamp, key, value, tuple(headers), fate, tp.partition))
        return first

    def committed_records(self, tp: TopicPartition) -> list[MemoryRecord]:
        """What a read_committed reader sees, from the log's beginning to the last stable offset."""
        stable = self.end(tp)
        return [record for record in self.logs[tp][self.begins[tp] : stable] if record.fate == "committed"]

    def end(self, tp: TopicPartition) -> int:
        """The last stable offset."""
        return next((record.offset for record in self.logs[tp] if record.fate == "open"), len(self.logs[tp]))

    def delete_before(self, tp: TopicPartition, offset: int) -> None:
        """As retention does."""
        self.begins[tp] = offset

    def reset_group(self, group: str, tp: TopicPartition, offset: int | None) -> None:
        """As a person does with kafka-consumer-groups, or as the broker does when offsets expire (None)."""
        if offset is None:
            self.groups.pop((group, tp), None)
        else:
            self.groups[(group, tp)] = Committed(offset, "")

    def producer(self, transactional_id: str, offsets: Offsets | None = None) -> Producer:
        """See `streams.cluster.Cluster`."""
        return MemoryProducer(self, transactional_id)

    async def committed(self, group: str, tp: TopicPartition) -> Committed | None:
        """See `streams.cluster.Cluster`. With `stale_reads` > 0 the offset before the last one is told, that many
        times."""
        await asyncio.sleep(0)
        if self.stale_reads > 0 and (group, tp) in self._before:
            self.stale_reads -= 1
            return self._before[group, tp]
        return self.groups.get((group, tp))

    async def undecided(self, tp: TopicPartition) -> Sequence[Record]:
        """See `streams.cluster.Cluster`."""
        await asyncio.sleep(0)
        return self.logs[tp][self.end(tp) :]

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """See `streams.cluster.Cluster`."""
        await asyncio.sleep(0)
        return self.begins[tp], self.end(tp)

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        """See `streams.cluster.Cluster`."""
        await asyncio.sleep(0)
        return next((record.offset for record in self.committed_records(tp) if record.timestamp >= time_ms), None)

    async def read(self, tp: TopicPartition, start: int) -> AsyncGenerator[Sequence[Record], None]:
        """See `streams.cluster.Cluster`."""
        self.check("read")
        records = [record for record in self.committed_records(tp) if record.offset >= start]
        for i in range(0, len(records), READ_RECORDS):
            await asyncio.sleep(0)
            yield records[i : i + READ_RECORDS]

    def claim(self, producer: "MemoryProducer") -> None:
        """The newest producer of an id owns it; what the one before left open is aborted."""
        before = self._owners.get(producer.transactional_id)
        if before is not None:
            before.end("aborted")
        self._owners[producer.transactional_id] = producer

    def owns(self, producer: "MemoryProducer") -> bool:
        """Whether no later one has been started."""
        return self._owners.get(producer.transactional_id) is producer

    def commit_offsets(self, offsets: Mapping[tuple[str, TopicPartition], Committed]) -> None:
        """As the end of a transaction does."""
        for slot, committed in offsets.items():
            if slot in self.groups:
                self._before[slot] = self.groups[slot]
            self.groups[slot] = committed


class _Delivery(msgspec.Struct):
    offset: int


class MemoryProducer:
    """A transactional producer on a `MemoryCluster`, whose brokers forget nothing."""

    has_aborted = False

    def __init__(self, cluster: MemoryCluster, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._cluster = cluster
        self._written: dict[TopicPartition, list[MemoryRecord]] = {}
        self._offsets: dict[tuple[str, TopicPartition], Committed] = {}
        self._in_transaction = False

    async def start(self) -> None:
        await self._turn("start", owned=False)
        self._cluster.claim(self)

    async def stop(self) -> None:
        await asyncio.sleep(0)

    async def begin_transaction(self) -> None:
        await self._turn("begin_transaction")
        self._in_transaction = True

    def create_batch(self) -> _Batch:
        return _Batch()

    async def send_batch(self, batch: _Batch, topic: str, *, partition: int) -> Awaitable[Any]:
        await self._turn("send_batch")
        tp = TopicPartition(topic, partition)
        first = self._cluster.append(tp, batch.rows, "open")
        self._written.setdefault(tp, []).extend(self._cluster.logs[tp][first:])
        delivery: asyncio.Future[_Delivery] = asyncio.get_running_loop().create_future()
        delivery.set_result(_Delivery(first))
        return delivery

    async def send_offsets_to_transaction(self, offsets: Mapping[Any, Any], group_id: str) -> None:
        await self._turn("send_offsets_to_transaction")
        for tp, offset in offsets.items():
            self._offsets[group_id, TopicPartition(*tp)] = Committed(offset.offset, offset.metadata)

    async def commit_transaction(self) -> None:
        await self._turn("commit_transaction")
        self._cluster.commit_offsets(self._offsets)
        self.end("committed")

    async def abort_transaction(self) -> None:
        await self._turn("abort_transaction")
        self.end("aborted")

    def end(self, fate: Fate) -> None:
        """Decide the open transaction, if there is one; each partition gets its marker."""
        for tp, records in self._written.items():
            for record in records:
                record.fate = fate
            self._cluster.append(tp, [(0, None, None, NO_HEADERS)], "marker")
        self._written, self._offsets, self._in_transaction = {}, {}, False

    async def _turn(self, call: str, *, owned: bool = True) -> None:
        """Let others run, as any network call does; then fail as ordered, or because somebody else owns the id."""
        await asyncio.sleep(0)
        self._cluster.check(call)
        if owned and not self._cluster.owns(self):
            raise Fenced(f"another producer of {self.transactional_id} has been started")
