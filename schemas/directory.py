"""`egnyte.directory`: people, as Entra ID and Egnyte know them; and what of it changes, for `egnyte.events`.

One record for each (connector, alias), JSON, compacted: whoever knows any name of a person finds the person. Several
sources that speak of one person are joined into one account. The record at the person's own e-mail is the primary one:
it also holds what each source said (`entries`), so that the join can be taken up again from this topic alone.

Keys, all lower case and Unicode NFC:
| alias | key |
|---|---|
| e-mail, user principal name | `<connector>/<address>` |
| Egnyte's user name | `<connector>/~name-<name>` |
| Egnyte's user id | `<connector>/~id-<digits>` |
| the id at the identity provider that Egnyte keeps | `<connector>/~idp-<id>` |
| Entra ID's object id | `<connector>/~entra-<id>` |
| a source of people (`SourceRecord`) | `<connector>/~source-<name>` |
"""

import hashlib
import unicodedata
from typing import Final, Literal

import msgspec

from schemas.activity import Account

SCHEMA: Final = 1

Source = Literal["entra", "egnyte"]
AliasKind = Literal["email", "upn", "user_name", "egnyte_id", "idp_user_id", "entra_id"]
ChangeKind = Literal[
    "created", "removed", "restored", "disabled", "enabled", "locked", "unlocked", "leave_date", "privileged",
    "external", "user_type", "groups", "renamed",
]  # fmt: skip
"""What happens to an account. `removed` and `restored`: it is gone from a source, and back (also as a new account of
the same person). `privileged`: its privileged roles. `external`: whether it is a guest or another outsider. `renamed`:
another e-mail stands for the person."""

MAX_ALIAS_CHARS: Final = 512
"""Longer names are cut and hashed: a key is no place for them."""
MAX_GROUPS: Final = 100
"""Kept of one person, in alphabetical order; each is stamped on every activity."""
MAX_NAME_CHARS: Final = 256

_PREFIXES: Final[dict[AliasKind, str]] = {
    "email": "",
    "upn": "",
    "user_name": "~name-",
    "egnyte_id": "~id-",
    "idp_user_id": "~idp-",
    "entra_id": "~entra-",
}


class DirectoryEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one source says of one of its accounts, whole: what is not said is empty. Times: ms since the epoch, UTC.

    `id`: the source's own, never used again for another account. `email`, `upn`, `user_name`, `idp_user_id`: the names
    by which accounts are joined. `deleted`, `deleted_ms`: gone, and since when; 0: not known. `disabled_ms`: likewise,
    where not `enabled`. `leave_ms`: the last working day ends, 0: none is planned. `guest`: a guest of the tenant
    (Entra ID). `user_type`: at Egnyte. `roles`: the privileged ones. `synced`: comes from an on-premises directory,
    which overrides changes made here. `last_active_ms`: last seen at work by the source, 0: not known.
    """

    source: Source
    id: str
    email: str = ""
    upn: str = ""
    user_name: str = ""
    idp_user_id: str = ""
    name: str = ""
    enabled: bool = True
    disabled_ms: int = 0
    deleted: bool = False
    deleted_ms: int = 0
    leave_ms: int = 0
    guest: bool = False
    user_type: str = ""
    auth_type: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    locked: bool = False
    synced: bool = False
    last_active_ms: int = 0


class DirectoryRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One alias of one person, and who that is.

    `email`: the person's own e-mail, lower case, by which activities are keyed; empty where no source knows one.
    `user`: the user key's part after the connector. `egnyte_ids`, `entra_ids`: accounts that are not deleted, or the
    latest one. `account`: what activities are stamped with, all sources joined. `roles`: the privileged ones. `synced`:
    changes to the account are overridden by an on-premises directory. `aliases`, `entries`: in the primary record only:
    the keys of all records of the person, and what each source said.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    alias: str
    kind: AliasKind
    user: str
    email: str = ""
    name: str = ""
    sources: tuple[Source, ...] = ()
    account: Account
    roles: tuple[str, ...] = ()
    synced: bool = False
    locked: bool = False
    upn: str = ""
    user_name: str = ""
    egnyte_ids: tuple[str, ...] = ()
    entra_ids: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    entries: tuple[DirectoryEntry, ...] = ()


class SourceRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How far one source of people has been read. Times: ms since the epoch, UTC.

    `complete_ms`: when it was last read from one end to the other, 0: not yet. `read_ms`: when it was last read at all.
    `position`: where its changes go on, in its own words (Entra ID's deltaLink), as it was given at `position_ms`.
    `people`: accounts that it has.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    source: Source
    complete_ms: int = 0
    read_ms: int = 0
    position: str = ""
    position_ms: int = 0
    people: int = 0


class DirectoryChange(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Value of an event of source `directory` on `egnyte.events`: one thing that changed of one person.

    `at_ms`: when it happened, `seen_ms`: when it was learned; ms since the epoch, UTC. `source`: who says so. `detail`:
    in words. `account`: the person afterwards.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    change: ChangeKind
    at_ms: int
    seen_ms: int
    source: Source
    email: str = ""
    name: str = ""
    egnyte_id: str = ""
    detail: str = ""
    account: Account


def normalised(text: str) -> str:
    """`text` as names are compared and keyed: trimmed, lower case, Unicode NFC."""
    return unicodedata.normalize("NFC", text.strip().lower())


def alias_of(kind: AliasKind, text: str) -> str:
    """The part of the key after the connector, for a name of this kind; empty for an empty name."""
    name = normalised(text)
    if not name:
        return ""
    alias = _PREFIXES[kind] + name
    if len(alias) <= MAX_ALIAS_CHARS:
        return alias
    return f"{alias[: MAX_ALIAS_CHARS - 33]}~{hashlib.sha256(alias.encode()).hexdigest()[:32]}"


def directory_key(connector: str, alias: str) -> bytes:
    """Key of the record of an alias (see `alias_of`)."""
    return f"{connector}/{alias}".encode(errors="replace")


def source_key(connector: str, source: Source) -> bytes:
    """Key of the record of a source."""
    return f"{connector}/~source-{source}".encode()


_encoder = msgspec.json.Encoder(order="deterministic")
_records = msgspec.json.Decoder(DirectoryRecord)
_sources = msgspec.json.Decoder(SourceRecord)
_changes = msgspec.json.Decoder(DirectoryChange)


def encode(record: DirectoryRecord | SourceRecord | DirectoryChange) -> bytes:
    """The value of a record (JSON). Equal records give equal bytes."""
    return _encoder.encode(record)


def decode(value: bytes) -> DirectoryRecord:
    """The record of an alias out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _records.decode(value)


def decode_source(value: bytes) -> SourceRecord:
    """The record of a source out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _sources.decode(value)


def decode_change(value: bytes) -> DirectoryChange:
    """The change out of an event's value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _changes.decode(value)
