"""Records of the topics as columns of the archive's tables. Pure."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import pyarrow

from console.archive.tables import ACTIVITY_COLUMNS, TABLES
from schemas import finding as findings
from schemas.activity import Activity
from streams import cluster

Columns = dict[str, list[Any]]
REPLAY: Final = "replay"
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for records that are none; the last for nesting without end."""

_decode_activity: Final = msgspec.json.Decoder(Activity).decode
_ARROW: Final[dict[str, Any]] = {
    "VARCHAR": pyarrow.string(),
    "VARCHAR[]": pyarrow.list_(pyarrow.string()),
    "BIGINT": pyarrow.int64(),
    "SMALLINT": pyarrow.int16(),
    "TINYINT": pyarrow.int8(),
    "DOUBLE": pyarrow.float64(),
    "BOOLEAN": pyarrow.bool_(),
}


class Record(cluster.Record, Protocol):
    """One record, which says of which topic it is."""

    @property
    def topic(self) -> str: ...


class Rows(NamedTuple):
    """`table`: the rows, by Arrow. `refused`: records that are none of the topic's, each with why."""

    table: pyarrow.Table
    refused: list[tuple[Record, str]]


def fitting(read: Callable[[Sequence[Record]], Rows], records: Sequence[Record]) -> Rows:
    """What `read` makes of `records`; those with numbers that no column holds are refused, one by one."""
    try:
        return read(records)
    except (OverflowError, pyarrow.ArrowInvalid) as error:
        if len(records) == 1:
            return Rows(read(()).table, [(records[0], f"a number is out of range: {error}")])
    half = len(records) // 2
    first, second = fitting(read, records[:half]), fitting(read, records[half:])
    return Rows(pyarrow.concat_tables([first.table, second.table]), first.refused + second.refused)


def activities(records: Sequence[Record]) -> Rows:
    """Rows of `activities`."""
    kept, decoded, refused = [], [], list[tuple[Record, str]]()
    for record in records:
        try:
            decoded.append(_decode_activity(record.value or b""))
        except UNREADABLE as error:
            refused.append((record, str(error)))
        else:
            kept.append(record)
    columns: Columns = {
        "user_key": [(record.key or b"").decode(errors="replace") for record in kept],
        "partition": [record.partition for record in kept],
        "position": [record.offset for record in kept],
    }
    for column in ACTIVITY_COLUMNS:
        columns[column.name] = list(map(column.read, decoded))
    return Rows(_table("activities", columns), refused)


_FINDING_FIELDS: Final[dict[str, Callable[[findings.Finding], Any]]] = {
    "uid": attrgetter("finding_info.uid"),
    "step": attrgetter("unmapped.step"),
    "policy": attrgetter("unmapped.policy"),
    "title": attrgetter("finding_info.title"),
    "severity_id": attrgetter("severity_id"),
    "status_id": attrgetter("status_id"),
    "is_alert": attrgetter("is_alert"),
    "connector": attrgetter("unmapped.connector"),
    "user_key": attrgetter("unmapped.user_key"),
    "time_ms": attrgetter("time"),
    "start_ms": attrgetter("start_time"),
    "end_ms": attrgetter("end_time"),
    "count": attrgetter("count"),
    "suppressed": attrgetter("unmapped.suppressed"),
    "message": attrgetter("message"),
}


def finding_records(records: Sequence[Record]) -> Rows:
    """Rows of `finding_records`."""
    columns: Columns = {name: [] for name in TABLES["finding_records"]}
    refused = list[tuple[Record, str]]()
    for record in records:
        try:
            found = findings.decode(record.value or b"")
        except UNREADABLE as error:
            refused.append((record, str(error)))
            continue
        for name, read in _FINDING_FIELDS.items():
            columns[name].append(read(found))
        columns["topic"].append(record.topic)
        columns["partition"].append(record.partition)
        columns["position"].append(record.offset)
        columns["replay"].append(any(name == REPLAY for name, _ in record.headers))
        columns["body"].append((record.value or b"").decode(errors="replace"))
    return Rows(_table("finding_records", columns), refused)


def governance(records: Sequence[Record]) -> Rows:
    """Rows of `governance`."""
    kept, refused = [], list[tuple[Record, str]]()
    for record in records:
        try:
            msgspec.json.decode(record.value or b"", type=dict[str, Any])
        except UNREADABLE as error:
            refused.append((record, str(error)))
        else:
            kept.append(record)
    columns: Columns = {
        "uid": [(record.key or b"").decode(errors="replace") for record in kept],
        "partition": [record.partition for record in kept],
        "position": [record.offset for record in kept],
        "time_ms": [record.timestamp for record in kept],
        "body": [(record.value or b"").decode(errors="replace") for record in kept],
    }
    return Rows(_table("governance", columns), refused)


def _table(name: str, columns: Columns) -> pyarrow.Table:
    return pyarrow.table(
        {column: pyarrow.array(columns[column], type=_ARROW[kind]) for column, kind in TABLES[name].items()}
    )
