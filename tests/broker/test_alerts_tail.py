"""`alerts tail` on a real broker: committed findings only, in both forms, from the beginning or as they come."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from console.cli import app
from console.findings import tail
from streams.errors import Refused
from streams.sections import KafkaSettings, Settings
from streams.topic_admin import prepare_topics
from streams.topics import topic_name

DEADLINE_S = 30


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    return Settings(kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix))


async def publish(settings: Settings, name: str, *values: bytes, commit: bool = True) -> None:
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap, transactional_id=f"{settings.kafka.topic_prefix}-{name}"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(topic_name(settings, name), value, key=b"one partition", timestamp_ms=1_000)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


def invoke(settings: Settings, *arguments: str) -> list[str]:
    environ = {
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
    }
    result = CliRunner().invoke(app, ["alerts", "tail", *arguments], env=environ)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_committed_values_are_printed_as_they_are(settings: Settings) -> None:
    async def prepare() -> None:
        await prepare_topics(settings)
        await publish(settings, "alerts", b'{"never":1}', commit=False)
        await publish(settings, "alerts", b'{"a":1}', b'{"a":2}')
        await publish(settings, "behaviors", b'{"b":1}')

    asyncio.run(prepare())
    read = invoke(settings, "--json", "--from-beginning", "--behaviors", "--count", "3")
    assert sorted(read) == ['{"a":1}', '{"a":2}', '{"b":1}']
    (first,) = invoke(settings, "--from-beginning", "--count", "1")
    assert first.startswith("not a finding (")


async def test_without_the_beginning_it_reads_what_comes(settings: Settings) -> None:
    await prepare_topics(settings)
    await publish(settings, "alerts", b"old")
    async with aclosing(tail(settings, [topic_name(settings, "alerts")], from_beginning=False)) as values:
        first = asyncio.ensure_future(anext(values))
        async with asyncio.timeout(DEADLINE_S):
            while not first.done():
                await publish(settings, "alerts", b"new")
                await asyncio.wait([first], timeout=0.5)
        assert first.result() == b"new"


async def test_without_topics_it_says_what_to_do(settings: Settings) -> None:
    name = topic_name(settings, "alerts")
    with pytest.raises(Refused, match=rf"there is no topic {name}: run egnyte-watch topics"):
        await anext(tail(settings, [name], from_beginning=True))
