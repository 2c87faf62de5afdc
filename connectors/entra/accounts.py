"""What Graph says of a user, as an entry of the directory. Pure."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from schemas.directory import DirectoryEntry

LEAVE_DATE: Final = "employeeLeaveDateTime"
SELECT: Final = (
    "id", "userPrincipalName", "mail", "displayName", "userType", "accountEnabled", "onPremisesSyncEnabled",
    "onPremisesImmutableId",
)  # fmt: skip
"""What is asked of every user. The leave date takes a permission of its own, so it is asked for beside these."""

Text = str | UnsetType | None
Truth = bool | UnsetType | None


class Removed(msgspec.Struct, frozen=True):
    """`@removed`: `changed` for a user who can be restored for 30 days, `deleted` for one who is gone for good."""

    reason: str = ""


class User(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of an answer. What is not said is UNSET: in a round of changes it is as it was."""

    id: str
    removed: Removed | UnsetType = msgspec.field(default=UNSET, name="@removed")
    user_principal_name: Text = UNSET
    mail: Text = UNSET
    display_name: Text = UNSET
    user_type: Text = UNSET
    account_enabled: Truth = UNSET
    on_premises_sync_enabled: Truth = UNSET
    on_premises_immutable_id: Text = UNSET
    employee_leave_date_time: Text = UNSET


def entry_of(user: User, known: DirectoryEntry | None = None) -> DirectoryEntry:
    """The account of `user`; `known`: what was known of it before, which holds for all that is not said now.

    A removed account keeps what was known. One that is told without `@removed` is there (again).
    """
    base = known or DirectoryEntry(source="entra", id=user.id)
    if not isinstance(user.removed, UnsetType):
        return replace(base, deleted=True)
    guest = base.guest if isinstance(user.user_type, UnsetType) else (user.user_type or "").lower() == "guest"
    left = user.employee_leave_date_time
    return replace(
        base,
        email=_text(user.mail, base.email),
        upn=_text(user.user_principal_name, base.upn),
        name=_text(user.display_name, base.name),
        idp_user_id=_text(user.on_premises_immutable_id, base.idp_user_id),
        enabled=_truth(user.account_enabled, base.enabled, empty=True),
        synced=_truth(user.on_premises_sync_enabled, base.synced, empty=False),
        guest=guest,
        leave_ms=base.leave_ms if isinstance(left, UnsetType) else time_ms(left or ""),
        deleted=False,
        deleted_ms=0,
    )


def time_ms(text: str) -> int:
    """Ms since the epoch of Graph's date and time; 0 for none, and for one that can't be read."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return max(0, (since.days * 86_400 + since.seconds) * 1_000)


def _text(said: Text, known: str) -> str:
    return known if isinstance(said, UnsetType) else said or ""


def _truth(said: Truth, known: bool, *, empty: bool) -> bool:
    if isinstance(said, UnsetType):
        return known
    return empty if said is None else said
