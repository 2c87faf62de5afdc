"""What detection has learned of a user: read out of the log of its state, which workers need not be asked for.

The log is read from its end backwards, for who was active lately stands near it. So a look costs the broker what was
written since the user was last active, keeps nothing here, and costs workers nothing.
"""

from contextlib import aclosing
from typing import Final

import msgspec

from agents import detect
from detections import state as user_state
from detections.state import UserState
from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from streams.cluster import Cluster, Record, TopicPartition
from streams.kafka import partition_of
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.state import EPOCH_HEADER
from streams.topics import PARTITIONS, changelog_name

FIRST_STRETCH: Final = 4_000
"""Offsets: more than one transaction writes, so that its meta record is among them."""
GROWTH: Final = 4
"""Each stretch before is so many times as long: few requests, and at most four times what was needed is read."""


class Learned(msgspec.Struct, frozen=True):
    """`state`: of the user, None where nothing is known. `at_ms`: when it changed last, ms since the epoch, UTC.
    `warming`: it is being learned anew from the log, and is not whole yet. `other_version`: it is of a version of
    egnyte-watch whose state this one can't read."""

    state: UserState | None = None
    at_ms: int = 0
    warming: bool = False
    other_version: bool = False


async def learned(settings: Settings, user_key: str) -> Learned:
    """What is known of the user now. Raises Kafka's errors, and TimeoutError where that takes too long."""
    cluster, key = KafkaCluster(settings, f"{settings.kafka.topic_prefix}-watch-learned"), user_key.encode()
    try:
        changelog = TopicPartition(changelog_name(settings, detect.NAME), partition_of(key, PARTITIONS))
        return await read(cluster, changelog, key)
    finally:
        await cluster.close()


async def read(cluster: Cluster, changelog: TopicPartition, key: bytes) -> Learned:
    """The newest record of `key`, where it is of the state that holds."""
    begin, upper = await cluster.bounds(changelog)
    length, meta, found = FIRST_STRETCH, None, None
    while upper > begin and (found is None or meta is None):
        lower = max(begin, upper - length)
        meta_here, found_here = await _stretch(cluster, changelog, key, lower, upper)
        meta, found = meta or meta_here, found or found_here
        upper, length = lower, length * GROWTH
    if meta is None:
        return Learned()
    if meta.schema != detect.SCHEMA:
        return Learned(other_version=True)
    warming = meta.phase == "warming"
    if found is None or found.value is None or _epoch(found) != meta.epoch:
        return Learned(warming=warming)
    return Learned(user_state.decode(found.value), found.timestamp, warming)


async def _stretch(
    cluster: Cluster, changelog: TopicPartition, key: bytes, lower: int, upper: int
) -> tuple[Meta | None, Record | None]:
    meta, found = None, None
    async with aclosing(cluster.read(changelog, lower)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                if record.offset >= upper:
                    return meta, found
                if record.key == META_KEY:
                    meta = metas.decode(record.value or b"")
                elif record.key == key:
                    found = record
            if chunk[-1].offset >= upper - 1:
                break
    return meta, found


def _epoch(record: Record) -> int:
    return next((int(value) for name, value in record.headers if name == EPOCH_HEADER), 0)
