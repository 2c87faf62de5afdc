"""Following a compacted topic on a real cluster: all of it, and then what comes, without a group."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from streams.errors import StreamError
from streams.kafka import client_options
from streams.sections import Settings
from streams.spec import Apply

log = structlog.get_logger(__name__)
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 5.0
ANSWER_S = 40.0
"""Longest wait for one answer, and for records that are known to be there. Longer than a request may take."""
CLOSE_S = 1.0
"""See `streams.kafka_cluster.CLOSE_S`."""
CATCH_UP_POLL_MS = 10
"""Before the end: a log may end with a transaction's marker, which aiokafka passes without a word."""
LIVE_POLL_MS = 1_000
"""At the end. New records end the wait at once."""
LOOK_S = 5.0
"""How often the ends of the log are asked for: a broker that is away, and a client that has died, look like silence."""
READ_RECORDS = 5_000


class Follower:
    """Follows one compacted topic from its beginning, all partitions.

    `apply` is called once for each committed record, a tombstone with the value None, in the order of its partition, in
    the event loop: it must neither wait nor take long. A ValueError says that a record is none of this topic's: it is
    logged and left out. Anything else that it raises ends the follower.

    A broker that is away is waited for; nothing is lost meanwhile. After `streams.retry_for_ms` without an answer the
    follower ends: by then tombstones may be gone that it has not seen, and only reading anew is right.
    """

    def __init__(self, settings: Settings, topic: str, apply: Apply) -> None:
        self.topic = topic
        self.records = 0
        self._settings = settings
        self._apply = apply
        self._positions: dict[TopicPartition, int] = {}
        self._goal: Mapping[TopicPartition, int] | None = None
        self._at_end = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._contact = 0.0
        self._tries = 0

    @property
    def ready(self) -> bool:
        """Whether it has read all that was committed when it was started."""
        return self._at_end.is_set()

    async def start(self) -> None:
        """Returns at the end of the topic as of now; what comes later is followed until `stop`.

        Raises StreamError when no broker answers for `streams.retry_for_ms`, and what `apply` raises.
        """
        self._contact = time.monotonic()
        self._task = asyncio.create_task(self._run(), name=f"follow {self.topic}")
        arrived = asyncio.ensure_future(self._at_end.wait())
        try:
            await asyncio.wait({arrived, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrived.cancel()
        if not self.ready:
            await self._task

    async def ended(self) -> None:
        """Returns after `stop`; raises what ended the follower otherwise."""
        if self._task is not None:
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()

    async def stop(self) -> None:
        """No record is applied after this. It may be called at any time, also twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            try:
                async with self._consumer() as consumer:
                    await self._follow(consumer)
            except OffsetOutOfRangeError as error:
                raise StreamError(
                    f"{self.topic} no longer holds what comes after what was read of it: it was made anew, or its "
                    "broker has lost the end of it. Start the worker again: it reads the topic from its beginning"
                ) from error
            except (KafkaError, OSError, TimeoutError, StreamError) as error:
                silent_s = time.monotonic() - self._contact
                if silent_s >= self._settings.streams.retry_for_ms / 1000:
                    raise StreamError(f"{self.topic} could not be followed for {silent_s:.0f} s: {error!r}") from error
                wait_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(self._tries, 10))
                self._tries += 1
                log.warning("can't follow a topic; trying again", topic=self.topic, error=repr(error), wait_s=wait_s)
                await asyncio.sleep(wait_s)

    @contextlib.asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        """A client of its own for each try: one that is broken would stay so."""
        consumer = AIOKafkaConsumer(
            **client_options(self._settings.kafka),
            client_id=f"follow-{self.topic}",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                await consumer.start()
            yield consumer
        finally:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        partitions = await self._assigned(consumer)
        ends = await self._look(consumer, partitions, {})
        if self._goal is None:
            self._goal = ends
        looked = progressed = time.monotonic()
        while True:
            if not self.ready and await self._all_past(consumer, self._goal):
                log.info("read to the end", topic=self.topic, records=self.records)
                self._at_end.set()
            poll_ms = LIVE_POLL_MS if self.ready else CATCH_UP_POLL_MS
            fetched = await consumer.getmany(timeout_ms=poll_ms, max_records=READ_RECORDS)
            now = time.monotonic()
            if fetched or await self._all_past(consumer, ends):
                progressed = now
            elif now - progressed > ANSWER_S:
                raise TimeoutError(f"nothing of {self.topic} could be read for {ANSWER_S:.0f} s")
            for partition, records in fetched.items():
                self._take(partition, records)
                await asyncio.sleep(0)  # others have work to do, too
            if now - looked >= LOOK_S:
                ends = await self._look(consumer, partitions, self._positions)
                looked = now

    async def _assigned(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        async with asyncio.timeout(ANSWER_S):
            metadata = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - `topics()` tells names only
            known = metadata.partitions_for_topic(self.topic)
            if not known:
                raise StreamError(f"there is no topic {self.topic}: make it with `egnyte-watch topics`")
            partitions = [TopicPartition(self.topic, number) for number in sorted(known)]
            begins = await consumer.beginning_offsets(partitions)
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, self._positions.get(partition, begins[partition]))
        return partitions

    async def _look(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], read: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        """The committed ends as of now. That they are told is a sign of life. Raises OffsetOutOfRangeError where one
        lies before what has been `read`."""
        async with asyncio.timeout(ANSWER_S):
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        lost = {partition: at for partition, at in read.items() if at > ends[partition]}
        if lost:
            raise OffsetOutOfRangeError(lost)
        self._contact = time.monotonic()
        self._tries = 0
        return ends

    @staticmethod
    async def _all_past(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
        async with asyncio.timeout(ANSWER_S):
            for partition, end in ends.items():
                if await consumer.position(partition) < end:
                    return False
        return True

    def _take(self, partition: TopicPartition, records: Sequence[Any]) -> None:
        for record in records:
            try:
                self._apply(record)
            except ValueError as error:
                log.error(  # noqa: TRY400 - somebody else's mistake, not a traceback
                    "a record is left out: it is none of this topic's",
                    topic=self.topic,
                    partition=partition.partition,
                    offset=record.offset,
                    error=str(error),
                )
            self._positions[partition] = record.offset + 1
            self.records += 1
