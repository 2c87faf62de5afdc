"""The connector's connections to Kafka."""

from collections.abc import Iterable
from typing import Protocol

from streams.cluster import Cluster
from streams.kafka_admin import admin_client
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS


class OwnedCluster(Cluster, Protocol):
    """A cluster's connections, closed by whoever has opened them."""

    async def unfit(self, topics: Iterable[str]) -> list[str]:
        """In words, which of `topics` are missing or have another number of partitions than keys are spread over."""
        ...

    async def close(self) -> None:
        """Closes them."""
        ...


class ConnectorCluster(KafkaCluster):
    """A real cluster. Topics are looked at before anything is asked of them: clients wait long for one that is missing,
    or have it made with the brokers' defaults.
    """

    def __init__(self, settings: Settings, client_id: str) -> None:
        super().__init__(settings, client_id)
        self._of = settings

    async def unfit(self, topics: Iterable[str]) -> list[str]:
        """See `OwnedCluster`. Raises BrokerAwayError."""
        async with admin_client(self._of) as client:
            described = await client.describe_topics()
        found = {entry["topic"]: len(entry["partitions"]) for entry in described if not entry["error_code"]}
        wrong = [f"{topic} is missing" for topic in topics if topic not in found]
        return wrong + [
            f"{topic} has {found[topic]} partitions, not {PARTITIONS}"
            for topic in topics
            if found.get(topic, PARTITIONS) != PARTITIONS
        ]
