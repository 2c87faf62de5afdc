"""How connectors fare, by what they have left on `egnyte.connectors`."""

import msgspec
import structlog

from schemas.connector import StatusRecord, decode_status, status_key
from streams.cluster import Cluster, TopicPartition
from streams.kafka import partition_of
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

log = structlog.get_logger(__name__)
_SUFFIX = b"/status"


async def last_status(settings: Settings, cluster: Cluster) -> StatusRecord | None:
    """The newest status of the connector of `settings`; None where there is none, or none that can be read: it is for
    people, and nothing hangs on it but what was said about the connector itself.
    """
    wanted = status_key(settings.egnyte.name)
    return (await _statuses(settings, cluster, partition_of(wanted, PARTITIONS))).get(wanted)


async def all_statuses(settings: Settings, cluster: Cluster) -> dict[str, StatusRecord]:
    """The newest status of every connector that has ever run, by its name."""
    found: dict[bytes, StatusRecord] = {}
    for partition in range(PARTITIONS):
        found |= await _statuses(settings, cluster, partition)
    return {record.connector: record for record in found.values()}


async def _statuses(settings: Settings, cluster: Cluster, partition: int) -> dict[bytes, StatusRecord]:
    values: dict[bytes, bytes | None] = {}
    async for chunk in cluster.read(TopicPartition(topic_name(settings, "connectors"), partition), 0):
        for record in chunk:
            if record.key is not None and record.key.endswith(_SUFFIX):
                values[record.key] = record.value
    found = {}
    for key, value in values.items():
        try:
            if value is not None:
                found[key] = decode_status(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("a status record can't be read", key=key.decode(errors="replace"), reason=str(error))
    return found
