"""Reads the governance log for people, and writes what they ask for."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer

from agents.governing.ledger import Ledger
from schemas import governance
from schemas.governance import GovernanceRecord
from streams.cluster import TopicPartition
from streams.errors import Refused
from streams.kafka import client_options, partition_of
from streams.kafka_admin import require_topics
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

log = structlog.get_logger(__name__)
SHORTEST_UID: Final = 8
"""Of a uid so much must be given; the rest where it is not unique."""


async def rows(settings: Settings, *, newest_only: bool = True) -> list[GovernanceRecord]:
    """The log in the order of time: the newest record of each action, or every record that changed one.

    Raises Refused where the topic is missing, and Kafka's errors.
    """
    topic = topic_name(settings, "governance")
    await require_topics(settings, [topic])
    cluster = KafkaCluster(settings, f"{settings.kafka.topic_prefix}-watch-govern-log")
    found: list[GovernanceRecord] = []
    try:
        for number in range(PARTITIONS):
            ledger = Ledger()
            async with aclosing(cluster.read(TopicPartition(topic, number), 0)) as chunks:
                async for chunk in chunks:
                    for record in chunk:
                        try:
                            each = governance.decode(record.value or b"")
                        except (ValueError, RecursionError) as error:
                            log.warning(
                                "a record is no action", partition=number, offset=record.offset, error=str(error)
                            )
                            continue
                        if ledger.apply(each) and not newest_only:
                            found.append(each)
            if newest_only:
                found += ledger.newest()
    finally:
        await cluster.close()
    return sorted(found, key=lambda record: record.at_ms)


async def find(settings: Settings, uid: str) -> GovernanceRecord:
    """How the action stands whose uid begins with `uid`. Raises Refused where there is none, or more than one."""
    if len(uid) < SHORTEST_UID:
        raise Refused(f"{uid!r} is too short: give the first {SHORTEST_UID} characters or more")
    found = [record for record in await rows(settings) if record.uid.startswith(uid)]
    if not found:
        raise Refused(f"no action begins with {uid!r}: egnyte-watch govern log shows them")
    if len(found) > 1:
        raise Refused(f"{len(found)} actions begin with {uid!r}: give more of it")
    return found[0]


async def ask(settings: Settings, requests: Sequence[GovernanceRecord]) -> None:
    """Writes requests; they are kept when this returns. Raises Refused where the topic is missing, Kafka's errors."""
    topic = topic_name(settings, "governance")
    await require_topics(settings, [topic])
    producer = AIOKafkaProducer(**client_options(settings.kafka), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        for each in requests:
            partition = partition_of(each.connector.encode(), PARTITIONS)
            await producer.send_and_wait(
                topic, governance.encode(each), key=each.uid.encode(), partition=partition, timestamp_ms=each.at_ms
            )
    finally:
        await producer.stop()
