"""Every account that any source has told, and the words by which each may be joined with others. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from msgspec.structs import replace

from connectors.directory.join import ties
from schemas.directory import DirectoryEntry, Source

MOST_SHARING: Final = 16
"""A name that more accounts have than that (`none` as idpUserId, a service's e-mail) is nobody's."""
Id = tuple[Source, str]


class Accounts:
    """The accounts of one connector, deleted ones too."""

    def __init__(self) -> None:
        self._entries: dict[Id, DirectoryEntry] = {}
        self._by_tie: defaultdict[str, set[Id]] = defaultdict(set)

    def __contains__(self, account: Id) -> bool:
        return account in self._entries

    def __getitem__(self, account: Id) -> DirectoryEntry:
        return self._entries[account]

    def get(self, account: Id) -> DirectoryEntry | None:
        """What its source last said of it; None for one that is not known."""
        return self._entries.get(account)

    def ids(self, source: Source) -> set[str]:
        """The accounts of `source` that are not deleted."""
        return {entry.id for entry in self._entries.values() if entry.source == source and not entry.deleted}

    def missing(self, source: Source, listed: Collection[str], seen_ms: int) -> list[DirectoryEntry]:
        """The accounts of `source` that are not `listed` any more, as deleted."""
        gone = self.ids(source).difference(listed)
        return [replace(self._entries[source, each], deleted=True, deleted_ms=seen_ms) for each in sorted(gone)]

    def put(self, entry: DirectoryEntry) -> None:
        """Takes `entry`, in place of what was known of the account."""
        account = (entry.source, entry.id)
        self.drop(account)
        self._entries[account] = entry
        for word in ties(entry):
            self._by_tie[word].add(account)

    def drop(self, account: Id) -> None:
        """Forgets an account, if it is known."""
        before = self._entries.pop(account, None)
        for word in ties(before) if before is not None else ():
            self._by_tie[word].discard(account)
            if not self._by_tie[word]:
                del self._by_tie[word]

    def sharing(self, words: Iterable[str]) -> list[Id]:
        """The accounts that have one of `words`, but for words that too many have."""
        return [account for word in words if not self.is_common(word) for account in self._by_tie.get(word, ())]

    def is_common(self, word: str) -> bool:
        """Whether so many accounts have `word` that it joins nobody."""
        return len(self._by_tie.get(word, ())) > MOST_SHARING
