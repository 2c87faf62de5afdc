"""One connector's directory in memory: every account that any source has told, joined to people. Pure.

It is a cache of `egnyte.directory`: `load` takes the topic's records, and `take` says what must be written, which is
the same whether this or an earlier process had taken what came before.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from connectors.directory.accounts import Accounts, Id
from connectors.directory.entries import fit
from connectors.directory.join import joined, rank, ties
from connectors.directory.owners import owners
from connectors.directory.person import Person, alias_kinds, changes, person_of
from schemas.activity import Account
from schemas.activity import Person as Named
from schemas.directory import (
    AliasKind,
    DirectoryChange,
    DirectoryEntry,
    DirectoryRecord,
    Source,
    SourceRecord,
    alias_of,
)

log = structlog.get_logger(__name__)

KEPT_MS: Final = 400 * 86_400_000
"""So long after all accounts of a person were deleted the person is forgotten: as long as the governance log."""


class Written(msgspec.Struct, frozen=True):
    """What became of one person: the records by alias (None: the alias is gone), and the changes with the user that
    each is about."""

    records: dict[str, DirectoryRecord | None]
    changes: tuple[tuple[str, DirectoryChange], ...] = ()


class Directory:
    """The people of one connector."""

    def __init__(self, connector: str) -> None:
        self.connector = connector
        self.sources: dict[Source, SourceRecord] = {}
        self._accounts = Accounts()
        self._person_of: dict[Id, str] = {}
        self._people: dict[str, Person] = {}
        self._by_alias: dict[str, str] = {}
        self._warned: set[str] = set()

    def __len__(self) -> int:
        return len(self._people)

    def load(self, records: Iterable[DirectoryRecord | SourceRecord]) -> None:
        """Takes the newest record of every key of the topic, into an empty directory."""
        for record in records:
            if isinstance(record, SourceRecord):
                self.sources[record.source] = record
            else:
                self._by_alias[record.alias] = record.user
                if record.alias == record.user:
                    self._loaded(record)

    def orphans(self) -> list[str]:
        """Aliases of nobody, after `load`: they are forgotten, and their records have to go."""
        found = [
            alias
            for alias, user in self._by_alias.items()
            if (person := self._people.get(user)) is None or alias not in person.aliases
        ]
        for alias in found:
            del self._by_alias[alias]
        return found

    def resolve(self, person: Named) -> str | None:
        """The user key's part for somebody named in an event, by e-mail, Egnyte's id, or the name that was typed; None
        for somebody unknown. A `connectors.egnyte.keys.Resolver`."""
        by_alias = self._by_alias
        if person.email and (user := by_alias.get(person.email)):
            return user
        if person.user_id and (user := by_alias.get(alias_of("egnyte_id", person.user_id))):
            return user
        if person.kind == "unknown" and person.name and not person.email:
            return by_alias.get(alias_of("user_name", person.name))
        return None

    def ids(self, source: Source) -> set[str]:
        """The accounts of `source` that are not deleted."""
        return self._accounts.ids(source)

    def entry(self, source: Source, id: str) -> DirectoryEntry | None:  # noqa: A002 - that is what it is
        """What `source` last said of its account `id`."""
        return self._accounts.get((source, id))

    def user_of(self, alias: str) -> str | None:
        """Whose `alias` is (see `schemas.directory.alias_of`), by the user key's part."""
        return self._by_alias.get(alias)

    def latest_of(self, user: str, source: Source) -> DirectoryEntry | None:
        """The account of a user in `source` that is in use, or the one deleted last; None where there never was one."""
        found = self._people.get(user)
        return next((each for each in found.entries if each.source == source), None) if found else None

    def account(self, user: str) -> Account | None:
        """The account of a user, by the user key's part."""
        found = self._people.get(user)
        return found.account if found else None

    def missing(self, source: Source, listed: Collection[str], seen_ms: int) -> list[DirectoryEntry]:
        """The accounts of `source` that are not `listed` any more, as deleted."""
        return self._accounts.missing(source, listed, seen_ms)

    def expired(self, now_ms: int) -> list[str]:
        """Users of whom every account was deleted more than `KEPT_MS` ago."""
        return [
            user
            for user, person in self._people.items()
            if person.account.deleted
            and all(entry.deleted and now_ms - entry.deleted_ms > KEPT_MS for entry in person.entries)
        ]

    def take(self, told: Iterable[DirectoryEntry], seen_ms: int) -> Iterator[Written]:
        """Takes what sources told at `seen_ms`: whoever it changes anything of, as it has to be written.

        Raises ValueError for an account without an id.
        """
        newcomers: dict[Source, bool] = {each: record.complete_ms > 0 for each, record in self.sources.items()}
        for entry in told:
            if not entry.id:
                raise ValueError(f"an account of {entry.source} has no id: it could not be told from others")
            before = self._accounts.get((entry.source, entry.id))
            after = fit(entry, before, seen_ms)
            if after == before or (before is None and after.deleted and not ties(after).keys() - _own(after)):
                continue  # nothing new, or gone before anybody knew the name
            self._accounts.put(after)
            yield from self._rejoin(before, after, seen_ms, newcomer=newcomers.get(entry.source, False))

    def forget(self, user: str) -> Written:
        """Forgets a user and all of the user's names."""
        person = self._people.pop(user)
        for entry in person.entries:
            self._accounts.drop((entry.source, entry.id))
            self._person_of.pop((entry.source, entry.id), None)
        gone = [alias for alias in person.aliases if self._by_alias.get(alias) == user]
        for alias in gone:
            del self._by_alias[alias]
        return Written(dict.fromkeys(gone))

    def _loaded(self, record: DirectoryRecord) -> None:
        kinds: dict[str, AliasKind] = {}
        for entry in record.entries:
            kinds = alias_kinds(entry) | kinds
            self._accounts.put(entry)
            self._person_of[entry.source, entry.id] = record.user
        aliases = {alias: kinds[alias] for alias in record.aliases if alias in kinds}
        self._people[record.user] = Person(record.user, record.account, aliases, record.entries)

    def _rejoin(
        self, was: DirectoryEntry | None, changed: DirectoryEntry, seen_ms: int, *, newcomer: bool
    ) -> Iterator[Written]:
        """Joins anew whoever `changed` is or, as `was`, used to be tied to, and says what came of it."""
        near = self._near(changed, ties(was) if was else ())
        concerned = {self._person_of[each] for each in near if each in self._person_of}
        before = {user: self._people.pop(user) for user in concerned}
        people = joined([self._accounts[each] for each in near], self._accounts.is_common)
        owned, disputed = owners(people, self._accounts.is_common)
        self._warn(disputed)
        following: dict[str, Person] = {}
        were_of: dict[str, list[str]] = {}
        for entries in people:
            aliases = {alias: kind for entry in reversed(entries) for alias, kind in alias_kinds(entry).items()}
            aliases = {alias: kind for alias, kind in aliases.items() if owned.get(alias) is entries}
            were = sorted(
                {
                    self._person_of[each.source, each.id]
                    for each in entries
                    if (each.source, each.id) in self._person_of
                },
                key=lambda user: rank(before[user].entries[0]),
            )
            person = person_of(entries, aliases, were)
            following[person.user], were_of[person.user] = person, were
        predecessors = {user: before[was] for user, was in _successions(were_of).items()}
        yield from self._settled(before, following, predecessors, changed, seen_ms, newcomer=newcomer)

    def _settled(
        self,
        before: dict[str, Person],
        following: dict[str, Person],
        predecessors: dict[str, Person],
        changed: DirectoryEntry,
        seen_ms: int,
        *,
        newcomer: bool,
    ) -> Iterator[Written]:
        gone = {alias for person in before.values() for alias in person.aliases}
        for user, person in following.items():
            was = predecessors.get(user)
            gone.difference_update(person.aliases)
            for entry in person.entries:
                self._person_of[entry.source, entry.id] = user
            version = max((before[each].account.version for each in before), default=0)
            if was is not None:
                same = replace(person, account=replace(person.account, version=was.account.version))
                if same == was and was.user == user:
                    self._people[user] = was
                    continue
            # At least the time, so that versions go on growing should the topic ever be lost.
            newer = max(version + 1, seen_ms // 1_000)
            whole = replace(person, account=replace(person.account, version=newer))
            self._people[user] = whole
            new = newcomer and was is None and any(entry is changed for entry in person.entries)
            told = tuple((user, each) for each in changes(was, whole, seen_ms, newcomer=new))
            records: dict[str, DirectoryRecord | None] = {each.alias: each for each in whole.records(self.connector)}
            self._by_alias |= dict.fromkeys(records, user)
            yield Written(records, told)
        if gone:
            for alias in gone:
                self._by_alias.pop(alias, None)
            yield Written(dict.fromkeys(sorted(gone)))

    def _near(self, entry: DirectoryEntry, given_up: Iterable[str]) -> list[Id]:
        """Every account that may be joined anew because of `entry`, which may have `given_up` words: those that share a
        word, in any number of steps, and those of the same persons."""
        found: set[Id] = set()
        ahead: list[Id] = [(entry.source, entry.id), *self._accounts.sharing(given_up)]
        while ahead:
            each = ahead.pop()
            if each in found or each not in self._accounts:
                continue
            found.add(each)
            user = self._person_of.get(each)
            if user is not None and user in self._people:
                ahead += [(other.source, other.id) for other in self._people[user].entries]
            ahead += self._accounts.sharing(ties(self._accounts[each]))
        return sorted(found)

    def _warn(self, disputed: Mapping[str, Sequence[Sequence[DirectoryEntry]]]) -> None:
        """Says once of each name that several people have it."""
        for alias in (each for each in disputed if each not in self._warned):
            self._warned.add(alias)
            log.warning(
                "two people have the same name; it is taken for the first one's", connector=self.connector,
                alias=alias, people=[f"{each[0].source} {each[0].id}" for each in disputed[alias]][:4],
            )  # fmt: skip


def _own(entry: DirectoryEntry) -> set[str]:
    return {f"~idp-{entry.id.lower()}"}


def _successions(were_of: dict[str, list[str]]) -> dict[str, str]:
    """Of users as they are now, each with the users whose accounts it has: which of them it was. One each at most, and
    the same one where it can be."""
    found = {user: user for user, were in were_of.items() if user in were}
    for user, were in were_of.items():
        free = [each for each in were if each not in found.values()]
        if user not in found and free:
            found[user] = free[0]
    return found
