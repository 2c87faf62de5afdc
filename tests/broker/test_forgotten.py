"""A transaction that its broker has forgotten to end: the next owner ends it everywhere alike, and goes on exactly.

A broker forgets by accident, about once in six kills; here it is made to. With the verification of partitions off it
takes records of a transaction whose coordinator was never told that they are part of one.
"""

from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaTopicPartition

from schemas import meta as metas
from schemas.meta import META_KEY
from simulators.kafka import DevelopmentKafka
from streams.cluster import TopicPartition
from streams.kafka_admin import admin_client
from streams.kafka_cluster import LaneProducer
from streams.startup import OURS
from tests.broker.counting_site import CountingSite, settings_of
from tests.streams.counting import Counter, counting

ROWS = [(b"k", b"v")] * 5
UNVERIFIED = {"transaction.partition.verification.enable": "false"}


@pytest.fixture(scope="module")
def forgetful() -> Iterator[str]:
    with DevelopmentKafka() as broker:
        yield broker.bootstrap


@pytest.fixture
async def site(forgetful: str, prefix: str) -> AsyncIterator[CountingSite]:
    settings = settings_of(forgetful, prefix)
    async with admin_client(settings) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", UNVERIFIED)])
    async with CountingSite(settings) as site:
        await site.produce(ROWS)
        await site.run_until(5)
        yield site


async def forget(site: CountingSite, first: int, names: tuple[str, ...], *, offset: bool = False) -> None:
    """A unit of the site's app over five records from the offset `first` on, of which what it wrote to the topics
    `names` is left open. `offset`: its offset is committed, as by a broker that was killed when it had ended a part of
    the transaction."""
    spec, prefix = site.spec(), site.settings.kafka.topic_prefix
    source = TopicPartition(spec.source, 0)
    producer = cast("LaneProducer", site.cluster.producer(f"{spec.group}-0"))
    await producer.start()
    await producer.begin_transaction()
    following = metas.encode(metas.Meta(next=first + 5, schema=1, epoch=0))
    values = {"out": [(b"k", b"%d:%d" % (n, n + 1)) for n in range(first, first + 5)], "log": [(META_KEY, following)]}
    for name in names:
        unknown = KafkaTopicPartition(f"{prefix}.{name}", 0)
        producer._txn_manager._txn_partitions.add(unknown)  # the coordinator is never told
        batch = producer.create_batch()
        for key, value in values[name]:
            batch.append(timestamp=0, key=key, value=value)
        await (await producer.send_batch(batch, unknown.topic, partition=0))
    producer._txn_manager._txn_partitions.clear()
    if offset:
        await producer.send_offsets_to_transaction(
            {KafkaTopicPartition(*source): OffsetAndMetadata(first + 5, f"{OURS} {first + 5}")}, spec.group
        )
        await producer.commit_transaction()
    await producer.stop()  # it neither commits nor aborts
    for name in names:
        assert await site.cluster.undecided(TopicPartition(f"{prefix}.{name}", 0))


async def test_a_unit_that_was_not_decided_is_done_again(site: CountingSite) -> None:
    await forget(site, 5, ("out", "log"))
    await site.produce(ROWS)
    assert await site.run_until(10) == [b"%d:%d" % (n, n + 1) for n in range(10)]
    assert (await site.meta()).next == 10
    assert await site.committed() == 10


async def test_the_rest_of_a_unit_that_was_committed_is_committed(site: CountingSite) -> None:
    await site.produce(ROWS)
    await forget(site, 5, ("out", "log"), offset=True)
    await site.produce(ROWS)
    found = await site.run_until(15)
    assert found[:10] == [b"%d:%d" % (n, n + 1) for n in range(10)]
    assert len(found) == 15
    assert (await site.meta()).epoch == 0
    assert await site.committed() == 15


async def test_outputs_alone_are_rather_there_twice_than_never(site: CountingSite) -> None:
    await site.produce(ROWS)
    await site.run_until(10)
    await forget(site, 5, ("out",))
    await site.produce(ROWS)
    assert await site.run_until(20) == [b"%d:%d" % (n, n + 1) for n in (*range(10), *range(5, 10), *range(10, 15))]


async def test_a_lane_that_goes_on_in_this_process_forgets_what_has_not_happened(site: CountingSite) -> None:
    async with site.running() as app:
        await site.produce(ROWS)
        await site.until_values(10)
        tp = TopicPartition(site.spec().source, 0)
        known = app.lanes.values(tp)
        await forget(site, 10, ("out", "log"))  # fences the lane: the next unit fails, and the group is joined again
        known[b"k"] = counting().codec.encode(Counter(99))  # what a unit had folded in that has not happened
        await site.produce(ROWS)
        await site.until_values(15)
    assert await site.values() == [b"%d:%d" % (n, n + 1) for n in range(15)]
