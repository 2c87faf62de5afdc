"""What Egnyte's words for an action mean: the generic activity type, how it went, and whether a person was at work.

The table is data. Each row says where its wording is known from:
`doc` an Egnyte page, `code` an SDK test, recorded answer or a parser of real logs, `guess` by analogy.
Words are compared in lower case, with `_` and runs of white space as one blank. What the table lacks passes as
`unspecified`.
"""

from typing import Final, Literal, NamedTuple

from schemas.activity import Outcome

FILE: Final = "FILE_AUDIT"
LOGIN: Final = "LOGIN_AUDIT"
PERMISSION: Final = "PERMISSION_AUDIT"
USER: Final = "USER_AUDIT"
GROUP: Final = "GROUP_AUDIT"
SETTINGS: Final = "WG_SETTINGS_AUDIT"
WORKFLOW: Final = "WORKFLOW_AUDIT"

ANY: Final = "*"
"""The row for whatever the source has no other row for."""


class Meaning(NamedTuple):
    """What an action means.

    `interactive` is False where a program acts by itself: prefetch, reads from a local cache, sync, Public API, FTP.
    `parent`: one of the one-per-child rows that Egnyte writes for what was done to a parent folder.
    """

    type: str
    outcome: Outcome
    administrative: bool
    interactive: bool
    parent: bool


class Row(NamedTuple):
    """One row of the table. An event of a known source says what has happened, hence the outcome `success`."""

    source: str
    action: str
    type: str
    known_from: Literal["doc", "code", "guess"]
    outcome: Outcome = "success"
    administrative: bool = False
    interactive: bool = True


def _admin(source: str, action: str, kind: str, known_from: Literal["doc", "code", "guess"]) -> Row:
    return Row(source, action, kind, known_from, administrative=True)


ROWS: Final = (
    # Files: display names of the audit report, then the filter names of the older report.
    Row(FILE, "upload", "upload", "doc"),
    Row(FILE, "create folder", "create", "doc"),
    Row(FILE, "download", "download", "doc"),
    Row(FILE, "promote file version", "edit", "doc"),
    Row(FILE, "preview", "view", "doc"),
    Row(FILE, "read", "read", "doc", interactive=False),
    Row(FILE, "prefetch", "sync", "doc", interactive=False),
    Row(FILE, "move file or folder", "move", "doc"),
    Row(FILE, "copy file or folder", "copy", "doc"),
    Row(FILE, "delete file or folder", "delete", "doc"),
    Row(FILE, "restore from trash", "restore", "doc"),
    Row(FILE, "delete from trash", "purge", "guess"),
    Row(FILE, "lock file", "lock", "doc"),
    Row(FILE, "unlock file", "unlock", "doc"),
    Row(FILE, "co-edit file", "edit", "doc"),
    Row(FILE, "create workspace", "create", "doc"),
    Row(FILE, "create workspace from template", "create", "doc"),
    Row(FILE, "mark as workspace", "edit", "doc"),
    Row(FILE, "status: active", "edit", "doc"),
    Row(FILE, "status: inactive", "edit", "doc"),
    Row(FILE, "workspace deleted", "delete", "doc"),
    Row(FILE, "create link", "share", "doc"),
    Row(FILE, "create upload link", "share", "doc"),
    Row(FILE, "delete link", "unshare", "doc"),
    Row(FILE, "delete upload link", "unshare", "doc"),
    Row(FILE, "download via link", "link_access", "doc"),
    Row(FILE, "preview via link", "link_access", "doc"),
    Row(FILE, "upload via link", "link_access", "doc"),
    Row(FILE, "download link", "link_access", "code"),
    Row(FILE, "add metadata", "edit", "doc"),
    Row(FILE, "delete metadata", "edit", "doc"),
    Row(FILE, "move", "move", "doc"),
    Row(FILE, "move file", "move", "code"),
    Row(FILE, "move folder", "move", "guess"),
    Row(FILE, "rename", "move", "guess"),
    Row(FILE, "copy", "copy", "doc"),
    Row(FILE, "copy file", "copy", "guess"),
    Row(FILE, "copy folder", "copy", "guess"),
    Row(FILE, "delete", "delete", "doc"),
    Row(FILE, "delete file", "delete", "guess"),
    Row(FILE, "delete folder", "delete", "guess"),
    Row(FILE, "restore trash", "restore", "code"),
    Row(FILE, "delete trash", "purge", "code"),
    # Logins: two spellings of a failure were seen in real logs.
    Row(LOGIN, "login", "login", "code"),
    Row(LOGIN, "logout", "logout", "guess"),
    Row(LOGIN, "failed login", "failed_login", "code", outcome="failure"),
    Row(LOGIN, "failed attempt", "failed_login", "code", outcome="failure"),
    Row(LOGIN, "login failed", "failed_login", "guess", outcome="failure"),
    Row(LOGIN, "account lockout", "lockout", "guess", outcome="failure"),
    Row(LOGIN, "password reset", "reset_password", "guess"),
    Row(LOGIN, "password change", "change_password", "guess"),
    # Users and groups: display texts; the filter constants differ by `_` only.
    _admin(USER, "create", "create_user", "doc"),
    _admin(USER, "update", "update_user", "doc"),
    _admin(USER, "disable", "suspend_user", "doc"),
    _admin(USER, "enable", "unsuspend_user", "doc"),
    _admin(USER, "delete", "delete_user", "doc"),
    _admin(USER, "password reset", "reset_password", "doc"),
    _admin(USER, "password change", "change_password", "doc"),
    _admin(GROUP, "create", "create_group", "code"),
    _admin(GROUP, "add users", "update_group", "code"),
    _admin(GROUP, "remove users", "update_group", "code"),
    _admin(GROUP, "rename", "update_group", "code"),
    _admin(GROUP, "delete", "delete_group", "code"),
    # Sources whose every event is one thing: a permission's action is its change, such as `+Editor`.
    _admin(PERMISSION, ANY, "change_permission", "code"),
    _admin(SETTINGS, ANY, "change_setting", "guess"),
    Row(WORKFLOW, ANY, "workflow", "guess"),
    # An unknown action in a known source did happen; in the login source it is not known whether it succeeded.
    Row(FILE, ANY, "unspecified", "guess"),
    _admin(USER, ANY, "unspecified", "guess"),
    _admin(GROUP, ANY, "unspecified", "guess"),
    Row(LOGIN, ANY, "unspecified", "guess", outcome="unknown"),
)

PROGRAMS: Final = frozenset({"public api", "publicapi", "ftp", "ftps", "sftp", "syncengine"})
"""Clients that act without a person in front of them. `Desktop App` is not among them: people work through it."""

FAILURE_WORDS: Final = ("fail", "denied", "blocked")
"""An action that the table lacks and that has one of these in it did not succeed."""

_PARENT: Final = " - parent"
_TABLE: Final = {(row.source.casefold(), row.action): row for row in ROWS}
_UNKNOWN: Final = Row("", ANY, "unspecified", "guess", outcome="unknown")

CACHED: Final = 4_096
"""Distinct (source, action, client) kept; a domain has some hundred."""
CACHED_CHARS: Final = 256
cache: dict[tuple[str, str, str], Meaning] = {}


def meaning(source: str, action: str, client: str) -> Meaning:
    """What `action` of an audit source means when done with `client`; all three as Egnyte wrote them."""
    key = (source, action, client)
    found = cache.get(key)
    if found is None:
        found = _looked_up(source, action, client)
        if len(source) + len(action) + len(client) <= CACHED_CHARS:
            if len(cache) >= CACHED:
                cache.clear()
            cache[key] = found
    return found


def words(text: str) -> str:
    """`text` as the table writes it: lower case, one blank between words."""
    return " ".join(text.replace("_", " ").casefold().split())


def _looked_up(source: str, action: str, client: str) -> Meaning:
    origin, plain = source.strip().casefold(), words(action)
    parent = plain.endswith(_PARENT)
    if parent:
        plain = plain.removesuffix(_PARENT)
    row = _TABLE.get((origin, plain))
    if row is None:
        row = _TABLE.get((origin, ANY), _UNKNOWN)
        if row.type == "unspecified" and any(word in plain for word in FAILURE_WORDS):
            kind = "failed_login" if row.source == LOGIN else row.type
            row = row._replace(type=kind, outcome="failure")
    interactive = row.interactive and words(client) not in PROGRAMS
    return Meaning(row.type, row.outcome, row.administrative, interactive, parent)
