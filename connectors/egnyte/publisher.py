"""Writes pages: events, dead letters and the cursor behind them in one transaction, so that none is ever without the
others.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from connectors.egnyte.intake import Outgoing
from connectors.egnyte.occurrences import Offsets
from schemas import finding as findings_schema
from schemas.connector import CursorRecord, StatusRecord, cursor_key, encode, status_key
from schemas.finding import Finding
from streams.cluster import NO_HEADERS, Cluster, Headers, TopicPartition
from streams.errors import Fenced
from streams.kafka import partition_of
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

START_WITHIN_S: Final = 60.0
"""The first transactional producer of a cluster waits some seconds until the brokers have made the log of
transactions.
"""
CLOSE_WITHIN_S: Final = 1.5
"""Aborting and each closing get so long; the next producer's fence does it otherwise."""


class TransactionExpired(Fenced):
    """Fenced, but after a transaction that had been open so long that the broker ended it: nobody else need be
    there.
    """


def transactional_id(settings: Settings) -> str:
    """One per connector: starting a second connector of the same name ends the first."""
    return f"{settings.kafka.topic_prefix}-watch-connector-{settings.egnyte.name}"


class Publisher:
    """One connector's transactional producer. After any error it is of no more use: close it and start another."""

    def __init__(self, settings: Settings, cluster: Cluster, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._events = topic_name(settings, "events")
        self._dead_letters = topic_name(settings, "dead-letters")
        self._connectors = topic_name(settings, "connectors")
        self._alerts = topic_name(settings, "alerts")
        self._timeout_s = settings.streams.transaction_timeout_ms / 1_000
        self._cluster = cluster
        self._monotonic = monotonic
        self._producer = cluster.producer(transactional_id(settings))
        self._open = False
        self.upcoming: Offsets = {}
        """At most the next offset of each partition of the events topic."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that is written to."""
        return self._events, self._dead_letters, self._connectors, self._alerts

    async def start(self) -> None:
        """Fences every earlier connector of this name, and waits until what it had committed is there to be read."""
        async with asyncio.timeout(START_WITHIN_S):
            await self._producer.start()
            for partition in range(PARTITIONS):
                _, self.upcoming[partition] = await self._cluster.bounds(TopicPartition(self._events, partition))

    async def publish(
        self,
        records: Sequence[Outgoing],
        cursor: CursorRecord,
        status: StatusRecord | None,
        timestamp_ms: int,
        findings: Sequence[Finding] = (),
    ) -> None:
        """One transaction: all of it is published, or nothing. Returns when it is committed. `findings`: about the
        connector itself.

        Raises Fenced where another connector has taken over, TransactionExpired, TimeoutError, or Kafka's errors; what
        has become of the transaction is then known only to whoever starts anew and reads the cursor.
        """
        began = self._monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._transact(self._batches(records, cursor, status, timestamp_ms, findings))
        except (ProducerFenced, InvalidProducerEpoch) as error:
            if self._monotonic() - began >= self._timeout_s:
                raise TransactionExpired("the broker ended a transaction that had been open for too long") from error
            raise Fenced("another connector with the same name has been started") from error

    async def close(self) -> None:
        """Aborts what is open and closes the producer, within a bound."""
        if self._open:
            await within(CLOSE_WITHIN_S, self._producer.abort_transaction())
        await within(CLOSE_WITHIN_S, self._producer.stop())

    async def _transact(self, batches: list[tuple[tuple[str, int], Any]]) -> None:
        await self._producer.begin_transaction()
        self._open = True
        deliveries = [
            await self._producer.send_batch(batch, topic, partition=partition) for (topic, partition), batch in batches
        ]
        delivered = await asyncio.gather(*deliveries)
        await self._producer.commit_transaction()
        self._open = False
        for ((topic, partition), batch), where in zip(batches, delivered, strict=True):
            if topic == self._events:
                self.upcoming[partition] = max(self.upcoming[partition], where.offset + batch.record_count())

    def _batches(
        self,
        records: Sequence[Outgoing],
        cursor: CursorRecord,
        status: StatusRecord | None,
        timestamp_ms: int,
        findings: Sequence[Finding],
    ) -> list[tuple[tuple[str, int], Any]]:
        """Batches by topic and partition, in the order in which they have to be sent."""
        filling: dict[tuple[str, int], Any] = {}
        filled: list[tuple[tuple[str, int], Any]] = []

        def add(topic: str, key: bytes, value: bytes, headers: Headers, spread_by: bytes = b"") -> None:
            slot = (topic, partition_of(spread_by or key, PARTITIONS))
            batch = filling.get(slot)
            if batch is None or batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                batch = filling[slot] = self._producer.create_batch()
                filled.append((slot, batch))
                batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)

        for record in records:
            add(self._dead_letters if record.dead else self._events, record.key, record.value, record.headers)
        for finding in findings:
            spread_by = finding.unmapped.user_key.encode()
            add(self._alerts, finding.finding_info.uid.encode(), findings_schema.encode(finding), NO_HEADERS, spread_by)
        add(self._connectors, cursor_key(cursor.connector), encode(cursor), NO_HEADERS)
        if status is not None:
            add(self._connectors, status_key(status.connector), encode(status), NO_HEADERS)
        return filled


async def within(seconds: float, closing: Awaitable[None]) -> None:
    """What closing raises or outlasts is of no more interest: nothing of this producer is used again."""
    try:
        async with asyncio.timeout(seconds):
            await closing
    except Exception:  # noqa: BLE001 - see above
        return
