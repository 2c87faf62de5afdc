"""Fetches IP lists from their URLs into the folder of lists, where whoever uses it reads them again.

A list is asked for with the marks of the last answer (ETag, Last-Modified), read up to a size, taken apart and checked
beside the others, and moved into place in one step. Whatever goes wrong, the file that is there stays.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import httpx
import msgspec

from connectors.places.errors import PlacesError
from connectors.places.listfile import ListFile, read_list
from connectors.places.listset import combined, list_files
from connectors.places.sources import Source, read_sources, refused_url

STATE: Final = ".sources.json"
LOCK: Final = ".sources.lock"
TIMEOUTS: Final = httpx.Timeout(30.0)
WHOLE_S: Final = 300.0
"""For one list, from asking to its last byte."""
REDIRECTS: Final = 3
AGAIN_S: Final = 600
"""After a failure, where the list's own rhythm is slower."""
WIDEST: Final = {4: 32 - 8, 6: 128 - 16}
"""Bits of the largest block that a list may name: a /8, a /16 of IPv6. One that names half of the world is a mistake,
or somebody's wish.
"""


_CATEGORY: Final = "# category: "
_HEAD_BYTES: Final = 64 * 1024
"""More than any address that is asked."""


class Fetch(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one list. Times are ms since the epoch. `etag`, `modified`: the marks of the answer whose content
    is in use; `size`: of the file then; `error`: why the last try failed, empty where it did not.
    """

    url: str
    checked_ms: int = 0
    changed_ms: int = 0
    etag: str = ""
    modified: str = ""
    size: int = 0
    rows: int = 0
    error: str = ""


class _Answer(msgspec.Struct, frozen=True):
    body: bytes
    etag: str
    modified: str


class NotFetched(Exception):  # noqa: N818 - it says what it is
    """A list that could not be fetched or may not be used: why, in words."""


class FetchedLists:
    """The lists of one folder that come from URLs. Calls wait for the network: make them from a thread."""

    def __init__(self, folder: Path, transport: httpx.BaseTransport | None = None) -> None:
        self._folder = folder
        self._transport = transport

    def refresh(self, now_ms: int, *, due_only: bool = True) -> dict[str, Fetch]:
        """Asks for all lists whose time has come; returns what became of each of them.

        Raises PlacesError for a `sources.toml` that can't be used, OSError where the folder can't be written. Of
        several processes with one folder the first to come does it, the others do nothing.
        """
        sources = read_sources(self._folder)
        if not sources:
            return {}
        found = {}
        with self._alone() as alone:
            if not alone:
                return {}
            known = {source.name for source in sources}
            state = {name: fetch for name, fetch in self.state().items() if name in known}
            for source in sources:
                before = state.get(source.name, Fetch(source.url))
                if not due_only or _due(source, before, now_ms):
                    state[source.name] = found[source.name] = self._one(source, before, now_ms)
                    self._write(STATE, msgspec.json.format(msgspec.json.encode(state)))
        return found

    def state(self) -> dict[str, Fetch]:
        """What became of each list, by its name; nothing where that can't be read: then all are asked for."""
        try:
            return msgspec.json.decode((self._folder / STATE).read_bytes(), type=dict[str, Fetch])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}

    def _one(self, source: Source, before: Fetch, now_ms: int) -> Fetch:
        path = self._folder / source.file
        size = path.stat().st_size if path.is_file() else -1
        ours = before.url == source.url and before.size == size
        if size >= 0 and not before.size and not _is_ours(path, source):
            reason = f"{path} is there and was not fetched: move it away, or give the list another name"
            return msgspec.structs.replace(before, checked_ms=now_ms, error=reason)
        try:
            answer = self._asked(source, before if ours else Fetch(source.url))
            if answer is None:
                return msgspec.structs.replace(before, checked_ms=now_ms, error="")
            return self._taken(source, answer, before, now_ms)
        except (NotFetched, PlacesError, httpx.HTTPError, httpx.InvalidURL, ValueError, OverflowError) as error:
            # The last three: a redirect to what is no address, by urllib's, httpx's and the socket's own word.
            reason = error.reason if isinstance(error, PlacesError) else str(error) or type(error).__name__
            return msgspec.structs.replace(before, checked_ms=now_ms, error=" ".join(reason.split())[:500])

    def _asked(self, source: Source, before: Fetch) -> _Answer | None:
        """The list, None where it has not changed."""
        marks = {"If-None-Match": before.etag, "If-Modified-Since": before.modified}
        headers = {name: mark for name, mark in marks.items() if mark} | {"User-Agent": "egnyte-watch"}
        url, until = source.url, time.monotonic() + WHOLE_S
        with httpx.Client(timeout=TIMEOUTS, transport=self._transport) as client:
            for _ in range(REDIRECTS + 1):
                if wrong := refused_url(url, allow_http=source.allow_http):
                    raise NotFetched(wrong)
                with client.stream("GET", url, headers=headers) as response:
                    if response.has_redirect_location:
                        url = urljoin(url, response.headers["location"])
                        continue
                    if response.status_code == httpx.codes.NOT_MODIFIED:
                        return None
                    if response.status_code != httpx.codes.OK:
                        raise NotFetched(f"{response.status_code} {response.reason_phrase}")
                    body = _read(response, source.max_bytes, until)
                    return _Answer(body, _mark(response, "etag"), _mark(response, "last-modified"))
        raise NotFetched(f"more than {REDIRECTS} redirects")

    def _taken(self, source: Source, answer: _Answer, before: Fetch, now_ms: int) -> Fetch:
        """Checks the list and puts it into place. Raises NotFetched or PlacesError."""
        path, content = self._folder / source.file, list_of(source, answer.body)
        new = self._write_beside(source.file, content)
        try:
            file = msgspec.structs.replace(read_list(new), path=path, name=source.name)
            _check(file)
            others = [read_list(each) for each in list_files(self._folder) if each.name != source.file]
            combined([*others, file])
            unchanged = path.is_file() and path.read_bytes() == content
            if not unchanged:
                os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)
        changed_ms = before.changed_ms if unchanged else now_ms
        return Fetch(source.url, now_ms, changed_ms, answer.etag, answer.modified, len(content), len(file.rows))

    def _write(self, name: str, content: bytes) -> None:
        os.replace(self._write_beside(name, content), self._folder / name)

    def _write_beside(self, name: str, content: bytes) -> Path:
        """A hidden file, which is no list, that is whole on the disk."""
        path = self._folder / f".{name}.new"
        try:
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)  # half of it on a full disk is in the way
            raise
        return path

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether nobody else refreshes the folder at the moment."""
        with (self._folder / LOCK).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def list_of(source: Source, body: bytes) -> bytes:
    """The list as it is kept: our own head, and of `body` only the lines of data. What it says in comments does not
    count: it may not choose its category.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotFetched(f"is not UTF-8 text (byte {error.start})") from None
    data = [line.partition("#")[0].partition(";")[0].strip() for line in text.splitlines()]
    lines = [line for line in data if line]
    if lines and lines[0].partition(",")[0].strip().lower() in {"cidr", "asn"}:
        raise NotFetched("is a CSV list, which may name categories of its own: give one address or block a line")
    head = [_first_line(source), f"{_CATEGORY}{source.category}"]
    if source.tags:
        head.append(f"# tags: {', '.join(source.tags)}")
    return ("\n".join([*head, *lines]) + "\n").encode()


def _first_line(source: Source) -> str:
    return f"# {source.url}"


def _is_ours(path: Path, source: Source) -> bool:
    """Whether the file's first lines are those that `list_of` writes: it was fetched, and the state of it was lost."""
    with path.open("rb") as file:
        first, second = (file.readline(_HEAD_BYTES).rstrip(b"\n") for _ in range(2))
    return first == _first_line(source).encode() and second.startswith(_CATEGORY.encode())


def _mark(response: httpx.Response, name: str) -> str:
    """A header to be sent back; empty where it can't be, for it is not ASCII."""
    mark: str = response.headers.get(name, "")
    return mark if mark.isascii() else ""


def _check(file: ListFile) -> None:
    if not file.rows:
        raise NotFetched("holds no address")
    for row in file.rows:
        if (row.last - row.first + 1).bit_length() - 1 > WIDEST[row.version]:
            raise NotFetched(f"line {row.line}: {row.text} is too large a block")


def _read(response: httpx.Response, max_bytes: int, until: float) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > max_bytes:
            raise NotFetched(f"is larger than {max_bytes} bytes")
        if time.monotonic() > until:
            raise NotFetched(f"did not come within {WHOLE_S:g} s")
    return bytes(body)


def _due(source: Source, before: Fetch, now_ms: int) -> bool:
    every_s = min(AGAIN_S, source.every_s) if before.error else source.every_s
    return before.url != source.url or not 0 <= now_ms - before.checked_ms < every_s * 1_000
