"""What governance knows of people: `egnyte.directory`, in memory, by every name that somebody has."""

from collections import Counter

import msgspec
from msgspec.structs import replace

from agents.governing.standing import Standing, standing_of
from schemas.directory import DirectoryRecord, directory_key
from streams.cluster import Record

_SOURCE = b"/~source-"


class Accounts:
    """Who somebody is, by user key. Follows the topic by `apply`, a cache of `streams.spec`."""

    def __init__(self) -> None:
        self._known: dict[bytes, Standing] = {}
        self._primary_of: dict[bytes, bytes] = {}
        """Of each other record."""
        self._people: Counter[str] = Counter()
        self._primary: set[bytes] = set()
        self._decode = msgspec.json.Decoder(DirectoryRecord).decode

    def apply(self, record: Record) -> None:
        """Takes one record of the directory. Raises ValueError for what is none."""
        key = record.key
        if key is None:
            raise ValueError("a record without a key")
        if _SOURCE in key:
            return
        connector = key.partition(b"/")[0].decode(errors="replace")
        self._known.pop(key, None)
        self._primary_of.pop(key, None)
        if key in self._primary:
            self._primary.discard(key)
            self._people[connector] -= 1
        if record.value is None:
            return
        try:
            found = self._decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a record of the directory: {error}") from None
        self._known[key] = standing_of(found.user, found)
        if found.alias == found.user:
            self._primary.add(key)
            self._people[connector] += 1
        else:
            self._primary_of[key] = directory_key(connector, found.user)

    def standing(self, connector: str, user: str) -> Standing:
        """Who `user`, the user key's part after the connector or another name of theirs as a key has it, is: by the
        primary record, which alone has all their names, where it is there.
        """
        key = directory_key(connector, user)
        known = self._known.get(key)
        if known is None:
            return standing_of(user, None)
        whole = self._known.get(self._primary_of.get(key, key), known)
        return replace(whole, names=tuple(dict.fromkeys((user, *known.names, *whole.names))))

    def people(self, connector: str) -> int:
        """How many people the directory of `connector` knows."""
        return self._people[connector]
