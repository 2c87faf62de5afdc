"""What a connector that starts finds in the log: its cursor, and the events that it must not publish again."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, TypeVar

import msgspec

from connectors.egnyte.occurrences import Offsets, Published, Window
from schemas.connector import (
    SCHEMA,
    CursorRecord,
    HistoryRequest,
    cursor_key,
    decode_cursor,
    decode_request,
    request_key,
)
from schemas.event import AUDIT, Envelope
from streams.cluster import Cluster, Record, TopicPartition
from streams.errors import Refused
from streams.kafka import partition_of
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

R = TypeVar("R", CursorRecord, HistoryRequest)

_FOR_EVER_MS: Final = 2**60
OVERLAP_MS: Final = 3_600_000
"""How far before the newest event a refused cursor starts again: events were seen to come up to some hours late, most
within minutes, and an hour's events at Egnyte's limits still fit in memory.
"""
LEAST_CONTENTS: Final = 5_000
"""As many as one answer holds: one that begins with events before its cursor may, in a quiet domain, repeat those of
many hours.
"""


async def last_cursor(settings: Settings, cluster: Cluster) -> CursorRecord | None:
    """The newest cursor record of this connector, None on its very first start. Raises Refused for one that can't be
    read.
    """
    return await _newest(settings, cluster, cursor_key(settings.egnyte.name), "cursor", decode_cursor)


async def asked_history(settings: Settings, cluster: Cluster) -> HistoryRequest | None:
    """The history that somebody has asked of this connector, None where nobody has. Raises Refused for a record that
    can't be read.
    """
    return await _newest(settings, cluster, request_key(settings.egnyte.name), "request", decode_request)


async def window_from(settings: Settings, cluster: Cluster, starts: Offsets) -> Window:
    """All events that were published from the offsets `starts` on, none of them ever forgotten."""
    window = Window(_FOR_EVER_MS)
    await _restore(settings, cluster, window, starts)
    return window


async def published_window(settings: Settings, cluster: Cluster, cursor: CursorRecord | None) -> Window:
    """The window of published events that `cursor` stands for, read back from the log.

    Dead letters are not: of a large one only the beginning is kept, which does not tell its content. What became one
    before a restart becomes one again where the stream repeats it; the letters' `sha256` shows that.
    """
    window = Window(OVERLAP_MS, newest_ms=cursor.newest_ms if cursor else 0, least_contents=LEAST_CONTENTS)
    if cursor is None:
        return window
    await _restore(settings, cluster, window, cursor.window)
    return window


async def _restore(settings: Settings, cluster: Cluster, window: Window, starts: Offsets) -> None:
    topic, connector = topic_name(settings, "events"), settings.egnyte.name
    for partition, start in sorted(starts.items()):
        async for chunk in cluster.read(TopicPartition(topic, partition), start):
            window.restore(connector, _audit_events(connector, chunk))
    window.restored(starts)


async def _newest(
    settings: Settings, cluster: Cluster, wanted: bytes, what: str, decode: Callable[[bytes], R]
) -> R | None:
    """The newest record of a key of the connectors' topic."""
    topic = topic_name(settings, "connectors")
    partition = TopicPartition(topic, partition_of(wanted, PARTITIONS))
    newest: Record | None = None
    async for record in _records(cluster, partition, 0):
        if record.key == wanted:
            newest = record
    if newest is None or newest.value is None:
        return None
    where = f"{topic}/{partition.partition} at offset {newest.offset}, key {wanted.decode()}"
    try:
        found = decode(newest.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(
            f"{where}: the {what} record can't be read ({error}). A tombstone for the key starts afresh"
        ) from None
    if found.schema > SCHEMA:
        raise Refused(f"{where}: the {what} record has schema {found.schema}, this program knows {SCHEMA}: upgrade it")
    return found


def _audit_events(connector: str, chunk: Sequence[Record]) -> list[Published]:
    found = []
    for record in chunk:
        if record.value is None:
            continue
        try:
            envelope = Envelope.from_headers(record.headers)
        except ValueError:  # not written by a connector: no event of ours
            continue
        if envelope.connector == connector and envelope.source == AUDIT:
            found.append(Published(record.value, envelope.event_id, record.partition, record.offset, record.timestamp))
    return found


async def _records(cluster: Cluster, partition: TopicPartition, start: int) -> AsyncIterator[Record]:
    async for chunk in cluster.read(partition, start):
        for record in chunk:
            yield record
