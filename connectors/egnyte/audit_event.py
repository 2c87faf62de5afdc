"""What one audit event says, in the project's own words.

Egnyte writes the same thing under many names (two report versions, several sources). All known names are read; unknown
sources, actions and keys pass through. This runs for every event, so what repeats is cached.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from connectors.egnyte import vocabulary
from connectors.egnyte.people import NOBODY_WORDS, person
from connectors.egnyte.rows import NotAnEvent, Row, Text, decode
from schemas.activity import Outcome, Person

__all__ = ["AuditEvent", "NotAnEvent", "parse"]

MAX_TIME_MS: Final = 253_402_300_800_000
"""Year 10000. A date beyond it, or before 1970, is none."""
_SECONDS: Final = range(1_000_000_000, 10_000_000_000)
"""Ten digits are seconds since the epoch: as milliseconds they would lie in early 1970, before Egnyte."""


class AuditEvent(msgspec.Struct, frozen=True, gc=False):
    """One audit event. Texts are as Egnyte wrote them, empty for `N/A` or nothing, and of any length.

    `time_ms`: ms since the epoch, UTC, not clamped; None where there is no readable date. `audit_source`: for rows of
    the older reports, which have none, the one that their keys show. `action`: for permissions the change, such as
    `+Editor`. `ip_text`: unparsed, perhaps with a port. `info`: led by the name of the setting or workflow where there
    is one. `flags`: `no_date`, `no_user`, `parent` of `schemas.activity.FLAGS`; the others need the address and the
    time of reception.
    """

    time_ms: int | None
    audit_source: str
    action: str
    type: str
    outcome: Outcome
    administrative: bool
    interactive: bool
    actor: Person
    subject: Person | None
    group: str
    path: str
    target_path: str
    info: str
    client: str
    ip_text: str
    flags: tuple[str, ...]

    @property
    def link(self) -> str:
        """What an anonymous visitor came to: the link, or the path where the link is not told."""
        return self.target_path or self.path


_NO_FLAGS: Final[tuple[str, ...]] = ()

_GROUP_CHANGE: Final = re.compile(r'(?:added to|removed from) group "(.*)"', re.IGNORECASE | re.DOTALL)


def parse(raw: bytes) -> AuditEvent:
    """The event that `raw` holds. Raises NotAnEvent where it is not one JSON object in UTF-8.

    A known key with a value of the wrong kind counts as absent (a number in place of a text is read as that text).
    """
    return _normal(decode(raw))


def _normal(row: Row) -> AuditEvent:
    action = _text(row.action or row.event or row.transaction or row.change)
    client = _text(row.access or row.source or row.action_source)
    source = _text(row.audit_source) or _shown_by_keys(row)
    kind, outcome, administrative, interactive, parent = vocabulary.meaning(source, action, client)
    named = row.user or row.username or row.actor or row.assigner
    user_id = row.user_id or row.v1_user_id or row.actor_id or row.assigner_id or row.v1_assigner_id
    if named.__class__ is int:  # an id in place of a name
        named, user_id = None, user_id or named
    actor = person(cast("str", named) if named else "", _text(user_id) if user_id else "")
    info = _text(row.action_info or row.v1_action_info)
    group = _text(row.group) if row.group else ""
    subject: Person | None = None
    if actor.kind != "person":
        if kind == "link_access" and actor.kind == "unknown":
            actor = msgspec.structs.replace(actor, kind="anonymous")
        elif actor.kind == "system":
            interactive = False
    if row.subject or row.assignee:
        subject, group = _changed(row, group)
        if administrative:
            # What people change about their own account is not administration.
            administrative = not (subject and subject.email and subject.email == actor.email)
        if kind == "update_user" and info:
            kind, group = _told_by_info(info, group)
    if row.setting or row.workflow_name:
        info = ": ".join(filter(None, (_text(row.setting or row.workflow_name), info)))
    time_ms = row.date
    if time_ms.__class__ is not int or not 10_000_000_000 <= time_ms < MAX_TIME_MS:
        time_ms = _any_time(row)
    flags = _NO_FLAGS
    if parent or time_ms is None or (actor.kind == "unknown" and not actor.name):
        flags = _flags(time_ms, actor, parent)
    return AuditEvent(
        time_ms,
        source,
        action,
        kind,
        outcome,
        administrative,
        interactive,
        actor,
        subject,
        group,
        _text(row.source_path or row.file or row.file_or_folder or row.folder),
        _text(row.target_path or row.v1_target_path),
        info,
        client,
        _text(row.ip_address or row.v1_ip_address),
        flags,
    )


def _text(value: Text) -> str:
    """`value` as a text: empty for nothing and for `N/A`."""
    if value.__class__ is str:
        return "" if value == "N/A" else value
    return "" if value is None else str(value)


def _shown_by_keys(row: Row) -> str:
    """The audit source of a row that does not name it."""
    if row.transaction is not None:
        return vocabulary.FILE
    if row.change is not None or row.assigner is not None:
        return vocabulary.PERMISSION
    if row.event is not None or row.login_date is not None:
        return vocabulary.LOGIN
    if row.date_and_time is not None and row.subject is not None:
        return vocabulary.USER
    return ""


def _changed(row: Row, group: str) -> tuple[Person | None, str]:
    """The changed person and group. An assignee is a group unless its e-mail or id shows a person."""
    if row.subject:
        return person(_text(row.subject), _text(row.subject_id)), group
    assignee = _text(row.assignee)
    found = person(assignee, _text(row.assignee_id or row.v1_assignee_id))
    if found.email or found.user_id:
        return found, group
    return None, group or assignee


def _told_by_info(info: str, group: str) -> tuple[str, str]:
    """Type and group of a user's update, which only its text tells. Wordings seen in real logs."""
    lowered = info[:200].casefold()
    if lowered.startswith("upgraded to"):
        return "add_privilege", group
    if lowered.startswith("downgraded to"):
        return "remove_privilege", group
    membership = _GROUP_CHANGE.match(info)
    return "update_user", membership[1] if membership else group


def _flags(time_ms: Any, actor: Person, parent: bool) -> tuple[str, ...]:
    nobody = actor.kind == "unknown" and not actor.name
    told = (("no_date", time_ms is None), ("no_user", nobody), ("parent", parent))
    return tuple(flag for flag, is_so in told if is_so)


def _any_time(row: Row) -> int | None:
    """The first readable time; when somebody logged out is the time of the event where no other is given."""
    for value in (row.date, row.time, row.date_and_time, row.timestamp, row.login_date):
        if value is not None and (found := _time_ms(value)) is not None:
            return found
    for value in (row.logout_date, row.logout_time, row.v1_logout_time):
        if value is not None and (found := _time_ms(value)) is not None:
            return found
    return None


def _time_ms(value: int | float | str) -> int | None:
    """`value` (ms or s since the epoch, as number or digits, or ISO 8601; UTC where no zone is given) in ms."""
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() in NOBODY_WORDS:
            return None
        if not (text.isascii() and text.isdigit()):
            return _iso_ms(text)
        value = int(text[:20])
    try:
        number = int(value)
    except (OverflowError, ValueError):  # infinite, or not a number
        return None
    if number in _SECONDS:
        number *= 1_000
    return number if 0 <= number < MAX_TIME_MS else None


def _iso_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text[:64])
    except ValueError:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    found = (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000
    return found if 0 <= found < MAX_TIME_MS else None
