"""The chunk transport: Faust gets one event per fetched chunk of one partition, and the group's rebalances drive the
lanes.

Plugs into Faust's public seams: a Transport that names its Consumer, a Topic with `acks=False` and a Schema that
passes chunks on. The consumer runs in the app's own loop, not in a thread: a chunk takes less than a heartbeat, and
nothing waits for another thread. `docs/adr/0002-chunk-transport.md` has the measurements.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import aiokafka
import aiokafka.abc
import structlog
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as KafkaTopicPartition
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode.types import ServiceT

from streams.chunk_app import ChunkApp
from streams.cluster import TopicPartition
from streams.kafka import client_options
from streams.sections import MIB, Settings

log = structlog.get_logger(__name__)
FETCH_BYTES = 1 * MIB
"""Per partition and answer, compressed. The broker sends one batch more rather than none."""
FETCH_MAX_BYTES = 8 * MIB
"""Per answer of a broker: what aiokafka itself may hold beside the lanes' bound."""
POLL_S = 1.0
IDLE_FETCH_MS = 25
"""How long the broker holds a fetch that has nothing to give. New records end it at once, but only of partitions that
the fetch asks for: one whose records were just taken waits for the next fetch, so this is a latency, paid for with 40
idle fetches a second."""
NEVER_MS = 100 * 365 * 86_400_000
"""aiokafka 0.14 takes a consumer that has asked for no records for `max_poll_interval_ms` out of its group, and has it
join again only when it asks. A worker that has no partition, or none that is ready (a broker that is away for long),
has nothing to ask for: it would never be heard of again. What hangs is found by the bounds on each unit instead."""
LEAVE_S = 5.0
"""To leave the group and close the connections: see `streams.kafka_cluster.CLOSE_S` for what would take longer."""
NO_PARTITION = KafkaTopicPartition("", 0)


class RebalanceListener(aiokafka.abc.ConsumerRebalanceListener):
    """The group's word to the app."""

    def __init__(self, consumer: "ChunkConsumer") -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[KafkaTopicPartition]) -> None:
        """Stop the lanes before anybody else may own their partitions."""
        async with self._crashing():
            self._consumer.app.on_rebalance_start()
            await self._consumer.on_partitions_revoked({TP(*tp) for tp in revoked})

    async def on_partitions_assigned(self, assigned: Iterable[KafkaTopicPartition]) -> None:
        """Start a lane for each partition."""
        async with self._crashing():
            tps = {TP(*tp) for tp in assigned}
            generation = self._consumer.next_generation()
            self._consumer.app.consumer_generation_id = generation
            await self._consumer.on_partitions_assigned(tps, generation)

    @contextlib.asynccontextmanager
    async def _crashing(self) -> AsyncIterator[None]:
        """Ends the process with what is raised: aiokafka would write it into the log and go on, with partitions that
        nobody works on, or somebody still does."""
        try:
            yield
        except Exception as error:
            await self._consumer.app.crash(error)
            raise


class ChunkConsumer(faust_consumer.Consumer):
    """Faust's consumer on aiokafka, in the app's loop, handing out chunks to lanes that have room."""

    app: ChunkApp
    consumer_stopped_errors = (aiokafka.errors.ConsumerStoppedError,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kafka: aiokafka.AIOKafkaConsumer | None = None
        self._topics: frozenset[str] = frozenset()
        self._generation = 0

    @property
    def kafka(self) -> aiokafka.AIOKafkaConsumer:
        """The client. Raises RuntimeError before the start."""
        if self._kafka is None:
            raise RuntimeError("the consumer has not started yet")
        return self._kafka

    def next_generation(self) -> int:
        """Counts the assignments of this process; a chunk carries the one it was fetched in."""
        self._generation += 1
        return self._generation

    async def on_start(self) -> None:
        """Connect."""
        settings: Settings = self.app.settings
        streams = settings.streams
        # A class of its own for each app: the assignor keeps what it knows of its member on the class.
        assignor = type("Sticky", (StickyPartitionAssignor,), {})
        self._kafka = aiokafka.AIOKafkaConsumer(
            **client_options(settings.kafka),
            client_id=self.app.conf.id,
            group_id=self.app.conf.id,
            partition_assignment_strategy=[assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=streams.session_timeout_ms,
            heartbeat_interval_ms=streams.heartbeat_ms,
            rebalance_timeout_ms=max(60_000, 2 * streams.revoke_wait_ms),
            request_timeout_ms=max(40_000, streams.session_timeout_ms + 10_000),
            max_poll_interval_ms=NEVER_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=FETCH_MAX_BYTES,
            fetch_max_wait_ms=IDLE_FETCH_MS,
            retry_backoff_ms=50,
        )
        await self._kafka.start()

    async def on_stop(self) -> None:
        """Finish or abort the units in flight, then leave the group."""
        await self.app.lanes.close()
        if self._kafka is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self._kafka.stop()
        await self.app.cluster.close()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for `topics`."""
        self._topics = frozenset(topics)
        self.kafka.subscribe(topics=sorted(self._topics), listener=RebalanceListener(self))

    async def rejoin(self) -> None:
        """Have the group rebalance, so that every partition is owned, fenced and restored anew."""
        # Not by subscribing anew, the public way: aiokafka 0.14 ends its group for good (an AssertionError in its
        # coordination routine) when the subscription changes while it looks for a coordinator, as it does for as long
        # as the broker is away.
        coordinator = self._kafka._coordinator if self._kafka is not None else None  # noqa: SLF001 - see above
        if coordinator is not None and self._topics and not self.app.should_stop:
            coordinator.request_rejoin()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Await the units in flight before the group goes on."""
        await self.app.lanes.stop()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Every partition waits, paused, for its lane to fence, restore and seek."""
        self.kafka.pause(*(KafkaTopicPartition(*tp) for tp in assigned))
        await super().on_partitions_assigned(assigned, generation_id)
        self.app.lanes.start([TopicPartition(*tp) for tp in sorted(assigned)], generation_id)
        log.info("assigned", group=self.app.conf.id, partitions=sorted(tp.partition for tp in assigned))

    async def position_lane(self, tp: TopicPartition, offset: int) -> None:
        """Seek for a lane, and let its partition be fetched."""
        partition = KafkaTopicPartition(*tp)
        self.kafka.seek(partition, offset)
        self.kafka.resume(partition)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Fetch for the lanes that have room, and hand each chunk to Faust."""
        lanes = self.app.lanes
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.can_resume_flow.wait()
                continue
            lanes.room.clear()
            lanes.check_arrivals()
            wanted = lanes.with_room()
            if not wanted:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lanes.room.wait(), POLL_S)
                # Takes nothing, but raises what has gone wrong with the group: aiokafka stands still until it is heard.
                await self.kafka.getmany(NO_PARTITION, timeout_ms=0)
                continue
            async for tp, message in self._fetch_chunks(wanted):
                await self.callback(message)
                del tp

    async def _fetch_chunks(self, wanted: list[TopicPartition]) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        settings = self.app.settings.streams
        generation = self.app.lanes.generation
        partitions = [KafkaTopicPartition(*tp) for tp in wanted]
        fetch = asyncio.ensure_future(
            self.kafka.getmany(*partitions, timeout_ms=int(POLL_S * 1000), max_records=settings.chunk_records)
        )
        room = asyncio.ensure_future(self.app.lanes.room.wait())
        try:
            # A lane that gets room meanwhile must not wait until records arrive for another one.
            await asyncio.wait({fetch, room}, return_when=asyncio.FIRST_COMPLETED)
            if not fetch.done():
                fetch.cancel()
            fetched = await fetch
        except asyncio.CancelledError:
            if not fetch.cancelled():
                raise
            return
        except (aiokafka.errors.IllegalStateError, AssertionError) as error:
            # The assignment has changed under the call; the next round asks for what is assigned then.
            log.debug("fetch was overtaken by a rebalance", error=repr(error))
            return
        finally:
            room.cancel()
            fetch.cancel()
        for partition, records in fetched.items():
            if records and self.app.lanes.generation == generation:
                number = self.app.lanes.number_chunk(TopicPartition(*partition))
                yield TP(*partition), self._to_message(TP(*partition), (number, records), generation)

    def _to_message(self, tp: TP, record: Any, generation: int = -1) -> ConsumerMessage:
        last = record[1][-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            record,
            None,
            tp=tp,
            generation_id=generation,  # in which it was fetched: the app's may be the next one already
        )

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's signature
        raise NotImplementedError("chunks are fetched by _drain_messages")

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True  # offsets are committed by the unit of work, in its transaction

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Nothing: each lane seeks by itself, to where its state says."""
        return {}

    async def _seek(self, partition: TP, offset: int) -> None:
        self.kafka.seek(KafkaTopicPartition(*partition), offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek several."""
        for tp, offset in partitions.items():
            await self._seek(tp, offset)

    async def position(self, tp: TP) -> int | None:
        """The next offset to fetch."""
        return int(await self.kafka.position(KafkaTopicPartition(*tp)))

    def assignment(self) -> set[TP]:
        """What the group has given to this process."""
        return {TP(*tp) for tp in self.kafka.assignment()}

    def highwater(self, tp: TP) -> int:
        """The end of the partition as last seen."""
        return int(self.kafka.highwater(KafkaTopicPartition(*tp)) or 0)

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has."""
        found = self.kafka.partitions_for_topic(topic)
        return None if found is None else len(found)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The first offset of each partition."""
        found = await self.kafka.beginning_offsets([KafkaTopicPartition(*tp) for tp in partitions])
        return {TP(*tp): offset for tp, offset in found.items()}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The committed end of each partition."""
        found = await self.kafka.end_offsets([KafkaTopicPartition(*tp) for tp in partitions])
        return {TP(*tp): offset for tp, offset in found.items()}

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Unused: outputs are written by the unit of work."""
        return partition

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Refused: topics are made by `egnyte-watch topics`."""
        raise NotImplementedError("topics are made and verified by `egnyte-watch topics`")


class ChunkTransport(driver.Transport):
    """Faust's transport with our consumer."""

    Consumer = ChunkConsumer
