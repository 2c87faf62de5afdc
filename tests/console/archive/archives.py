"""Archives for the tests, and records as the topics hold them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from console.archive import rows
from console.archive.database import Database
from schemas.activity import Activity

_encode = msgspec.json.Encoder().encode


class Kept(msgspec.Struct):
    """A record that was never on a broker."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


def record(offset: int, activity: Activity, partition: int = 0) -> Kept:
    key = f"{activity.connector}/{activity.actor.email}".encode()
    return Kept("t.activities", partition, offset, activity.time_ms, key, _encode(activity))


def filled(path: Path, activities: Iterable[Activity]) -> Database:
    database = Database(path)
    records = [record(n, each) for n, each in enumerate(activities)]
    database.store({"activities": [rows.activities(records).table]}, {("t.activities", 0): len(records)})
    return database
