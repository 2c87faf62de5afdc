"""What is found, taken away: CSV, JSON lines, OCSF events, Parquet; and whole days as Parquet for a lake."""

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from console.archive import ocsf
from console.archive.database import Database
from console.archive.search import COLUMNS, Page, Search, pages, where
from streams.errors import Refused
from streams.sections import DAY_MS
from streams.version import VERSION

FORMATS: Final = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "ocsf": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
"""Each format with its media type."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_PIECE: Final = 256 * 1024
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def export(database: Database, search: Search, form: str, domains: Sequence[str] = ()) -> Iterator[bytes]:
    """All that `search` finds, in pieces; oldest first, so that an export that broke off goes on from the time of its
    last row. Raises Refused for a format that is none.

    CSV: a text that a spreadsheet would take for a formula gets a `'` in front (OWASP, CSV injection).
    """
    if form not in FORMATS:
        raise Refused(f"there is no format {form!r}: known are {', '.join(FORMATS)}")
    search = msgspec.structs.replace(search, newest_first=False)
    if form == "parquet":
        return _parquet(database, search, domains)
    if form == "csv":
        return _csv(database, search, domains)
    return _lines(database, columns_for(search, form), form, domains)


def columns_for(search: Search, form: str) -> Search:
    """`search` with the columns that lines of `form` are made of. Raises Refused for a format without lines."""
    if form not in ("jsonl", "ocsf"):
        raise Refused(f"{form!r} has no lines: known are jsonl, ocsf")
    return msgspec.structs.replace(search, columns=ocsf.COLUMNS) if form == "ocsf" else search


def as_lines(found: Page, form: str) -> bytes:
    """A page as JSON lines."""
    rows = [ocsf.event(row, VERSION) for row in found.rows] if form == "ocsf" else found.rows
    return _encode_lines(rows) if rows else b""


def _lines(database: Database, search: Search, form: str, domains: Sequence[str]) -> Iterator[bytes]:
    for page in pages(database, search, domains):
        if page.rows:
            yield as_lines(page, form)


def _csv(database: Database, search: Search, domains: Sequence[str]) -> Iterator[bytes]:
    yield _csv_row(search.columns)
    for page in pages(database, search, domains):
        if page.rows:
            yield b"".join(_csv_row([_cell(row[name]) for name in search.columns]) for row in page.rows)


def _csv_row(values: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = " ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if isinstance(value, str | list) and text.startswith(_FORMULA) else text


def _parquet(database: Database, search: Search, domains: Sequence[str]) -> Iterator[bytes]:
    condition = where(search, domains)
    with tempfile.TemporaryDirectory(prefix="egnyte-watch-export-") as folder:
        file = Path(folder) / "activities.parquet"
        _copy(database, search.columns, condition.sql, condition.values, file)
        with file.open("rb") as written:
            while piece := written.read(_PIECE):
                yield piece


def export_day(database: Database, day: date, folder: Path) -> Path:
    """The activities of one day (UTC) as `folder/day=2026-03-01/activities.parquet`, the layout of Hive; a file that is
    there is replaced as a whole. Returns the file. Raises OSError."""
    start = round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    file = folder / f"day={day.isoformat()}" / "activities.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part")
    _copy(database, COLUMNS, "time_ms >= ? AND time_ms < ?", (start, start + DAY_MS), half)
    half.replace(file)
    return file


def _copy(database: Database, columns: Sequence[str], condition: str, parameters: Sequence[object], file: Path) -> None:
    listed, quoted = ", ".join(f'"{name}"' for name in columns), str(file).replace("'", "''")
    rows = f"SELECT {listed} FROM activities WHERE {condition} ORDER BY time_ms, partition, position"  # noqa: S608
    with database.cursor() as cursor:
        cursor.execute(f"COPY ({rows}) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd)", list(parameters))
