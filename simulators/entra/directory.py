"""The users of a tenant: their properties, who manages whom, who holds which role, and when each thing changed."""

import bisect
import hashlib
import uuid
from collections.abc import Iterator
from typing import Any, Final

from simulators.clock import Clock, iso
from simulators.entra.refusals import bad_request, not_found

PROPERTIES: Final = (
    "id", "accountEnabled", "companyName", "createdDateTime", "deletedDateTime", "department", "displayName",
    "employeeId", "employeeLeaveDateTime", "externalUserState", "givenName", "jobTitle", "mail", "mailNickname",
    "onPremisesImmutableId", "onPremisesSamAccountName", "onPremisesSyncEnabled", "onPremisesUserPrincipalName",
    "otherMails", "preferredLanguage", "proxyAddresses", "signInActivity", "signInSessionsValidFromDateTime",
    "surname", "userPrincipalName", "userType",
)  # fmt: skip
DEFAULT_SELECT: Final = ("displayName", "givenName", "id", "jobTitle", "mail", "preferredLanguage", "surname",
                         "userPrincipalName")  # fmt: skip
"""What Graph answers where nothing is selected, as far as it is known here."""
RESTORABLE_MS: Final = 30 * 86_400_000
"""A deleted user can be restored for so long, and is then gone for good."""
ADMIN_ROLES: Final = (
    "Global Administrator", "Privileged Role Administrator", "Privileged Authentication Administrator",
    "User Administrator", "Authentication Administrator", "Security Administrator", "Exchange Administrator",
)  # fmt: skip
OVER_EVERYONE: Final = frozenset({"Global Administrator", "Privileged Authentication Administrator"})
"""An app that holds one of these may do sensitive things to administrators as well."""


class Account:
    """One user. `changed`: the number of the last change of each property. `removed`: of its deletion, 0 while there;
    `deleted_ms`: when that was, `purged`: it can't be restored any more.
    """

    def __init__(self, properties: dict[str, Any], at: int) -> None:
        self.properties = properties
        self.changed = dict.fromkeys(properties, at)
        self.created = at
        self.removed = 0
        self.deleted_ms = 0
        self.purged = False
        self.manager = ""
        self.order = hashlib.blake2b(self.id.encode(), digest_size=8).hexdigest()

    @property
    def id(self) -> str:
        """Its object id."""
        return str(self.properties["id"])

    def last_change(self, selected: tuple[str, ...]) -> int:
        """The number of the last change that somebody sees who follows `selected`."""
        return max(self.created, self.removed, *(self.changed.get(name, 0) for name in selected))


class Directory:
    """All accounts, also deleted ones. Its changes are numbered from 1."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._ordered: list[Account] = []
        self.changes = 0
        self.size = 0
        """Users that are not deleted."""
        self.roles: dict[str, set[str]] = {}
        """Members of each role, by its name: users and groups."""
        self.groups: dict[str, set[str]] = {}
        """Members of each group, by its id."""

    def add(self, **properties: Any) -> str:
        """A new user, with Graph's property names; returns its object id. Raises ValueError for an unknown property or
        a user principal name that is taken.
        """
        _known(properties)
        user_id = properties.setdefault("id", str(uuid.uuid4()))
        upn = properties.get("userPrincipalName") or f"{user_id}@example.onmicrosoft.com"
        if user_id in self._accounts or self._named(upn) is not None:
            raise ValueError(f"there is a user {user_id} or {upn} already")
        now = iso(self._clock.now_ms())[:19] + "Z"
        whole = {"accountEnabled": True, "userType": "Member", "createdDateTime": now, "userPrincipalName": upn}
        self.changes += 1
        account = Account(whole | properties, self.changes)
        self._accounts[account.id] = account
        self.size += 1
        bisect.insort(self._ordered, account, key=lambda other: other.order)
        return account.id

    def change(self, user: str, **properties: Any) -> bool:
        """Sets properties of a user by object id or principal name; None unsets one. Returns whether any was another
        before. Raises ValueError, or RefusedError for nobody.
        """
        _known(properties)
        account = self.live(user)
        different = {name: value for name, value in properties.items() if account.properties.get(name) != value}
        if different:
            self.changes += 1
            account.properties |= different
            account.changed |= dict.fromkeys(different, self.changes)
        return bool(different)

    def delete(self, user: str) -> None:
        """Deletes a user, who can be restored for 30 days."""
        account = self.live(user)
        self.size -= 1
        self.changes += 1
        account.removed, account.deleted_ms = self.changes, self._clock.now_ms()
        account.properties["deletedDateTime"] = iso(account.deleted_ms)[:19] + "Z"

    def purge(self, user: str) -> None:
        """Deletes a user for good."""
        if user not in self._accounts or not self._accounts[user].removed:
            self.delete(user)
        account = self._accounts[user] if user in self._accounts else self._named(user)
        if account is not None:
            self.changes += 1
            account.removed, account.purged = self.changes, True

    def restore(self, user_id: str) -> Account:
        """Brings a deleted user back. Raises RefusedError for one that can't be restored."""
        account = self.deleted(user_id)
        self.size += 1
        self.changes += 1
        account.created, account.removed, account.deleted_ms = self.changes, 0, 0
        account.properties.pop("deletedDateTime", None)
        return account

    def live(self, user: str) -> Account:
        """The user of an object id or principal name. Raises RefusedError (404) for nobody, or a deleted one."""
        account = self._accounts.get(user) or self._named(user)
        if account is None or account.removed:
            raise not_found(user)
        return account

    def deleted(self, user_id: str) -> Account:
        """The deleted user of an object id. Raises RefusedError (404)."""
        account = self._accounts.get(user_id)
        if account is None or not account.removed or self.is_purged(account):
            raise not_found(user_id)
        return account

    def is_purged(self, account: Account) -> bool:
        """Whether a deleted account is gone for good, by command or by time."""
        return account.purged or self._clock.now_ms() - account.deleted_ms > RESTORABLE_MS

    def everybody(self) -> Iterator[Account]:
        """All accounts, deleted ones too, in an order that says nothing."""
        yield from self._ordered

    def assign(self, role: str, member: str, *, holds: bool = True) -> None:
        """Gives `role` to a user or a group, or takes it away."""
        members = self.roles.setdefault(role, set())
        self._put(members, member, present=holds)

    def join(self, group: str, user: str, *, belongs: bool = True) -> None:
        """Puts a user into a group, or out of it; the group is made where it is missing."""
        self._put(self.groups.setdefault(group, set()), user, present=belongs)

    def set_manager(self, user: str, manager: str) -> None:
        """Says who manages `user`; empty for nobody."""
        self.live(user).manager = self.live(manager).id if manager else ""

    def is_administrator(self, user_id: str) -> bool:
        """Whether a user holds a privileged role, alone or by a group."""
        return any(
            user_id in members or any(user_id in self.everyone_in(group) for group in members)
            for role, members in self.roles.items()
            if role in ADMIN_ROLES
        )

    def everyone_in(self, group: str) -> set[str]:
        """The members of a group and of the groups in it, groups too; nobody where there is no such group."""
        found: set[str] = set()
        ahead = [group]
        while ahead:
            more = self.groups.get(ahead.pop(), set()) - found
            found |= more
            ahead += more
        return found

    def members_of(self, ids: set[str]) -> Iterator[dict[str, Any]]:
        """What is said of the members of a role or group: users that are there, and groups."""
        for member in sorted(ids):
            if member in self.groups:
                yield {"@odata.type": "#microsoft.graph.group", "id": member}
            elif member in self._accounts and not self._accounts[member].removed:
                yield {"@odata.type": "#microsoft.graph.user", "id": member}

    def _named(self, upn: str) -> Account | None:
        wanted = upn.casefold()
        return next(
            (a for a in self._accounts.values()
             if not a.removed and str(a.properties["userPrincipalName"]).casefold() == wanted),
            None,
        )  # fmt: skip

    def _put(self, members: set[str], member: str, *, present: bool) -> None:
        found = member if member in self.groups else self.live(member).id
        if present:
            members.add(found)
        else:
            members.discard(found)


def selection(text: str) -> tuple[str, ...]:
    """The properties of a `$select`, always with the id; empty where there is none. Raises RefusedError (400)."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in PROPERTIES:
            raise bad_request(f"Could not find a property named '{name}' on type 'microsoft.graph.user'.")
    return (*(name for name in ("id",) if names and "id" not in names), *names)


def _known(properties: dict[str, Any]) -> None:
    if unknown := sorted(properties.keys() - set(PROPERTIES)):
        raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(PROPERTIES)}")
