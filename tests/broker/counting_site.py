"""The counting agent at work on a real broker: the real Faust app, on topics of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from streams.app import build
from streams.chunk_app import ChunkApp
from streams.cluster import Record, TopicPartition
from streams.kafka import client_options
from streams.kafka_admin import admin_client
from streams.kafka_cluster import KafkaCluster
from streams.sections import ConsoleSettings, KafkaSettings, Settings, StreamsSettings
from streams.spec import AgentSpec
from streams.unit import Probe, no_probe
from tests.broker.waiting import until
from tests.crash.books import read
from tests.streams.counting import counting

SESSION_MS = 6_000
"""The shortest that Kafka allows by default (`group.min.session.timeout.ms`)."""


def settings_of(bootstrap: str, prefix: str, **streams: Any) -> Settings:
    """Settings for one test on one broker; `streams` changes that section."""
    return Settings(
        kafka=KafkaSettings(bootstrap=bootstrap, topic_prefix=prefix),
        streams=StreamsSettings(**({"session_timeout_ms": SESSION_MS, "heartbeat_ms": 1_000} | streams)),
        console=ConsoleSettings(deadline_ms=60_000),
    )


class CountingSite:
    """Topics `in`, `out`, `dead` and `log` under a prefix, and apps of the counting agent on them."""

    def __init__(self, settings: Settings, partitions: int = 1) -> None:
        self.settings = settings
        self.partitions = partitions
        self.cluster = KafkaCluster(settings, "test")
        self._producer: Any = None

    def spec(self, schema: int = 1) -> AgentSpec:
        """The agent, with the names of this site."""
        return counting(schema, f"{self.settings.kafka.topic_prefix}.")

    async def create_topics(self, *names: str) -> None:
        """Makes `names`, or all."""
        prefix = self.settings.kafka.topic_prefix
        async with admin_client(self.settings) as client:
            await client.create_topics(
                [NewTopic(f"{prefix}.{name}", self.partitions, 1) for name in names or ("in", "out", "dead", "log")]
            )

    @asynccontextmanager
    async def running(self, schema: int = 1, probe: Probe = no_probe) -> AsyncIterator[ChunkApp]:
        """An app at work in this process, stopped in order at the end."""
        app = build(self.settings, self.spec(schema), probe)
        await app.start()
        try:
            yield app
        finally:
            await app.stop()

    async def run_until(self, count: int, schema: int = 1) -> list[bytes | None]:
        """Has an app work until partition 0 of `out` holds `count` records; returns their values."""
        async with self.running(schema):
            await self.until_values(count)
        return await self.values()

    async def produce(
        self, rows: Iterable[tuple[bytes, bytes]], partition: int = 0, timestamp_of: Callable[[int], int] | None = None
    ) -> None:
        """Writes `rows` to `in`; the n-th is dated `timestamp_of(n)` ms, by default n."""
        producer = await self._started_producer()
        batch = producer.create_batch()
        sent: list[Awaitable[Any]] = []
        for number, (key, value) in enumerate(rows):
            timestamp = timestamp_of(number) if timestamp_of is not None else number
            while batch.append(timestamp=timestamp, key=key, value=value) is None:
                sent.append(await producer.send_batch(batch, self.spec().source, partition=partition))
                batch = producer.create_batch()
        sent.append(await producer.send_batch(batch, self.spec().source, partition=partition))
        await asyncio.gather(*sent)

    async def _started_producer(self) -> Any:
        if self._producer is None:
            self._producer = AIOKafkaProducer(**client_options(self.settings.kafka), enable_idempotence=True)
            await self._producer.start()
        return self._producer

    async def records(self, name: str, partition: int = 0) -> list[Record]:
        """What is committed on a topic of this site."""
        return await read(self.cluster, f"{self.settings.kafka.topic_prefix}.{name}", partition)

    async def values(self, partition: int = 0) -> list[bytes | None]:
        """The values of `out`."""
        return [record.value for record in await self.records("out", partition)]

    async def until_values(self, count: int, partition: int = 0) -> None:
        """Waits until `out` holds `count` records."""

        async def enough() -> bool:
            return len(await self.values(partition)) >= count

        await until(enough, f"{count} outputs of partition {partition}")

    async def meta(self, partition: int = 0) -> Meta:
        """The meta record as it stands in the changelog."""
        found = [record.value for record in await self.records("log", partition) if record.key == META_KEY]
        return metas.decode(found[-1] or b"")

    async def committed(self, partition: int = 0) -> int | None:
        """The group's committed offset."""
        found = await self.cluster.committed(self.spec().group, TopicPartition(self.spec().source, partition))
        return None if found is None else found.offset

    async def __aenter__(self) -> Self:
        await self.create_topics()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._producer is not None:
            await self._producer.stop()
        await self.cluster.close()
