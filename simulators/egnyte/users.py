"""The people of a domain, as its users API knows them: listed, looked at, made, changed, deleted."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from simulators.clock import iso
from simulators.egnyte.access import Account, Grant, UserType
from simulators.egnyte.refusals import RefusedError
from simulators.egnyte.switches import Switches

USER_SCOPE: Final = "Egnyte.user"
FIRST_ID: Final = 10_427_000_001
"""Egnyte's ids run past 32 bits."""
_FILTER: Final = re.compile(r'\s*(userName|email|externalId)\s+eq\s+"((?:[^"\\]|\\.)*)"\s*', re.IGNORECASE)
_FIXED: Final = frozenset({"id", "externalId", "createdDate", "lastModificationDate"})
"""What no change can change."""


class Group(msgspec.Struct, frozen=True, rename="camel"):
    """A group that a user is in. `value`: its id."""

    display_name: str
    value: str = ""


class Name(msgspec.Struct, frozen=True, rename="camel"):
    """A user's name."""

    given_name: str = ""
    family_name: str = ""
    formatted: str = ""


class User(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A user, in Egnyte's own words. Dates as ISO 8601. `expiry_date`: the account ends then."""

    id: int = 0
    user_name: str
    external_id: str | None = None
    email: str
    name: Name = Name()
    active: bool = True
    locked: bool = False
    email_change_pending: bool = False
    auth_type: Literal["egnyte", "sso", "ad"] = "egnyte"
    user_type: UserType = "power"
    role: str | None = None
    idp_user_id: str | None = None
    user_principal_name: str | None = None
    language: str = "en"
    created_date: str = "2025-01-01T00:00:00Z"
    last_modification_date: str = "2025-01-01T00:00:00Z"
    last_active_date: str | None = None
    expiry_date: str | None = None
    delete_on_expiry: bool | str | None = None
    groups: tuple[Group, ...] = ()
    is_service_account: bool = False

    @property
    def text(self) -> str:
        """The user as audit events name people."""
        name = self.name.formatted or f"{self.name.given_name} {self.name.family_name}".strip() or self.user_name
        return f"{name} ( {self.email} )"


class Users:
    """The users of one domain, by id, in the order in which they were made."""

    def __init__(self) -> None:
        self._users: dict[int, User] = {}
        self._next = FIRST_ID

    def add(self, user: User) -> User:
        """Adds a user, or replaces the one with the same id; without an id it gets the next one."""
        if not user.id:
            user = msgspec.structs.replace(user, id=self._next)
        self._next = max(self._next, user.id + 1)
        self._users[user.id] = user
        return user

    def all(self) -> list[User]:
        """Everybody, also who is not active."""
        return list(self._users.values())

    def one(self, text: str) -> User:
        """The user with this id. Raises RefusedError (404)."""
        found = self._users.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 20 else None
        if found is None:
            raise RefusedError(404, f"User {text} does not exist", "NOT_FOUND")
        return found

    def listed(self, query: Mapping[str, str], switches: Switches) -> tuple[list[User], int, int]:
        """The users that `query` asks for, from which index (1-based), and how many fit in all.

        Raises RefusedError: 400 for a query that Egnyte would not take.
        """
        start, count = _whole(query, "startIndex", 1), _whole(query, "count", switches.users_page)
        if start < 1:
            raise RefusedError(400, "startIndex begins at 1", "BAD_REQUEST")
        found = [user for user in self.all() if switches.users_inactive_listed or user.active]
        if "filter" in query:
            asked = _FILTER.fullmatch(query["filter"])
            if asked is None:
                raise RefusedError(400, "filter: userName, email or externalId eq is supported", "BAD_REQUEST")
            field = {"username": "user_name", "email": "email", "externalid": "external_id"}[asked[1].lower()]
            value = re.sub(r"\\(.)", r"\1", asked[2]).lower()
            found = [user for user in found if (getattr(user, field) or "").lower() == value]
        return found[start - 1 : start - 1 + min(count, switches.users_page)], start, len(found)

    def make(self, body: Mapping[str, Any], now_ms: int) -> User:
        """A new user. Raises RefusedError: 400, or 409 where the user name or the e-mail is taken."""
        if body.keys() & {"id", "createdDate", "lastModificationDate"}:
            raise RefusedError(400, "id and dates are not to be chosen", "BAD_REQUEST")
        user = _fit(dict(body) | {"createdDate": iso(now_ms), "lastModificationDate": iso(now_ms)})
        for other in self._users.values():
            if user.user_name.lower() == other.user_name.lower() or user.email.lower() == other.email.lower():
                raise RefusedError(409, "The user name or the e-mail is in use", "CONFLICT")
        return self.add(user)

    def change(self, user: User, body: Mapping[str, Any], switches: Switches, now_ms: int) -> User:
        """`user`, changed as `body` says. Raises RefusedError (400)."""
        if fixed := sorted(_FIXED & body.keys()):
            raise RefusedError(400, f"{', '.join(fixed)} can't be changed", "BAD_REQUEST")
        changes = dict(body)
        if flat := changes.keys() & {"givenName", "familyName"}:
            if switches.users_patch_names == "nested":
                raise RefusedError(400, f"{', '.join(sorted(flat))} belong into name", "BAD_REQUEST")
            changes["name"] = {key: changes.pop(key) for key in flat}
        elif "name" in changes and switches.users_patch_names == "flat":
            raise RefusedError(400, "name is not known: givenName and familyName are", "BAD_REQUEST")
        whole = msgspec.to_builtins(user)
        if isinstance(changes.get("name"), dict):
            changes["name"] = whole["name"] | {"formatted": ""} | changes["name"]
        return self.add(_fit(whole | changes | {"lastModificationDate": iso(now_ms)}))

    def delete(self, user: User) -> None:
        """There is no such user any more."""
        del self._users[user.id]


def told(user: User) -> dict[str, Any]:
    """`user` as Egnyte shows it."""
    found: dict[str, Any] = msgspec.to_builtins(user)
    if not found["name"]["formatted"]:
        found["name"]["formatted"] = f"{user.name.given_name} {user.name.family_name}".strip()
    return found


def account_of(user: User) -> Account:
    """Whose tokens end with `user`."""
    return Account(id=user.id, username=user.user_name, email=user.email, user_type=user.user_type)


def require_users(grant: Grant) -> None:
    """Raises RefusedError (403) where the token may not manage users."""
    if grant.scopes and USER_SCOPE not in grant.scopes:
        raise RefusedError(403, f"The token lacks the scope {USER_SCOPE}", "INSUFFICIENT_SCOPE")
    if grant.account.user_type != "admin":
        raise RefusedError(403, "Only administrators may manage users", "FORBIDDEN")


def _fit(body: dict[str, Any]) -> User:
    try:
        return msgspec.convert(body, User)
    except msgspec.ValidationError as problem:
        raise RefusedError(400, str(problem), "BAD_REQUEST") from None


def _whole(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit()):
        raise RefusedError(400, f"{name} is not a number", "BAD_REQUEST")
    return int(text)
