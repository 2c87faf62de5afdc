"""Writes what people say as events, to where the pipeline reads what happened."""

import uuid
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from schemas.event import MAX_VALUE_BYTES, Envelope
from streams.errors import Refused
from streams.kafka import client_options, partition_of
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name


class Published(msgspec.Struct, frozen=True):
    """Where an event was written."""

    topic: str
    partition: int
    offset: int


async def event(settings: Settings, connector: str, source: str, key: bytes, value: bytes) -> Published:
    """Writes one event; it is kept when this returns.

    Raises Refused where this login may not write there, or the broker did not take it, and Kafka's errors.
    """
    topic = topic_name(settings, "events")
    envelope = Envelope(connector, uuid.uuid4().hex, source)
    producer: Any = AIOKafkaProducer(**client_options(settings.kafka), acks="all", max_request_size=2 * MAX_VALUE_BYTES)
    await producer.start()
    try:
        written = await producer.send_and_wait(
            topic, value, key=key, partition=partition_of(key, PARTITIONS), headers=list(envelope.to_headers())
        )
    except TopicAuthorizationFailedError:
        raise Refused(
            f"this login may not write to {topic}: grant it WRITE there, for a {source} is an event"
        ) from None
    except KafkaError as error:
        raise Refused(f"{topic} did not take the {source}: {error}") from error
    finally:
        await producer.stop()
    return Published(topic, int(written.partition), int(written.offset))
