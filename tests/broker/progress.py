"""Waiting until the pipeline has got so far."""

from contextlib import aclosing

from agents import detect, enrich, networks, profile
from simulators.egnyte import EgnyteSimulator
from streams.cluster import TopicPartition
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS, group_name, topic_name
from tests.broker.waiting import until
from tests.crash.books import read


async def until_fed(settings: Settings, simulator: EgnyteSimulator, more: int) -> None:
    """Waits until all that has happened, and as much as `more` that happens from now on, are committed activities."""
    wanted = len(simulator.visible_events()) + more
    cluster = KafkaCluster(settings, "test")
    topic = topic_name(settings, "activities")

    async def enough() -> bool:
        return sum([len(await read(cluster, topic, n)) for n in range(PARTITIONS)]) >= wanted

    try:
        await until(enough, f"{wanted} activities")
    finally:
        await cluster.close()


async def until_through(settings: Settings) -> None:
    """Waits until each agent has committed, in every partition, what its input can be read to hold now."""
    cluster = KafkaCluster(settings, "test")
    left: list[tuple[str, TopicPartition, int]] = []
    try:
        for agent, source in (
            (enrich.NAME, "events"), (detect.NAME, "activities"), (networks.NAME, "attempts"),
            (profile.NAME, "activities"),
        ):  # fmt: skip
            for n in range(PARTITIONS):
                tp = TopicPartition(topic_name(settings, source), n)
                _, end = await cluster.bounds(tp)
                left.append((group_name(settings, agent), tp, end))

        async def done() -> bool:
            nonlocal left
            left = [waiting for waiting in left if await _is_behind(cluster, *waiting)]
            return not left

        await until(done, "every partition is through")
    finally:
        await cluster.close()


async def _is_behind(cluster: KafkaCluster, group: str, tp: TopicPartition, end: int) -> bool:
    """Whether a record below `end` is not committed yet. What follows the last one may be a transaction's marker."""
    committed = await cluster.committed(group, tp)
    start = committed.offset if committed is not None else 0
    if start >= end:
        return False
    async with aclosing(cluster.read(tp, start)) as chunks:
        async for chunk in chunks:
            return chunk[0].offset < end
    return False
