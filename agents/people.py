"""What enrich knows of people: `egnyte.directory`, in memory. One look-up for each activity, by its user key."""

from typing import Final

import msgspec

from schemas.activity import Account, Activity, Person
from schemas.directory import DirectoryChange, decode_change
from streams.cluster import Record

_OTHER_ALIASES: Final = (b"~name-", b"~idp-", b"~entra-", b"~source-")
"""No activity is keyed by these."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    """What is needed of a directory record, which is decoded no further."""

    account: Account
    email: str = ""


class People:
    """Accounts by user key. Follows the topic by `apply`, a cache of `streams.spec`."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Known] = {}
        self._decode = msgspec.json.Decoder(_Known).decode

    def __len__(self) -> int:
        return len(self._known)

    def apply(self, record: Record) -> None:
        """Takes one record of the directory. Raises ValueError for what is none."""
        key, value = record.key, record.value
        if key is None:
            raise ValueError("a record without a key")
        if key[key.find(b"/") + 1 :].startswith(_OTHER_ALIASES):
            return
        if value is None:
            self._known.pop(key, None)
            return
        try:
            self._known[key] = self._decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a record of the directory: {error}") from None

    def account(self, key: bytes | None) -> Account | None:
        """The account of the user with this key; None where the directory does not know it."""
        known = self._known.get(key)  # type: ignore[arg-type]  # None is no key of any
        return known.account if known is not None else None

    def actor(self, key: bytes | None, actor: Person) -> Person:
        """`actor`, whose user key is `key`, with the e-mail that the directory knows. A name that was only typed is a
        person's where it is an account's."""
        known = self._known.get(key)  # type: ignore[arg-type]
        if known is None or (actor.email and actor.kind == "person"):
            return actor
        return msgspec.structs.replace(actor, kind="person", email=actor.email or known.email)


def change_of(value: bytes) -> DirectoryChange:
    """The change that an event of source `directory` tells. Raises ValueError for what is none."""
    try:
        return decode_change(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a change of the directory: {error}") from None


def changed(activity: Activity, change: DirectoryChange, earliest_ms: int) -> Activity:
    """`activity`, as far as it is known, with what the directory says: whose account, what, and when it happened, which
    is neither after it was received nor before `earliest_ms`."""
    return msgspec.structs.replace(
        activity,
        time_ms=min(max(change.at_ms, earliest_ms), activity.received_ms),
        action=change.change,
        outcome="success",
        interactive=False,
        actor=Person(kind="system", name=change.source),
        subject=Person(email=change.email, name=change.name, user_id=change.egnyte_id),
        info=change.detail,
        account=change.account,
    )
