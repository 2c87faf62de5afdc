"""Says what databases and lists hold, how old they are, and what is wrong with them, without putting them into use."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from connectors.places.database import open_database
from connectors.places.errors import PlacesError
from connectors.places.listfile import SUFFIXES, ListFile, read_list
from connectors.places.listset import combined, list_files

OLD_DAYS: Final = 90
"""Databases come out monthly or oftener; addresses move between networks, and after a quarter many are wrong."""

KINDS: Final = {
    "city": "places with coordinates",
    "country": "countries",
    "asn": "AS numbers",
    "anonymous": "anonymous networks",
}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `ok`: it can be used; `holds`: what it is, or why not; `advice`: what to do, empty where nothing is."""

    path: str
    ok: bool
    holds: str
    advice: str = ""
    built: datetime | None = None
    age_days: int | None = None
    old: bool = False


def check(path: Path, now: datetime) -> list[Checked]:
    """What `path` holds: a database, a list, or a folder of them. `now` is what ages are counted to (UTC)."""
    try:
        if not path.is_dir():
            return [_list(read_list(path)) if path.suffix.lower() in SUFFIXES else _database(path, now)]
        return _folder(path, now)
    except PlacesError as error:
        return [_refused(error)]


def _folder(path: Path, now: datetime) -> list[Checked]:
    try:
        lists, databases = list_files(path), sorted(path.glob("*.mmdb"))
    except OSError as error:
        raise PlacesError(str(path), f"can't be read: {error.strerror}", "Check its permissions.") from None
    if not lists and not databases:
        raise PlacesError(str(path), "holds no list and no database", f"Lists end in {', '.join(sorted(SUFFIXES))}.")
    checked = [found for file in [*databases, *lists] for found in check(file, now)]
    if lists and all(found.ok for found in checked[len(databases) :]):
        try:
            together = combined([read_list(file) for file in lists])
        except PlacesError as error:
            checked.append(_refused(error))
        else:
            checked.append(Checked(path=str(path), ok=True, holds=f"{together}; no contradiction"))
    return checked


def _database(path: Path, now: datetime) -> Checked:
    database = open_database(path)
    age_days = (now - database.built).days
    old = age_days > OLD_DAYS
    kinds = ", ".join(KINDS[kind] for kind in sorted(database.kinds, key=list(KINDS).index))
    age = f"built {database.built:%Y-%m-%d}, {age_days:,} days ago{' (old)' if old else ''}"
    return Checked(
        path=str(path),
        ok=True,
        holds=f"database {database.type}: {kinds}, {database.addresses}, {age}",
        advice=f"It is older than {OLD_DAYS} days: get the present one." if old else "",
        built=database.built,
        age_days=age_days,
        old=old,
    )


def _list(file: ListFile) -> Checked:
    categories = Counter(row.category or "no category" for row in file.rows)
    tags = sorted({tag for row in file.rows for tag in row.tags})
    held = ", ".join(f"{count:,} {category}" for category, count in sorted(categories.items())) or "empty"
    tagged = f"; tags {', '.join(tags)}" if tags else ""
    return Checked(path=str(file.path), ok=True, holds=f"list: {held}{tagged}")


def _refused(error: PlacesError) -> Checked:
    return Checked(path=error.path, ok=False, holds=error.reason, advice=error.advice)
