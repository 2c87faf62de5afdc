"""Writes the directory: records by alias, changes and how far a source was read, in one transaction each.

The topic is the truth: whoever starts reads the directory back from it, so a person's change is published exactly once,
however often the process is killed.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import structlog
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from connectors.directory.directory import Directory, Written
from schemas import directory as schema
from schemas.directory import DirectoryEntry, DirectoryRecord, Source, SourceRecord
from schemas.event import DIRECTORY, Envelope
from streams.cluster import NO_HEADERS, Cluster, Headers, TopicPartition
from streams.errors import Fenced
from streams.kafka import partition_of
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

log = structlog.get_logger(__name__)

START_WITHIN_S: Final = 60.0
"""See `connectors.egnyte.publisher`."""
CLOSE_WITHIN_S: Final = 1.5
PEOPLE_A_TRANSACTION: Final = 1_000
"""About 5,000 records of half a kilobyte."""
FEW: Final = 10
DOUBTFUL_SHARE: Final = 0.3
"""A listing that lacks more people than `FEW`, and than this share of all, is believed when the next one says the same:
an answer that is cut short must not make everybody a leaver."""

Row = tuple[str, bytes, bytes | None, Headers, int]
"""Topic, key, value, headers, time."""


class Put(msgspec.Struct, frozen=True):
    """What came of what a source told. `people`: whose records were written. `changes`: events published. `doubted`:
    accounts that a listing lacks, kept until the next one lacks them as well."""

    people: int = 0
    changes: int = 0
    doubted: int = 0


class DirectoryPublisher:
    """One connector's directory, and its transactional producer.

    Several sources may share it: calls are taken one after the other. After any error it is of no more use: close it
    and start another, which knows what has been committed.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        connector: str,
        *,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.directory = Directory(connector)
        self._connector = connector
        self._topic = topic_name(settings, "directory")
        self._events = topic_name(settings, "events")
        self._timeout_s = settings.streams.transaction_timeout_ms / 1_000
        self._cluster = cluster
        self._producer = cluster.producer(f"{settings.kafka.topic_prefix}-watch-directory-{connector}")
        self._now_ms = now_ms
        self._taking = asyncio.Lock()
        self._doubted: dict[Source, frozenset[str]] = {}
        self._open = False

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that is written to."""
        return self._topic, self._events

    async def start(self) -> None:
        """Fences every earlier publisher of this connector's directory, and reads back what has been committed.

        Raises TimeoutError, Fenced, or Kafka's errors.
        """
        async with asyncio.timeout(START_WITHIN_S):
            await self._producer.start()
        newest: dict[bytes, bytes | None] = {}
        ours = f"{self._connector}/".encode()
        for partition in range(PARTITIONS):
            async for chunk in self._cluster.read(TopicPartition(self._topic, partition), 0):
                newest.update(
                    (record.key, record.value) for record in chunk if record.key and record.key.startswith(ours)
                )
        self.directory.load(self._read(newest))
        if orphans := self.directory.orphans():
            await self._commit(self._rows([Written(dict.fromkeys(orphans))], self._now_ms()))
        log.info("people are known", connector=self._connector, people=len(self.directory))

    def position(self, source: Source) -> str:
        """Where the changes of `source` go on (Entra ID's deltaLink), as `put` was last told; empty at first."""
        found = self.directory.sources.get(source)
        return found.position if found else ""

    async def put(
        self,
        source: Source,
        entries: Iterable[DirectoryEntry],
        *,
        complete: bool = False,
        position: str | None = None,
    ) -> Put:
        """Takes what `source` told: accounts that are new or may have changed, each whole; unchanged ones cost nothing.

        `complete`: these are all its accounts; those that it had before and lacks now are gone. `position`: see
        `position`; None leaves it. Both are written with the last of the entries, so a process that is killed before
        tells all of it again. Returns when everything is committed.

        Raises ValueError for entries of another source, TimeoutError, Fenced, or Kafka's errors.
        """
        told = list(entries)
        if strange := next((entry for entry in told if entry.source != source), None):
            raise ValueError(f"account {strange.id!r} is of {strange.source}, not of {source}")
        async with self._taking:
            seen_ms = self._now_ms()
            doubted = 0
            if complete:
                gone = self.directory.missing(source, {entry.id for entry in told}, seen_ms)
                if self._doubtful(source, gone):
                    doubted, gone = len(gone), []
                told += gone
            return await self._put(
                source, told, seen_ms, complete=complete and not doubted, position=position, doubted=doubted
            )

    async def close(self) -> None:
        """Aborts what is open and closes the producer, within a bound."""
        for ending in ([self._producer.abort_transaction] if self._open else []) + [self._producer.stop]:
            try:
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await ending()
            except Exception as error:  # noqa: BLE001 - the next publisher fences it
                log.debug("left behind", reason=repr(error))

    async def _put(
        self,
        source: Source,
        told: Sequence[DirectoryEntry],
        seen_ms: int,
        *,
        complete: bool,
        position: str | None,
        doubted: int,
    ) -> Put:
        people = changes = 0
        waiting: list[Written] = []
        for written in self.directory.take(told, seen_ms):
            waiting.append(written)
            people += bool(any(written.records.values()))
            changes += len(written.changes)
            if len(waiting) >= PEOPLE_A_TRANSACTION:
                await self._commit(self._rows(waiting, seen_ms))
                waiting = []
        if complete:
            waiting += [self.directory.forget(user) for user in self.directory.expired(seen_ms)]
        before = self.directory.sources.get(source) or SourceRecord(connector=self._connector, source=source)
        record = msgspec.structs.replace(
            before,
            read_ms=seen_ms,
            complete_ms=seen_ms if complete else before.complete_ms,
            position=before.position if position is None else position,
            position_ms=before.position_ms if position is None else seen_ms,
            people=len(self.directory.ids(source)),
        )
        key = schema.source_key(self._connector, source)
        rows = [*self._rows(waiting, seen_ms), (self._topic, key, schema.encode(record), NO_HEADERS, seen_ms)]
        await self._commit(rows)
        self.directory.sources[source] = record
        return Put(people, changes, doubted)

    def _doubtful(self, source: Source, gone: Sequence[DirectoryEntry]) -> bool:
        """Whether so many are gone that it takes a second listing to believe it."""
        ids = frozenset(entry.id for entry in gone)
        many = len(ids) > FEW and len(ids) > DOUBTFUL_SHARE * len(self.directory.ids(source))
        if many and not ids <= self._doubted.get(source, frozenset()):
            self._doubted[source] = ids
            log.warning(
                "a listing lacks many people: kept until the next one lacks them as well", connector=self._connector,
                source=source, missing=len(ids),
            )  # fmt: skip
            return True
        self._doubted.pop(source, None)
        return False

    def _read(self, newest: dict[bytes, bytes | None]) -> Iterator[DirectoryRecord | SourceRecord]:
        for key, value in newest.items():
            if value is None:
                continue
            source = key.startswith(f"{self._connector}/~source-".encode())
            try:
                yield schema.decode_source(value) if source else schema.decode(value)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.error(  # noqa: TRY400 - somebody else's mistake, not a traceback
                    "a record of the directory can't be read; it is made anew", topic=self._topic, key=key.decode(),
                    error=str(error),
                )  # fmt: skip

    def _rows(self, written: Iterable[Written], seen_ms: int) -> list[Row]:
        rows: dict[tuple[str, bytes], Row] = {}
        changes: list[Row] = []
        for each in written:
            for alias, record in each.records.items():
                key = schema.directory_key(self._connector, alias)
                value = None if record is None else schema.encode(record)
                rows[self._topic, key] = (self._topic, key, value, NO_HEADERS, seen_ms)
            for user, change in each.changes:
                identity = (self._connector, user, str(change.account.version), change.change)
                event_id = hashlib.sha256("\0".join(identity).encode(errors="replace")).hexdigest()[:32]
                headers = list(Envelope(self._connector, event_id, DIRECTORY).to_headers())
                key = f"{self._connector}/{user}".encode(errors="replace")
                changes.append((self._events, key, schema.encode(change), headers, seen_ms))
        return [*rows.values(), *changes]

    async def _commit(self, rows: Sequence[Row]) -> None:
        """One transaction: all of it is published, or nothing."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._producer.begin_transaction()
                self._open = True
                deliveries = [
                    await self._producer.send_batch(batch, topic, partition=partition)
                    for (topic, partition), batch in self._batches(rows)
                ]
                await asyncio.gather(*deliveries)
                await self._producer.commit_transaction()
                self._open = False
        except (ProducerFenced, InvalidProducerEpoch) as error:
            if time.monotonic() - began >= self._timeout_s:
                raise TimeoutError("the broker ended a transaction that had been open for too long") from error
            raise Fenced("another connector with the same name has been started") from error

    def _batches(self, rows: Iterable[Row]) -> list[tuple[tuple[str, int], Any]]:
        filling: dict[tuple[str, int], Any] = {}
        filled: list[tuple[tuple[str, int], Any]] = []
        for topic, key, value, headers, time_ms in rows:
            slot = (topic, partition_of(key, PARTITIONS))
            batch = filling.get(slot)
            if batch is None or batch.append(timestamp=time_ms, key=key, value=value, headers=headers) is None:
                batch = filling[slot] = self._producer.create_batch()
                filled.append((slot, batch))
                batch.append(timestamp=time_ms, key=key, value=value, headers=headers)
        return filled
