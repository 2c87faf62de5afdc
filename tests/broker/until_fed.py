"""Waiting until what happens in Egnyte has become activities."""

from simulators.egnyte import EgnyteSimulator
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name
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
