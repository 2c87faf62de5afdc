"""Clients that have come to harm: what is given up ends, what is broken is made anew."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streams import kafka_cluster
from streams.cluster import TopicPartition
from streams.kafka_cluster import KafkaCluster
from tests.broker.counting_site import CountingSite, settings_of
from tests.crash.books import read


@pytest.fixture
async def site(kafka: str, prefix: str) -> AsyncIterator[CountingSite]:
    async with CountingSite(settings_of(kafka, prefix)) as made:
        yield made


@pytest.mark.parametrize("ending", ["delivering", "aborting"])
async def test_a_producer_that_is_given_up_leaves_no_task_behind(site: CountingSite, ending: str) -> None:
    before = asyncio.all_tasks()
    producer: Any = site.cluster.producer(f"{site.spec().group}-0")
    await producer.start()
    await producer.begin_transaction()
    delivered = await producer.send_batch(full_batch(producer), site.spec().source, partition=0)
    send = producer.client.send
    if ending == "aborting":
        await delivered

    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    producer.client.send = never
    if ending == "aborting":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(producer.abort_transaction(), 0.2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(producer.stop(), 0.2)
    producer.client.send = send
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert not left


def full_batch(producer: Any) -> Any:
    """A batch of one record."""
    batch = producer.create_batch()
    batch.append(timestamp=0, key=b"k", value=b"v")
    return batch


async def test_a_reader_that_has_died_is_made_anew(site: CountingSite, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.produce([(b"k", b"v")] * 3)
    cluster = KafkaCluster(site.settings, "test")
    try:
        tp = TopicPartition(site.spec().source, 0)
        assert await cluster.bounds(tp) == (0, 3)
        reader: Any = cluster._consumer
        reader._fetcher._fetch_task.cancel()
        monkeypatch.setattr(kafka_cluster, "ANSWER_S", 2.0)
        with pytest.raises(TimeoutError):
            await read(cluster, tp.topic, 0)
        assert len(await read(cluster, tp.topic, 0)) == 3
    finally:
        await cluster.close()
