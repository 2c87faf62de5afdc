"""What a source says of an account, made fit to be compared, joined and kept."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from schemas.directory import MAX_GROUPS, MAX_NAME_CHARS, AliasKind, DirectoryEntry, alias_of, normalised

DAY_MS: Final = 86_400_000
MAX_EMAIL_CHARS: Final = 320
"""RFC 3696, erratum 1690: 64 before the @, 255 after it. Longer ones are no names of anybody."""
LATEST_MS: Final = 4_102_444_800_000
"""2100: no date of a directory is taken for later than that, nor for one before 1970."""

Name = tuple[AliasKind, str]


def fit(entry: DirectoryEntry, before: DirectoryEntry | None, seen_ms: int) -> DirectoryEntry:
    """`entry` as it is kept, where `before` was kept until `seen_ms`: names normalised, lists sorted and bounded, and
    every end dated.

    An end without a date is dated by when it was first seen; none lies in the future. Of an account that is gone some
    sources tell no more than that: its names are kept.
    """
    if entry.deleted and before is not None and not any((entry.email, entry.upn, entry.user_name, entry.idp_user_id)):
        gone = entry
        entry = replace(before, deleted=True, deleted_ms=gone.deleted_ms)
    return replace(
        entry,
        email=_address(entry.email),
        upn=_address(entry.upn),
        user_name=_short(normalised(entry.user_name)),
        idp_user_id=_short(normalised(entry.idp_user_id)),
        name=_short(" ".join(entry.name.split())),
        disabled_ms=0
        if entry.enabled
        else _since(entry.disabled_ms, before.disabled_ms if before and not before.enabled else 0, seen_ms),
        deleted_ms=_since(entry.deleted_ms, before.deleted_ms if before and before.deleted else 0, seen_ms)
        if entry.deleted
        else 0,
        leave_ms=min(max(entry.leave_ms, 0), LATEST_MS),
        user_type=_short(normalised(entry.user_type)),
        auth_type=_short(normalised(entry.auth_type)),
        roles=_names(entry.roles),
        groups=_names(entry.groups),
        last_active_ms=_day(max(min(entry.last_active_ms, seen_ms), before.last_active_ms if before else 0)),
    )


def names(entry: DirectoryEntry) -> Iterator[Name]:
    """The names by which `entry` is found, each with its kind, the strongest first."""
    if entry.email:
        yield "email", alias_of("email", entry.email)
    if entry.upn:
        yield "upn", alias_of("upn", entry.upn)
    if entry.idp_user_id:
        yield "idp_user_id", alias_of("idp_user_id", entry.idp_user_id)
    if entry.user_name:
        yield "user_name", alias_of("user_name", entry.user_name)
    yield ("egnyte_id" if entry.source == "egnyte" else "entra_id"), own_alias(entry)


def own_alias(entry: DirectoryEntry) -> str:
    """The alias that no other account has."""
    return alias_of("egnyte_id" if entry.source == "egnyte" else "entra_id", entry.id)


def _address(text: str) -> str:
    """An e-mail or user principal name; empty where `text` is none."""
    address = normalised(text)
    at = address.find("@")
    whole = 0 < at < len(address) - 1 and len(address) <= MAX_EMAIL_CHARS
    return address if whole and address.isprintable() and " " not in address and address[0] != "~" else ""


def _short(text: str) -> str:
    return text[:MAX_NAME_CHARS]


def _names(found: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({_short(text.strip()) for text in found if text.strip()})[:MAX_GROUPS])


def _since(said_ms: int, known_ms: int, seen_ms: int) -> int:
    """When it ended: as said, else as known, else now."""
    return min(said_ms, seen_ms) if said_ms > 0 else known_ms or seen_ms


def _day(time_ms: int) -> int:
    return max(time_ms, 0) // DAY_MS * DAY_MS
