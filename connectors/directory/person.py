"""One person: what all sources say together, under which names, and what of it has changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from connectors.directory.entries import names
from schemas.activity import Account
from schemas.directory import (
    MAX_GROUPS,
    AliasKind,
    ChangeKind,
    DirectoryChange,
    DirectoryEntry,
    DirectoryRecord,
    Source,
)

_SOURCES: Final[tuple[Source, ...]] = ("egnyte", "entra")
_OWN: Final[tuple[AliasKind, ...]] = ("email", "upn", "egnyte_id", "entra_id")
"""What a person can be keyed by, the best first."""


class Person(msgspec.Struct, frozen=True):
    """`user`: the user key's part after the connector, and the alias of the primary record. `aliases`: every name that
    is this person's and nobody else's, with its kind. `entries`: as `connectors.directory.join` orders them."""

    user: str
    account: Account
    aliases: Mapping[str, AliasKind]
    entries: tuple[DirectoryEntry, ...]

    def records(self, connector: str) -> Iterator[DirectoryRecord]:
        """The record of each alias, the primary one first."""
        current = _current(self.entries)
        common = DirectoryRecord(
            connector=connector, alias="", kind="email", user=self.user, email=_email(self.user),
            name=next((entry.name for entry in self.entries if entry.name), ""),
            sources=tuple(sorted(current)), account=self.account,
            roles=tuple(sorted({role for entry in current.values() for role in entry.roles})),
            synced=any(entry.synced for entry in current.values()),
            locked=any(entry.locked for entry in current.values()),
            upn=next((entry.upn for entry in self.entries if entry.upn), ""),
            user_name=next((entry.user_name for entry in self.entries if entry.user_name), ""),
            egnyte_ids=(current["egnyte"].id,) if "egnyte" in current else (),
            entra_ids=(current["entra"].id,) if "entra" in current else (),
        )  # fmt: skip
        for alias in sorted(self.aliases, key=lambda each: (each != self.user, each)):
            record = msgspec.structs.replace(common, alias=alias, kind=self.aliases[alias])
            if alias == self.user:
                record = msgspec.structs.replace(record, aliases=tuple(sorted(self.aliases)), entries=self.entries)
            yield record


def person_of(entries: Sequence[DirectoryEntry], aliases: Mapping[str, AliasKind], keep: Sequence[str]) -> Person:
    """The person whose accounts `entries` are (see `connectors.directory.join.joined`), known by `aliases`.

    The name that activities are keyed by stays what it was (the first of `keep` that still is a name of this person),
    so that the person's history is not torn apart.
    """
    own = [alias for kind in _OWN for entry in entries for each, alias in names(entry) if each == kind]
    mine = [alias for alias in own if alias in aliases]
    kept = [alias for alias in keep if alias in mine and (_email(alias) or not any(map(_email, mine)))]
    return Person((kept or mine)[0], _account(entries), dict(aliases), tuple(entries))


def changes(before: Person | None, after: Person, seen_ms: int, *, newcomer: bool) -> Iterator[DirectoryChange]:
    """What happened to a person between `before` (None: not known until now) and `after`, learned at `seen_ms`.

    Of somebody not known until now: that the account is new (only where `newcomer`: the source had been read to its end
    before), and every end of it.
    """
    old, new = before.account if before else Account(), after.account
    current = _current(after.entries)

    def change(kind: ChangeKind, at_ms: int, detail: str = "", source: Source | None = None) -> DirectoryChange:
        return DirectoryChange(
            change=kind, at_ms=at_ms, seen_ms=seen_ms, source=source or after.entries[0].source, detail=detail,
            email=_email(after.user), name=next((entry.name for entry in after.entries if entry.name), ""),
            egnyte_id=current["egnyte"].id if "egnyte" in current else "", account=new,
        )  # fmt: skip

    def told_by(field: str) -> Source:
        return next((entry.source for entry in current.values() if getattr(entry, field)), after.entries[0].source)

    if before is None and newcomer:
        yield change("created", seen_ms)
    if new.deleted and (not old.deleted or new.deleted_ms < old.deleted_ms):
        yield change("removed", new.deleted_ms, source=told_by("deleted"))
    elif old.deleted and not new.deleted:
        yield change("restored", seen_ms)
    if new.disabled and (not old.disabled or new.disabled_ms < old.disabled_ms):
        yield change("disabled", new.disabled_ms, source=told_by("disabled_ms"))
    elif old.disabled and not new.disabled and not new.deleted:
        yield change("enabled", seen_ms)
    if new.leave_ms != old.leave_ms:
        yield change("leave_date", seen_ms, source=told_by("leave_ms"))
    if before is not None and after.user != before.user:
        yield change("renamed", seen_ms, f"{before.user} to {after.user}")
    if before is None or _current(before.entries).keys() != current.keys():
        return  # known from a further source: that is no change of the account
    if (was_locked := _locked(before)) != _locked(after):
        yield change("unlocked" if was_locked else "locked", seen_ms, source="egnyte")
    if new.privileged != old.privileged or _roles(before) != _roles(after):
        yield change("privileged", seen_ms, ", ".join(_roles(after)) or "none")
    if new.external != old.external or new.guest != old.guest:
        yield change("external", seen_ms, "yes" if new.external else "no")
    if new.user_type != old.user_type:
        yield change("user_type", seen_ms, f"{old.user_type or 'none'} to {new.user_type or 'none'}", "egnyte")
    if new.groups != old.groups:
        yield change("groups", seen_ms, _difference(old.groups, new.groups))


def _account(entries: Sequence[DirectoryEntry]) -> Account:
    current = list(_current(entries).values())
    gone = [entry.deleted_ms for entry in current if entry.deleted]
    disabled = [entry.disabled_ms for entry in current if not entry.enabled and not entry.deleted]
    leaving = [entry.leave_ms for entry in current if entry.leave_ms]
    user_type = next((entry.user_type for entry in current if entry.user_type), "")
    guest = any(entry.guest for entry in current)
    member = any(entry.source == "entra" and not entry.guest for entry in current)
    groups = {group for entry in current for group in entry.groups}
    return Account(
        disabled=bool(disabled),
        disabled_ms=min(disabled, default=0),
        deleted=bool(gone),
        deleted_ms=min(gone, default=0),
        leave_ms=min(leaving, default=0),
        external=guest or (user_type == "standard" and not member),
        guest=guest,
        privileged=user_type == "admin" or any(entry.roles for entry in current),
        user_type=user_type,
        auth_type=next((entry.auth_type for entry in current if entry.auth_type), ""),
        groups=tuple(sorted(groups)[:MAX_GROUPS]),
        last_active_ms=max((entry.last_active_ms for entry in entries), default=0),
    )


def _current(entries: Sequence[DirectoryEntry]) -> dict[Source, DirectoryEntry]:
    """What counts of each source: the account in use, or the one deleted last."""
    found: dict[Source, DirectoryEntry] = {}
    for source in _SOURCES:
        of_source = [entry for entry in entries if entry.source == source]
        if of_source:
            found[source] = of_source[0]  # they are in this order
    return found


def _email(user: str) -> str:
    return "" if user.startswith("~") else user


def _locked(person: Person) -> bool:
    return any(entry.locked for entry in _current(person.entries).values())


def _roles(person: Person) -> tuple[str, ...]:
    return tuple(sorted({role for entry in _current(person.entries).values() for role in entry.roles}))


def _difference(old: Sequence[str], new: Sequence[str]) -> str:
    more = [f"+{group}" for group in new if group not in old]
    less = [f"-{group}" for group in old if group not in new]
    return ", ".join(more + less)


def alias_kinds(entry: DirectoryEntry) -> dict[str, AliasKind]:
    """The aliases of `entry`, each with the strongest of its kinds."""
    found: dict[str, AliasKind] = {}
    for kind, alias in names(entry):
        found.setdefault(alias, kind)
    return found
