"""The DuckDB file: opened, written in transactions that hold the offsets too, read side by side, kept small."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow
import structlog

from console.archive.tables import SCHEMA, TABLES, definitions
from streams.errors import StreamError

log = structlog.get_logger(__name__)
Offsets = Mapping[tuple[str, int], int]
"""By topic and partition: the offset after the last record that is in."""

MEMORY: Final = "2GB"
"""Most that queries may take before they spill to disk beside the file."""
CHECKPOINT: Final = "256MB"
"""Of the write-ahead log: a checkpoint at every 16 MB, DuckDB's default, would rewrite half-filled row groups again and
again."""


class ArchiveError(StreamError):
    """The archive can't be opened or written: where, why, and what to do."""


class ArchiveLostError(ArchiveError):
    """DuckDB has given the file up: nothing can be read or written until the process starts anew."""


class Database:
    """The archive's file. One writer at a time; readers see the last commit and never wait for the writer."""

    def __init__(self, path: Path, *, threads: int = 2) -> None:
        """Opens `path`, or makes it. Raises ArchiveError."""
        self.path = path
        self._writing = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._opened(threads)
        try:
            kept: list[tuple[Any, ...]] = []
            if self._is_old():
                kept = self._searches()
                self._connection.close()
                self._set_aside()
                self._connection = self._opened(threads)
            for statement in definitions():
                self._connection.execute(statement)
            if kept:
                self._connection.executemany("INSERT OR REPLACE INTO saved_searches VALUES (?, ?, ?)", kept)
            self._connection.execute("INSERT OR REPLACE INTO facts VALUES ('schema', ?)", [str(SCHEMA)])
        except duckdb.Error as error:
            self._connection.close()
            raise ArchiveError(f"the archive {path} can't be used: {error}") from error

    def _opened(self, threads: int) -> duckdb.DuckDBPyConnection:
        # No extension is ever fetched. SQL itself could read other files of this machine: the fence before that is that
        # what people type becomes parameters, never SQL.
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY,
            "threads": str(threads),
            "checkpoint_threshold": CHECKPOINT,
            "preserve_insertion_order": "false",
        }
        try:
            return duckdb.connect(str(self.path), config=config)
        except duckdb.Error as error:
            raise ArchiveError(
                f"the archive {self.path} can't be opened: {error}. If another console runs, stop it, for one process "
                "alone may use the file. If the file is damaged, move it away: it is filled again from the topics"
            ) from error

    def _is_old(self) -> bool:
        tables = {name for (name,) in self._connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "facts" not in tables:
            return bool(tables)
        found = self._connection.execute("SELECT value FROM facts WHERE name = 'schema'").fetchone()
        return found is not None and found[0] != str(SCHEMA)

    def _searches(self) -> list[tuple[Any, ...]]:
        """What people keep, out of an archive that is set aside."""
        try:
            return self._connection.execute("SELECT owner, name, query FROM saved_searches").fetchall()
        except duckdb.CatalogException:
            return []  # it is older than these are

    def _set_aside(self) -> None:
        aside = self.path.with_suffix(f".before-{SCHEMA}{self.path.suffix}")
        log.warning("the archive is of another version: it is set aside and filled anew", kept=str(aside))
        self.path.replace(aside)
        with suppress(FileNotFoundError):
            self.path.with_name(self.path.name + ".wal").unlink()

    def offsets(self) -> dict[tuple[str, int], int]:
        """Where to go on reading. Raises ArchiveError."""
        try:
            found = self.read("SELECT topic, partition, next FROM offsets")
        except duckdb.Error as error:
            raise self._failed("read", error) from error
        return {(topic, partition): following for topic, partition, following in found}

    def store(self, tables: Mapping[str, Iterable[pyarrow.Table]], offsets: Offsets) -> None:
        """Rows and the offsets that they came from, in one transaction. Raises ArchiveError: then nothing is in."""
        with self._writing:
            try:
                self._connection.begin()
                for name, parts in tables.items():
                    assert name in TABLES  # noqa: S101 - names are ours
                    for part in parts:
                        if part.num_rows:
                            self._connection.register("incoming", part)
                            self._connection.execute(f"INSERT INTO {name} SELECT * FROM incoming")  # noqa: S608
                            self._connection.unregister("incoming")
                self._connection.executemany(
                    "INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)",
                    [[topic, partition, following] for (topic, partition), following in offsets.items()],
                )
                self._connection.commit()
            except duckdb.Error as error:
                with suppress(duckdb.Error):
                    self._connection.rollback()
                raise self._failed("written", error) from error

    def forget(self, before_ms: Mapping[str, int]) -> int:
        """Removes rows older than the given times (ms since the epoch, UTC), by table; returns how many. Raises
        ArchiveError: then some tables are done, perhaps."""
        removed = 0
        with self._writing:
            try:
                for name, limit in before_ms.items():
                    assert name in TABLES  # noqa: S101 - names are ours
                    found = self._connection.execute(f"DELETE FROM {name} WHERE time_ms < ?", [limit]).fetchone()  # noqa: S608
                    removed += found[0] if found else 0
            except duckdb.Error as error:
                raise self._failed("written", error) from error
        return removed

    def change(self, query: str, parameters: Sequence[object] = ()) -> None:
        """One change to what people keep here. Raises ArchiveError: then nothing is changed."""
        with self._writing:
            try:
                self._connection.execute(query, list(parameters))
            except duckdb.Error as error:
                raise self._failed("written", error) from error

    def read(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.cursor() as cursor:
            return cursor.execute(query, list(parameters)).fetchall()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for one reader: it sees one state of the archive, whatever is written meanwhile."""
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _failed(self, what: str, error: duckdb.Error) -> ArchiveError:
        words = f"the archive {self.path} can't be {what}: {error}"
        if isinstance(error, duckdb.FatalException | duckdb.InternalException):
            return ArchiveLostError(f"{words}. Start the console again; if that does not help, move the file away")
        return ArchiveError(words)

    def close(self) -> None:
        """Writes everything into the file and closes it."""
        with self._writing:
            self._connection.close()
