"""Databases and lists behind one door, read again when their files change."""

import os
import threading
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from connectors.places.database import Database, Kind, open_database
from connectors.places.errors import PlacesError
from connectors.places.listset import list_files, read_lists
from connectors.places.view import Located, Sources, View
from schemas.activity import Stamp
from streams.settings import PlacesSettings

SHIPPED_LISTS: Final = Path(__file__).resolve().parents[2] / "policies" / "ip-lists"

T = TypeVar("T")


class Refreshed(msgspec.Struct, frozen=True):
    """What became of a changed file or folder of lists. `ok`: it is in use now; `reason`: what it is, or why not."""

    path: str
    ok: bool
    reason: str


class Places:
    """Where addresses are, and what kind of networks they belong to.

    `locate` never raises and never waits for a file. `refresh` may take a second for a large database: call it every
    minute or so, from a thread. Who stamps what was located takes `view` once, and both from it.
    """

    def __init__(self, settings: PlacesSettings, shipped: Path = SHIPPED_LISTS) -> None:
        """Opens all that `settings` name; empty paths are left out. Raises PlacesError with path, reason and advice."""
        self._cache_size = settings.cache_size
        self._city = _database(settings.city_db, "city")
        self._asn = _database(settings.asn_db, "asn")
        self._anonymous = _database(settings.anonymous_db, "anonymous")
        self._custom = _Watched(Path(settings.lists_dir), _folder_mark, read_lists) if settings.lists_dir else None
        self._shipped = _Watched(shipped, _folder_mark, read_lists)
        self._refreshing = threading.Lock()
        self.view = self._new_view()

    @property
    def stamp(self) -> Stamp:
        """The versions of what is in use: build dates of the databases, hash of the lists."""
        return self.view.stamp

    def locate(self, text: str | None) -> Located:
        """Where the address in `text` is, and what kind of network it belongs to. `text` as the source wrote it."""
        return self.view.locate(text)

    def refresh(self) -> list[Refreshed]:
        """Reads again what has changed, and takes it into use, all at once. A file that can't be used changes nothing.

        Returns what changed, each once: a refused file is spoken of again only when it has changed again.
        """
        with self._refreshing:
            watched = (self._city, self._asn, self._anonymous, self._custom, self._shipped)
            changes = [change for file in watched if file and (change := file.refresh())]
            if any(change.ok for change in changes):
                self.view = self._new_view()
            return changes

    def _new_view(self) -> View:
        sources = Sources(
            city=self._city.value if self._city else None,
            asn=self._asn.value if self._asn else None,
            anonymous=self._anonymous.value if self._anonymous else None,
            custom=self._custom.value if self._custom else None,
            shipped=self._shipped.value,
        )
        return View(sources, self._cache_size)


class _Watched(Generic[T]):
    """The content of a file or folder, and the mark by which it is known to have changed."""

    def __init__(self, path: Path, mark: Callable[[Path], Hashable], read: Callable[[Path], T]) -> None:
        self.path = path
        self._mark = mark
        self._read = read
        self._seen = mark(path)
        self.value = read(path)

    def refresh(self) -> Refreshed | None:
        mark = self._mark(self.path)
        if mark == self._seen:
            return None
        try:
            value = self._read(self.path)
        except PlacesError as error:
            changed = Refreshed(error.path, False, error.reason)
        else:
            changed = Refreshed(str(self.path), True, str(value))
        if self._mark(self.path) != mark:
            return None  # somebody is still writing it: next time
        self._seen = mark
        if changed.ok:
            self.value = value
        return changed


def _database(path: str, kind: Kind) -> _Watched[Database] | None:
    return _Watched(Path(path), _file_mark, partial(open_database, kind=kind)) if path else None


def _file_mark(path: Path) -> Hashable:
    """Changes with the file's content, its inode (a file moved into place), or its disappearance."""
    try:
        stat = os.stat(path)
    except OSError as error:
        return error.errno
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _folder_mark(path: Path) -> Hashable:
    try:
        return tuple((file.name, _file_mark(file)) for file in list_files(path))
    except OSError as error:
        return error.errno
