"""Writes one partition of `egnyte.governance`, fenced: whoever opens it next ends this one, before it can act.

What many write at the same time goes into one transaction. A record counts as written when it has also been read back:
so everybody folds the log in the same order, those who write it as well.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

import structlog
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from msgspec.structs import replace

from connectors.egnyte.publisher import within
from schemas import governance
from schemas.governance import DETAIL_CHARS, WHY_CHARS, GovernanceRecord
from streams.cluster import NO_HEADERS, Cluster, Record, TopicPartition
from streams.errors import Fenced

log = structlog.get_logger(__name__)
START_WITHIN_S: Final = 60.0
CLOSE_WITHIN_S: Final = 1.5
MOST_TOGETHER: Final = 200
"""Records of one transaction."""
MOST_BYTES: Final = 400_000
"""Of one record. The largest of ours names 2,000 links twice, which is less than 300,000; Kafka takes 1,000,000, and
what follows from a record must fit as well."""


def _checked(value: bytes) -> GovernanceRecord:
    """The record out of its value, its words within bounds. Raises ValueError."""
    if len(value) > MOST_BYTES:
        raise ValueError(f"it has {len(value):,} bytes, and at most {MOST_BYTES:,} may be")
    found = governance.decode(value)
    if len(found.why) <= WHY_CHARS and len(found.detail) <= DETAIL_CHARS:
        return found
    return replace(found, why=found.why[:WHY_CHARS], detail=found.detail[:DETAIL_CHARS])


class Beside:
    """One record for another topic, in the same transaction."""

    def __init__(self, tp: TopicPartition, key: bytes, value: bytes, time_ms: int) -> None:
        self.tp, self.key, self.value, self.time_ms = tp, key, value, time_ms


class _Waiting:
    def __init__(self, records: Sequence[GovernanceRecord], beside: Sequence[Beside]) -> None:
        self.records, self.beside = records, beside
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class PartitionLog:
    """The log of one partition. `hear` is called with each record of it, once, in its order."""

    def __init__(
        self, cluster: Cluster, tp: TopicPartition, transactional_id: str, hear: Callable[[GovernanceRecord], None]
    ) -> None:
        self.tp = tp
        self.next = 0
        """Offset of the next record to be read."""
        self._cluster = cluster
        self._producer = cluster.producer(transactional_id)
        self._hear = hear
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._unread: list[tuple[int, _Waiting]] = []
        self._open = False

    async def open(self) -> None:
        """Fences whoever wrote before, and reads all there is. Raises Kafka's errors, TimeoutError."""
        async with asyncio.timeout(START_WITHIN_S):
            await self._producer.start()
        self.next, _ = await self._cluster.bounds(self.tp)
        async with aclosing(self._cluster.read(self.tp, 0)) as chunks:
            async for chunk in chunks:
                self.read(chunk)

    def read(self, records: Sequence[Record]) -> None:
        """Takes what was read of the partition; what was taken before is passed over."""
        for record in records:
            if record.offset < self.next:
                continue
            self.next = record.offset + 1
            try:
                found = _checked(record.value or b"")
            except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
                log.error(  # noqa: TRY400 - somebody else's mistake, not a traceback
                    "a record is left out: it is no action", partition=self.tp.partition, offset=record.offset,
                    error=str(error),
                )  # fmt: skip
                continue
            self._hear(found)
        while self._unread and self._unread[0][0] < self.next:
            _, each = self._unread.pop(0)
            if not each.written.done():
                each.written.set_result(None)

    async def write(self, *records: GovernanceRecord, beside: Sequence[Beside] = ()) -> None:
        """Writes all of them, or none. Returns when they are committed, and have been read back. Where it raises, the
        log has ended: `run` says why."""
        each = _Waiting(records, beside)
        self._waiting.append(each)
        self._wake.set()
        await each.written

    async def run(self) -> None:
        """Writes what is to be written, for ever. Raises Fenced where somebody else has taken over, TimeoutError, or
        Kafka's errors: then this log is of no more use."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    taken, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                    await self._transact(taken)
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise Fenced(f"another worker governs partition {self.tp.partition}") from error

    async def close(self) -> None:
        """Aborts what is open; the next owner's fence does it otherwise."""
        if self._open:
            await within(CLOSE_WITHIN_S, self._producer.abort_transaction())
        await within(CLOSE_WITHIN_S, self._producer.stop())

    async def _transact(self, taken: list[_Waiting]) -> None:
        await self._producer.begin_transaction()
        self._open = True
        filled = []
        current = None
        for each in taken:
            for record in each.records:
                row = {
                    "timestamp": record.at_ms, "key": record.uid.encode(), "value": governance.encode(record),
                    "headers": NO_HEADERS,
                }  # fmt: skip
                if current is None or current.append(**row) is None:
                    current = self._producer.create_batch()
                    current.append(**row)
                    filled.append((current, self.tp))
            for more in each.beside:
                batch = self._producer.create_batch()
                batch.append(timestamp=more.time_ms, key=more.key, value=more.value, headers=NO_HEADERS)
                filled.append((batch, more.tp))
        deliveries = [await self._producer.send_batch(batch, tp.topic, partition=tp.partition) for batch, tp in filled]
        delivered = await asyncio.gather(*deliveries)
        await self._producer.commit_transaction()
        self._open = False
        last = max(
            where.offset + batch.record_count() - 1
            for (batch, tp), where in zip(filled, delivered, strict=True)
            if tp == self.tp
        )
        self._unread += [(last, each) for each in taken]
        self.read(())
