"""From the topics into the archive: exactly once, for the offsets are in the archive's own transactions."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from console.archive import rows
from console.archive.database import ArchiveError, ArchiveLostError, Database
from streams.kafka import client_options
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

log = structlog.get_logger(__name__)
READ: Final[Mapping[str, tuple[str, Callable[[Sequence[rows.Record]], rows.Rows]]]] = {
    "activities": ("activities", rows.activities),
    "alerts": ("finding_records", rows.finding_records),
    "behaviors": ("finding_records", rows.finding_records),
    "governance": ("governance", rows.governance),
}
"""Each topic with its table, and how its records become rows."""
BATCH_RECORDS: Final = 25_000
"""Of one transaction, under backlog. Each costs one fsync, whatever it holds."""
EVERY_S: Final = 1.0
"""How often what has come is written, when it is less than that."""
FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 10.0
ANSWER_S: Final = 40.0


class Follower:
    """Follows the topics and fills the archive. `on_stored`: told, after each commit, how many rows each table got."""

    def __init__(
        self, settings: Settings, database: Database, on_stored: Callable[[dict[str, int]], None] = lambda _: None
    ) -> None:
        self.stored = 0
        self.refused = 0
        self.behind: int | None = None
        """Records that are still to be read; None until that is known."""
        self.last_error = ""
        self._settings = settings
        self._database = database
        self._on_stored = on_stored
        self._topics = {topic_name(settings, name): name for name in READ}

    async def run(self) -> None:
        """Until cancelled. A broker that is away is waited for; a disk that is full too: nothing is skipped.

        Raises ArchiveLostError where only another start helps.
        """
        tries = 0
        while True:
            before = self.stored
            try:
                await self._follow()
            except ArchiveLostError:
                raise
            except (KafkaError, OSError, TimeoutError, ArchiveError) as error:
                tries = 1 if self.stored > before else tries + 1
                wait_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(tries, 8))
                self.last_error = str(error) or repr(error)
                log.warning("the archive can't go on; trying again", error=self.last_error, wait_s=wait_s)
                await asyncio.sleep(wait_s)

    async def _follow(self) -> None:
        offsets = await asyncio.to_thread(self._database.offsets)
        consumer: Any = AIOKafkaConsumer(
            **client_options(self._settings.kafka),
            client_id="archive",
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            max_poll_records=BATCH_RECORDS,
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                await consumer.start()
                partitions = [TopicPartition(topic, n) for topic in self._topics for n in range(PARTITIONS)]
                consumer.assign(partitions)
                first = await consumer.beginning_offsets(partitions)
                for tp in partitions:
                    consumer.seek(tp, max(first[tp], offsets.get((tp.topic, tp.partition), 0)))
            await self._take(consumer, partitions)
        finally:
            async with asyncio.timeout(1.0):
                await consumer.stop()

    async def _take(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        waiting: list[Any] = []
        written = looked = time.monotonic()
        while True:
            left_ms = max(1, round((written + EVERY_S - time.monotonic()) * 1000))
            fetched = await consumer.getmany(timeout_ms=left_ms, max_records=BATCH_RECORDS)
            for records in fetched.values():
                waiting += records
            now = time.monotonic()
            if waiting and (len(waiting) >= BATCH_RECORDS or now - written >= EVERY_S):
                await self._store(waiting)
                waiting, written = [], time.monotonic()
            elif not waiting:
                written = now
            if now - looked >= EVERY_S:
                looked = now
                async with asyncio.timeout(ANSWER_S):
                    ends = await consumer.end_offsets(partitions)
                    at = [await consumer.position(tp) for tp in partitions]
                self.behind = len(waiting) + sum(max(0, ends[tp] - n) for tp, n in zip(partitions, at, strict=True))

    async def _store(self, records: Sequence[Any]) -> None:
        counts = await asyncio.to_thread(self._written, records)
        self.stored += len(records)
        self.last_error = ""
        self._on_stored(counts)

    def _written(self, records: Sequence[Any]) -> dict[str, int]:
        by_topic: dict[str, list[Any]] = {}
        offsets: dict[tuple[str, int], int] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
            offsets[record.topic, record.partition] = record.offset + 1
        tables: dict[str, list[Any]] = {}
        for topic, of_topic in by_topic.items():
            table, read = READ[self._topics[topic]]
            made = rows.fitting(read, of_topic)
            tables.setdefault(table, []).append(made.table)
            for record, why in made.refused:
                self.refused += 1
                log.error("not archived", topic=topic, partition=record.partition, offset=record.offset, reason=why)
        self._database.store(tables, offsets)
        return {name: sum(part.num_rows for part in parts) for name, parts in tables.items()}
