"""Topics on a real broker: created once, verified, mended, and never harmed."""

import asyncio
from collections import Counter

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.errors import Refused
from streams.kafka_admin import BrokerAwayError, admin_client
from streams.sections import DAY_MS, ConsoleSettings, KafkaSettings, Settings, StreamsSettings
from streams.topic_admin import prepare_topics
from streams.topic_check import Row, wrong
from streams.topics import TOPICS, full_name, topic_configs, topic_name


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    return Settings(kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix))


def states(rows: list[Row]) -> Counter[str]:
    return Counter(row.state for row in rows if not row.topic.startswith("broker "))


def keeping(settings: Settings, days: int) -> Settings:
    return Settings(kafka=settings.kafka, streams=StreamsSettings(retention_ms=days * DAY_MS))


async def test_missing_topics_are_created_once(settings: Settings) -> None:
    before = await prepare_topics(settings, create=False)
    assert [row.state for row in before if not row.topic.startswith("broker ")] == ["missing"] * len(TOPICS)
    first = await prepare_topics(settings)
    assert {row.topic for row in first if row.state == "created"} == {full_name(settings, topic) for topic in TOPICS}
    assert wrong(first) == []
    second = await prepare_topics(settings)
    assert set(states(second)) == {"ok"}


async def test_several_processes_may_create_at_once(settings: Settings) -> None:
    reports = await asyncio.gather(*(prepare_topics(settings) for _ in range(3)))
    assert all(wrong(rows) == [] for rows in reports)
    created = [row.topic for rows in reports for row in rows if row.state == "created"]
    assert sorted(created) == sorted(full_name(settings, topic) for topic in TOPICS)


async def test_what_differs_is_told_and_mended_only_on_request(settings: Settings) -> None:
    await prepare_topics(settings)
    longer = keeping(settings, 200)
    told = wrong(await prepare_topics(longer))
    assert {(row.topic, row.what, row.found) for row in told} == {
        (topic_name(settings, name), "retention.ms", str(180 * DAY_MS)) for name in ("activities", "alerts")
    }
    mended = await prepare_topics(longer, fix=True)
    assert states(mended)["fixed"] == 2
    assert wrong(mended) == []
    assert set(states(await prepare_topics(longer))) == {"ok"}


async def test_mending_keeps_what_others_have_set(settings: Settings) -> None:
    topic = next(topic for topic in TOPICS if topic.name == "alerts")
    name = full_name(settings, topic)
    theirs = {"segment.ms": "3600000"}
    async with admin_client(settings) as client:
        await client.create_topics([NewTopic(name, 12, 1, topic_configs={**topic_configs(settings, topic), **theirs})])
    await prepare_topics(keeping(settings, 200), fix=True)
    await prepare_topics(settings, fix=True)
    assert set(states(await prepare_topics(settings))) == {"ok"}
    assert (await configs_of(settings, name))["segment.ms"] == "3600000"


async def configs_of(settings: Settings, name: str) -> dict[str, str]:
    async with admin_client(settings) as client:
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        (answer,) = await client.describe_configs([resource])
    ((_, _, _, _, entries),) = answer.resources
    return {entry[0]: entry[1] for entry in entries}


async def test_partitions_are_never_changed(settings: Settings) -> None:
    name = topic_name(settings, "events")
    async with admin_client(settings) as client:
        await client.create_topics([NewTopic(name, 3, 1)])
    rows = await prepare_topics(settings, fix=True)
    (row,) = wrong(rows)
    assert (row.topic, row.what, row.wanted, row.found) == (name, "partitions", "12", "3")
    assert {row.what for row in rows if row.state == "fixed" and row.topic == name} >= {
        "max.message.bytes",
        "retention.ms",
    }


async def test_looking_creates_nothing(settings: Settings) -> None:
    await prepare_topics(settings, create=False, fix=True)
    async with admin_client(settings) as client:
        there = await client.list_topics()
    assert not [name for name in there if name.startswith(settings.kafka.topic_prefix)]


async def test_more_replicas_than_brokers_are_refused(kafka: str, prefix: str) -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix, replication_factor=9))
    with pytest.raises(Refused, match=r"was not created: .*check kafka\.replication_factor"):
        await prepare_topics(settings)


async def test_the_brokers_own_settings_are_in_the_report(settings: Settings) -> None:
    rows = [row for row in await prepare_topics(settings, create=False) if row.topic.startswith("broker ")]
    assert {row.what for row in rows} == {"offsets.retention.minutes", "transaction.max.timeout.ms"}
    assert all(row.found.isdigit() for row in rows)


async def test_a_broker_that_is_away_is_told_of() -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"), console=ConsoleSettings(deadline_ms=1_000))
    with pytest.raises(BrokerAwayError, match=r"no Kafka broker at 127\.0\.0\.1:1 within 1 s \(.*refused|Errno 111"):
        await prepare_topics(settings)
