"""A Kafka for development: the real broker from its own jars, started and ended with the process that needs it."""

from simulators.kafka.broker import DevelopmentKafka, ExternalKafka, Kafka, development_kafka
from simulators.kafka.errors import (
    BrokerFailedError,
    DevelopmentKafkaError,
    DownloadFailedError,
    KafkaCommandFailedError,
    MissingToolError,
)
from simulators.kafka.tools import tool

__all__ = [
    "BrokerFailedError",
    "DevelopmentKafka",
    "DevelopmentKafkaError",
    "DownloadFailedError",
    "ExternalKafka",
    "Kafka",
    "KafkaCommandFailedError",
    "MissingToolError",
    "development_kafka",
    "tool",
]
