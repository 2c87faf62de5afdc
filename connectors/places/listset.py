"""All lists of one folder as one table, in which no address has two categories."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from connectors.places.errors import PlacesError
from connectors.places.listfile import SUFFIXES, ListFile, Row, read_list
from connectors.places.ranges import Block, Ranges
from schemas.activity import IpCategory

DIGEST_CHARS: Final = 16
"""Of a SHA-256 in hex: enough to tell versions of lists apart, short enough to stamp on every activity."""


class Listing(msgspec.Struct, frozen=True, gc=False):
    """What lists say of an address or an AS. `listed_by`: the list's name."""

    category: IpCategory
    tags: tuple[str, ...]
    listed_by: str


class ListSet(msgspec.Struct, frozen=True):
    """The lists of one folder. `digest`: of their names and contents. `files`, `rows`: how many were read."""

    digest: str
    files: int
    rows: int
    ranges_4: Ranges[Listing]
    ranges_6: Ranges[Listing]
    providers: dict[int, Listing]

    def __str__(self) -> str:
        """How much they hold."""
        return f"list files: {self.files:,}, lines of data: {self.rows:,}"

    def of_address(self, number: int, version: int) -> Listing | None:
        """What the lists say of the address `number`; of nested blocks the innermost, with the tags of all."""
        return (self.ranges_4 if version == 4 else self.ranges_6).at(number)


class _Entry(NamedTuple):
    listing: Listing
    file: ListFile
    row: Row

    def __str__(self) -> str:
        category = self.listing.category or "no category"
        return f"{self.file.path.name} line {self.row.line} ({self.row.text}, {category})"


def list_files(directory: Path) -> list[Path]:
    """The list files of `directory`, by name; hidden ones and other suffixes are no lists. Raises OSError."""
    with os.scandir(directory) as entries:
        found = [Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def read_lists(directory: Path) -> ListSet:
    """All lists of `directory`. Raises PlacesError: naming the line that is not understood, or both that contradict."""
    try:
        paths = list_files(directory)
    except OSError as error:
        advice = "Create the folder, or clear the setting places.lists_dir."
        raise PlacesError(str(directory), f"can't be read: {error.strerror}", advice) from None
    return combined([read_list(path) for path in paths])


def combined(files: Iterable[ListFile]) -> ListSet:
    """One table out of `files`. Raises PlacesError where two lines contradict each other, naming both."""
    files = tuple(files)
    digest = hashlib.sha256()
    blocks: dict[int, list[Block[_Entry]]] = {0: [], 4: [], 6: []}
    known: dict[Listing, Listing] = {}
    for file in files:
        digest.update(b"%s\0%d\0" % (os.fsencode(file.path.name), len(file.content)))
        digest.update(file.content)
        for row in file.rows:
            listing = Listing(row.category, row.tags, file.name)
            entry = _Entry(known.setdefault(listing, listing), file, row)
            blocks[row.version].append(Block(row.first, row.last, entry))
    providers: dict[int, _Entry] = {}
    for asn, _, entry in reversed(blocks[0]):
        providers[asn] = _joined(providers[asn], entry) if asn in providers else entry
    return ListSet(
        digest=digest.hexdigest()[:DIGEST_CHARS],
        files=len(files),
        rows=sum(len(file.rows) for file in files),
        ranges_4=Ranges.of(blocks[4], _joined).map(_listing),
        ranges_6=Ranges.of(blocks[6], _joined).map(_listing),
        providers={asn: entry.listing for asn, entry in providers.items()},
    )


def _joined(outer: _Entry, inner: _Entry) -> _Entry:
    """`inner` with the tags of both. Raises PlacesError where the categories differ."""
    if outer.listing.category != inner.listing.category:
        advice = "Take one of the lines away, or give both the same category: an address has one."
        raise PlacesError(str(inner.file.path), f"{inner} overlaps {outer}", advice)
    tags = tuple(dict.fromkeys(outer.listing.tags + inner.listing.tags))
    if tags == inner.listing.tags:
        return inner
    return inner._replace(listing=Listing(inner.listing.category, tags, inner.listing.listed_by))


def _listing(entry: _Entry) -> Listing:
    return entry.listing
