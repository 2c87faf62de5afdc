"""The port of `streams.cluster`, on a real Kafka cluster."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupLoadInProgressError, KafkaError, ProducerClosed
from aiokafka.structs import TopicPartition as KafkaTopicPartition

from streams import forgotten
from streams.cluster import Committed, Offsets, Producer, Record, TopicPartition
from streams.kafka import client_options
from streams.sections import Settings

MAX_BATCH_BYTES = 900_000
"""Of one batch before compression: below the brokers' default limit even where nothing compresses."""
COMPRESSION = "zstd"
"""1.6 us for an activity and a tenth of its size. aiokafka's lz4 runs at level 9: 9.4 us and a sixth (measured on
1,000 activities)."""
RETRY_BACKOFF_MS = 10
"""Kafka 4 may refuse the first send after a commit as NotEnoughReplicas while the markers of the last transaction are
being written; aiokafka then waits this long. Its default of 100 ms would be most of our latency."""
READ_RECORDS = 5_000
POLL_MS = 10
"""A log ends with the marker of its last transaction. aiokafka moves past markers without a word, and whoever waits for
records there waits in vain: so look often whether the end is reached. Each lane's restore pays for this once or twice,
one after the other."""
UNSETTLED_S = 15.0
"""Added to the longest transaction: how long a reader may find nothing at all before it gives up. Brokers look for
transactions that have lasted too long every 10 s."""
ANSWER_S = 40.0
"""Longest wait for one answer: some clients' calls wait for a broker without end. Longer than a request may take."""
LOADING_TRIES = 12
LOADING_WAIT_S = 0.25
"""A coordinator that has just come up reads its log first: fractions of a second for a usual one."""
CLOSE_S = 1.0
"""aiokafka 0.14 waits without end when it is stopped while its fetcher is still busy with the end of an assignment, for
the fetcher swallows the cancellation. Cancelled a second time, by this time-out, it ends."""
SENDER_CANCELS = 3
"""aiokafka's sender takes a first cancellation for a wish to finish, and waits for what it has begun."""
IDLE_FETCH_MS = 10
"""A broker answers a connection's requests one by one, so a fetch that waits for records holds up whatever is asked
next."""


class LaneProducer(AIOKafkaProducer):
    """aiokafka's, but one that is given up leaves nothing behind, and one that starts ends what a broker has forgotten
    to end (`streams.forgotten`), in topics that begin with one of `prefixes`."""

    def __init__(self, *, prefixes: tuple[str, ...], offsets: Offsets | None, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self.has_aborted = False
        self._prefixes = prefixes
        self._offsets = offsets

    @property
    def transactional_id(self) -> str:
        """As Kafka knows it."""
        return str(self._txn_manager.transactional_id)

    def touch(self, partition: KafkaTopicPartition) -> None:
        """Have the open transaction end in `partition` too, though nothing of it is there."""
        self._txn_manager.maybe_add_partition_to_txn(partition)

    async def start(self) -> None:
        """As aiokafka's; then there is no open transaction of this id anywhere. Raises Kafka's errors."""
        await super().start()  # type: ignore[no-untyped-call]
        try:
            found = await forgotten.hanging(self.client, self._txn_manager.producer_id, self._prefixes)
            if found:
                await self._end(found)
        except BaseException:
            await self.stop()
            raise

    async def _end(self, partitions: Sequence[KafkaTopicPartition]) -> None:
        """Without offsets there is nothing to tell a decided transaction by: it has not happened, and is done again."""
        of = self._offsets
        commit = of is not None and await of.was_committed([TopicPartition(*tp) for tp in partitions])
        source = None if of is None else KafkaTopicPartition(*of.source)
        await forgotten.end(self, partitions, commit=commit, group="" if of is None else of.group, source=source)
        self.has_aborted = not commit

    async def stop(self) -> None:
        """As aiokafka's, which waits without end for what can't be delivered. Cancelled, it would leave a sender that
        tries for ever, and its connections, behind; this ends them. The next producer's fence decides the
        transaction."""
        try:
            await super().stop()  # type: ignore[no-untyped-call]
        except BaseException:
            sending = self._sender.sender_task
            for _ in range(SENDER_CANCELS):
                if sending is None or sending.done():
                    break
                sending.cancel()
                await asyncio.sleep(0)
            self._message_accumulator.fail_all(ProducerClosed())
            await self.client.close()
            raise


class KafkaCluster:
    """A groupless reader, a second one that knows where logs really end, and an admin client: each made when first
    needed, shared by the lanes of an agent."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._options = client_options(settings.kafka) | {"client_id": client_id}
        self._lock = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None
        self._ends: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    def producer(self, transactional_id: str, offsets: Offsets | None = None) -> Producer:
        """See `streams.cluster.Cluster`."""
        prefix = self._settings.kafka.topic_prefix
        return LaneProducer(
            **self._options,
            prefixes=(f"{prefix}.", f"{prefix}-watch-"),
            offsets=offsets,
            transactional_id=transactional_id,
            transaction_timeout_ms=self._settings.streams.transaction_timeout_ms,
            compression_type=COMPRESSION,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=4 * MAX_BATCH_BYTES,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            linger_ms=0,
        )

    async def committed(self, group: str, tp: TopicPartition) -> Committed | None:
        """See `streams.cluster.Cluster`."""
        partition = KafkaTopicPartition(*tp)
        async with self._alone(), asyncio.timeout(ANSWER_S):
            if self._admin is None:
                self._admin = await _started(AIOKafkaAdminClient(**self._options))
            for attempt in range(LOADING_TRIES):
                # aiokafka 0.14 leaves out the error that stands for the whole answer (a coordinator that is still
                # loading, or is elsewhere by now); a group without an offset is told by -1. Taken for "no offset", the
                # silence would have work begin at the log's beginning.
                found = (await self._admin.list_consumer_group_offsets(group, partitions=[partition])).get(partition)
                if found is not None:
                    break
                await asyncio.sleep(LOADING_WAIT_S * min(attempt, 4))
            else:
                raise GroupLoadInProgressError(
                    f"the coordinator of {group} did not tell the offset of {tp.topic}/{tp.partition}"
                )
        if found.offset < 0:
            return None
        return Committed(found.offset, found.metadata or "")

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """See `streams.cluster.Cluster`."""
        async with self._alone(), asyncio.timeout(ANSWER_S):
            return await self._bounds(await self._reader(), KafkaTopicPartition(*tp))

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        """See `streams.cluster.Cluster`."""
        async with self._alone(), asyncio.timeout(ANSWER_S):
            consumer = await self._reader()
            found = await consumer.offsets_for_times({KafkaTopicPartition(*tp): max(0, time_ms)})
        at = found[KafkaTopicPartition(*tp)]
        return None if at is None else int(at.offset)

    async def read(self, tp: TopicPartition, start: int) -> AsyncGenerator[Sequence[Record], None]:
        """See `streams.cluster.Cluster`."""
        partition = KafkaTopicPartition(*tp)
        patience_s = self._settings.streams.transaction_timeout_ms / 1000 + UNSETTLED_S
        async with self._alone():
            async with asyncio.timeout(ANSWER_S):
                consumer = await self._reader()
                consumer.assign([partition])
                begin, _ = await self._bounds(consumer, partition)
                end = await self._end(partition)
                consumer.seek(partition, max(start, begin))
            try:
                last = time.monotonic()
                while await self._position(consumer, partition) < end:
                    if time.monotonic() - last > patience_s:
                        raise TimeoutError(
                            f"nothing of {tp.topic}/{tp.partition} could be read for {patience_s:.0f} s, and it does "
                            f"not end before offset {end}: is a transaction open for longer than it may "
                            "(kafka-transactions find-hanging)?"
                        )
                    fetched = await consumer.getmany(partition, timeout_ms=POLL_MS, max_records=READ_RECORDS)
                    for records in fetched.values():
                        if records[-1].offset >= end:
                            records = [record for record in records if record.offset < end]
                        last = time.monotonic()
                        if records:
                            yield records
            finally:
                consumer.unsubscribe()  # or it would go on fetching

    async def undecided(self, tp: TopicPartition) -> list[Record]:
        """See `streams.cluster.Cluster`."""
        partition = KafkaTopicPartition(*tp)
        found: list[Record] = []
        async with self._alone(), asyncio.timeout(ANSWER_S):
            _, stable = await self._bounds(await self._reader(), partition)
            end = await self._end(partition)
            assert self._ends is not None  # noqa: S101 - `_end` makes it
            self._ends.assign([partition])
            try:
                self._ends.seek(partition, stable)
                while await self._position(self._ends, partition) < end:
                    for records in (await self._ends.getmany(partition, timeout_ms=POLL_MS)).values():
                        found.extend(records)
            finally:
                self._ends.unsubscribe()
        return found

    @staticmethod
    async def _position(consumer: AIOKafkaConsumer, partition: KafkaTopicPartition) -> int:
        async with asyncio.timeout(ANSWER_S):
            return int(await consumer.position(partition))

    async def close(self) -> None:
        """Close what was opened."""
        readers, self._consumer, self._ends = (self._consumer, self._ends), None, None
        admin, self._admin = self._admin, None
        for consumer in readers:
            if consumer is not None:
                await _within_bound(consumer.stop())
        if admin is not None:
            await _within_bound(admin.close())

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One call at a time. After a failure the clients are made anew: one that is broken would stay so."""
        async with self._lock:
            try:
                yield
            except Exception:
                await self.close()
                raise

    async def _reader(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = await _started(
                AIOKafkaConsumer(
                    **self._options,
                    isolation_level="read_committed",
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    max_partition_fetch_bytes=4 * 1024 * 1024,
                    fetch_max_wait_ms=IDLE_FETCH_MS,
                    retry_backoff_ms=RETRY_BACKOFF_MS,
                )
            )
        return self._consumer

    async def _end(self, partition: KafkaTopicPartition) -> int:
        """Where the log ends, open transactions included. A broker that has just come back may still be writing the
        markers of what was committed: to a reader of committed records its log ends before that, or is empty."""
        if self._ends is None:
            self._ends = await _started(AIOKafkaConsumer(**self._options, enable_auto_commit=False))
        end = await self._ends.end_offsets([partition])
        return int(end[partition])

    @staticmethod
    async def _bounds(consumer: AIOKafkaConsumer, partition: KafkaTopicPartition) -> tuple[int, int]:
        begin = await consumer.beginning_offsets([partition])
        end = await consumer.end_offsets([partition])
        return int(begin[partition]), int(end[partition])


async def _within_bound(closing: Awaitable[None]) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await closing


async def _started(client: Any) -> Any:
    """`client`, started; closed again if it can't be."""
    try:
        await client.start()
    except BaseException:
        await (client.close() if hasattr(client, "close") else client.stop())
        raise
    return client
