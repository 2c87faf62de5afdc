"""The demo's past, on a real broker: published once, and the connector goes on where it ends."""

import msgspec
import pytest

from connectors.egnyte.resume import last_cursor
from console.demo_history import MARGIN_MS, publish_history
from simulators.scenario.demo import Demo
from streams.cluster import TopicPartition
from streams.kafka_cluster import KafkaCluster
from streams.sections import EgnyteSettings, KafkaSettings, Settings
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, topic_name

DEMO = Demo(1_763_971_200_000)


@pytest.fixture
async def settings(kafka: str, prefix: str) -> Settings:
    settings = Settings(kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix), egnyte=EgnyteSettings(name="demo"))
    await prepare_topics(settings)
    return settings


async def published(settings: Settings) -> list[bytes]:
    topic, cluster = topic_name(settings, "events"), KafkaCluster(settings, "test")
    try:
        return [
            record.value or b""
            for partition in range(PARTITIONS)
            async for chunk in cluster.read(TopicPartition(topic, partition), 0)
            for record in chunk
        ]
    finally:
        await cluster.close()


async def test_it_is_published_once_with_the_cursor_behind_it(settings: Settings) -> None:
    expected = sorted(msgspec.json.encode(event) for event in DEMO.history)
    assert await publish_history(settings, DEMO.history, DEMO.stream_starts_ms) == len(expected) > 0
    assert await publish_history(settings, DEMO.history, DEMO.stream_starts_ms) == 0
    assert sorted(await published(settings)) == expected
    cluster = KafkaCluster(settings, "test")
    try:
        cursor = await last_cursor(settings, cluster)
    finally:
        await cluster.close()
    assert cursor is not None
    assert (cursor.cursor, cursor.start_ms) == ("", DEMO.stream_starts_ms - MARGIN_MS)
