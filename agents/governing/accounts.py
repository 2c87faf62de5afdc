"""What governance knows of people: `egnyte.directory`, in memory, by every name that somebody has."""

from collections import Counter

import msgspec

from agents.governing.standing import Standing, standing_of
from schemas.directory import DirectoryRecord
from streams.cluster import Record

_SOURCE = b"/~source-"


class Accounts:
    """Who somebody is, by user key. Follows the topic by `apply`, a cache of `streams.spec`."""

    def __init__(self) -> None:
        self._known: dict[bytes, Standing] = {}
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

    def standing(self, connector: str, user: str) -> Standing:
        """Who `user`, the user key's part after the connector, is."""
        return self._known.get(f"{connector}/{user}".encode()) or standing_of(user, None)

    def people(self, connector: str) -> int:
        """How many people the directory of `connector` knows."""
        return self._people[connector]
