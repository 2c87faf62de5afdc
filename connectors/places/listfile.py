"""Reads one list file: addresses and networks with a category, or AS numbers with tags.

The format is described for its users in `policies/ip-lists/README.md`.
"""

import csv
import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, cast, get_args

import msgspec

from connectors.places.block import BlockError, parse_block
from connectors.places.errors import PlacesError
from schemas.activity import IpCategory

SUFFIXES: Final = frozenset({".txt", ".cidr", ".csv"})
CATEGORIES: Final = tuple(category for category in get_args(IpCategory) if category)
HEADERS: Final = "cidr,category[,tags] or asn[,category][,tags][,name]"
COLUMNS: Final = ("cidr", "asn", "category", "tags", "name", "comment")

Naming = tuple[IpCategory, tuple[str, ...]]

BY_NAME: Final[dict[str, Naming]] = {
    **{category: (cast(IpCategory, category), ()) for category in CATEGORIES},
    "anonymous-proxies": ("risky", ("anonymous_proxy",)),
    "botnet": ("risky", ("botnet",)),
    "tor": ("risky", ("tor",)),
    "tor-exits": ("risky", ("tor",)),
}
"""Category and tags that a file's name gives, where the file itself names none."""

_SETTING: Final = re.compile(r"#\s*(category|tags)\s*:(.*)", re.IGNORECASE)
_TAG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
_BETWEEN_TAGS: Final = re.compile(r"[,;\s]+")
_ASN: Final = re.compile(r"(?:AS)?([0-9]{1,10})", re.ASCII | re.IGNORECASE)
_MAX_ASN: Final = 2**32 - 1


class Row(NamedTuple):
    """One line of a list. `version` 4 or 6: the addresses `first` to `last`; `version` 0: the AS number `first`."""

    version: int
    first: int
    last: int
    category: IpCategory
    tags: tuple[str, ...]
    line: int
    text: str


class ListFile(msgspec.Struct, frozen=True):
    """A list as read. `name`: the file's name without suffix; `content`: its bytes, for the hash of all lists."""

    path: Path
    name: str
    rows: tuple[Row, ...]
    content: bytes


def read_list(path: Path) -> ListFile:
    """The list in `path`. Raises PlacesError with the line, what it says, and what is allowed there."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise PlacesError(
            str(path), f"can't be read: {error.strerror}", "Check that it exists and may be read."
        ) from None
    except UnicodeDecodeError as error:
        raise PlacesError(str(path), f"is not UTF-8 text (byte {error.start})", "Save it as UTF-8.") from None
    return ListFile(path, path.stem, tuple(_Reader(path).rows(text)), content)


class _Reader:
    """Reads the lines of one file, and knows what the lines before said of those to come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.category, self.tags = _by_name(path.stem)
        self.columns: list[str] = []
        self.line = 0

    def rows(self, text: str) -> Iterator[Row]:
        begun = False
        for self.line, whole in enumerate(text.splitlines(), start=1):
            if setting := _SETTING.fullmatch(whole.strip()):
                if begun:
                    self._refuse(whole.strip(), "Category and tags of a list stand above its first line of data.")
                self._set(setting[1].lower(), setting[2])
                continue
            data = whole.partition("#")[0].strip()
            if not data:
                continue
            if not begun and self._is_header(data):
                self.columns = self._header(data)
            elif self.columns:
                yield self._from_csv(data)
            else:
                yield self._block(data, self.category, self.tags)
            begun = True

    def _is_header(self, data: str) -> bool:
        return self.path.suffix.lower() == ".csv" or data.partition(",")[0].strip().lower() in ("cidr", "asn")

    def _header(self, data: str) -> list[str]:
        columns = [column.strip().lower() for column in data.split(",")]
        for column in columns:
            if column not in COLUMNS:
                near = _nearest(column, COLUMNS)
                self._refuse(data, f"The first line of a CSV file names its columns: {HEADERS}{near}.", "is no header")
        if len(set(columns)) < len(columns) or ("cidr" in columns) == ("asn" in columns):
            self._refuse(data, "Each column is named once, and one of them is either cidr or asn.")
        return columns

    def _from_csv(self, data: str) -> Row:
        try:
            values = [value.strip() for value in next(csv.reader([data], skipinitialspace=True))]
        except csv.Error as error:
            self._refuse(data, f"Mend the line, or take it away: {error}.")
        if len(values) > len(self.columns):
            self._refuse(data, f'There are {len(self.columns)} columns; put several tags in quotes, as in "a,b".')
        row = dict(zip(self.columns, values, strict=False))
        subject = "asn" if "asn" in self.columns else "cidr"
        if subject not in row:
            self._refuse(data, f"The line ends before its column {subject}; columns are {', '.join(self.columns)}.")
        category = self._category(row["category"]) if row.get("category") else self.category
        tags = tuple(dict.fromkeys(self.tags + self._tags(row.get("tags", ""))))
        if subject == "asn":
            return self._provider(row[subject], category, tags)
        return self._block(row[subject], category, tags)

    def _block(self, data: str, category: IpCategory, tags: tuple[str, ...]) -> Row:
        if not category:
            advice = "Say so above the first line of data, as in `# category: vpn`, or name the file after its category"
            self._refuse(data, f"{advice}: one of {', '.join(CATEGORIES)}.", "has no category")
        try:
            version, first, last = parse_block(data)
        except BlockError as error:
            self._refuse(data, error.advice, error.reason)
        return Row(version, first, last, category, tags, self.line, data)

    def _provider(self, data: str, category: IpCategory, tags: tuple[str, ...]) -> Row:
        found = _ASN.fullmatch(data)
        asn = int(found[1]) if found else 0
        if not 0 < asn <= _MAX_ASN:
            self._refuse(data, f"An AS number is 1 to {_MAX_ASN}, as in 14593 or AS14593.")
        if not category and not tags:
            self._refuse(data, "Give it a category, tags, or both.", "says nothing of its AS")
        return Row(0, asn, asn, category, tags, self.line, f"AS{asn}")

    def _set(self, setting: str, value: str) -> None:
        if setting == "category":
            self.category = self._category(value.strip())
        else:
            self.tags = self._tags(value)

    def _category(self, text: str) -> IpCategory:
        category = text.lower()
        if category not in CATEGORIES:
            self._refuse(
                text, f"Categories are {', '.join(CATEGORIES)}{_nearest(category, CATEGORIES)}.", "is no category"
            )
        return cast(IpCategory, category)

    def _tags(self, text: str) -> tuple[str, ...]:
        tags = tuple(dict.fromkeys(tag.lower() for tag in _BETWEEN_TAGS.split(text) if tag))
        for tag in tags:
            if not _TAG.fullmatch(tag):
                self._refuse(
                    tag, "A tag has 1 to 32 letters, digits, '_' or '-', the first a letter or digit.", "is no tag"
                )
        return tags

    def _refuse(self, text: str, advice: str, why: str = "is not understood") -> NoReturn:
        shown = text if len(text) <= 80 else f"{text[:80]}..."
        raise PlacesError(str(self.path), f"line {self.line}: {shown!r} {why}", advice)


def _by_name(name: str) -> Naming:
    """By the whole name, else by its first word: `vpn-london` is a list of VPNs."""
    lower = name.lower()
    return BY_NAME.get(lower) or BY_NAME.get(re.split(r"[-_. ]", lower)[0]) or ("", ())


def _nearest(word: str, words: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f" (nearest: {near[0]})" if near else ""
