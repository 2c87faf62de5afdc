"""The audit stream v2: what a request asks for, and the page it gets."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from simulators.clock import from_iso, iso
from simulators.egnyte import cursors
from simulators.egnyte.cursors import Cursor
from simulators.egnyte.eventlog import Entry, EventLog, Position
from simulators.egnyte.refusals import RefusedError
from simulators.egnyte.switches import Switches

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
NO_END: Final = -1

AUDIT_TYPES: Final = frozenset({
    "ANY", "FILE_AUDIT", "LOGIN_AUDIT", "PERMISSION_AUDIT", "USER_AUDIT", "GROUP_AUDIT", "WG_SETTINGS_AUDIT",
    "WORKFLOW_AUDIT", "WORKFLOW_TEMPLATES_AUDIT", "QUALITY_DOCS_AUDIT", "QUALITY_DOCS_CATEGORIES_AUDIT",
    "QUALITY_DOCS_COURSES_AUDIT", "ETMF_AUDIT", "SNAPSHOT_RESTORE_AUDIT", "UPLOAD_REQUESTS_AUDIT",
})  # fmt: skip
"""Those seen in code, and those that the reports of API v1 suggest."""


class Query(msgspec.Struct, frozen=True):
    """What one request asks for, as it was written; empty for what it left out."""

    start_date: str = ""
    end_date: str = ""
    audit_types: tuple[str, ...] = ()
    cursor: str = ""

    @classmethod
    def from_get(cls, names: Mapping[str, str], audit_types: Sequence[str]) -> "Query":
        """A query string: `auditType` once, or repeated."""
        return cls(
            names.get("startDate", ""), names.get("endDate", ""), tuple(audit_types), names.get("nextCursor", "")
        )

    @classmethod
    def from_post(cls, body: bytes) -> "Query":
        """A JSON body: `auditType` is an array. Raises RefusedError (400)."""
        try:
            found = _body.decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise _bad(f"Request body is not valid: {problem}") from None
        given = found.auditType or ()
        types = (given,) if isinstance(given, str) else tuple(given)
        return cls(found.startDate or "", found.endDate or "", types, found.nextCursor or "")


class _Body(msgspec.Struct):
    startDate: str | None = None  # noqa: N815 - Egnyte's names
    endDate: str | None = None  # noqa: N815
    auditType: str | list[str] | None = None  # noqa: N815
    nextCursor: str | None = None  # noqa: N815


_body = msgspec.json.Decoder(_Body)


class Page(msgspec.Struct, frozen=True):
    """One answer."""

    entries: list[Entry]
    next_cursor: str
    more: bool

    def body(self) -> bytes:
        """The answer's JSON."""
        events = b",".join([entry.body for entry in self.entries])
        more = b"true" if self.more else b"false"
        return b'{"nextCursor":"%b","events":[%b],"moreEvents":%b}' % (self.next_cursor.encode(), events, more)


class AuditStream:
    """Serves `log` of `domain`."""

    def __init__(self, log: EventLog, domain: str) -> None:
        self._log = log
        self._domain = domain

    def answer(self, query: Query, switches: Switches, now_ms: int) -> Page:
        """The page for `query` at `now_ms`. Raises RefusedError (400) for parameters that Egnyte would not take."""
        now_ms = self._log.answered(now_ms)
        types = _types(query.audit_types)
        if not query.cursor:
            return self._page(_first(query, types, switches, (now_ms, self._log.last_number)), switches, now_ms)
        if (query.start_date or query.end_date) and not switches.cursor_beats_start:
            raise _bad("startDate or endDate cannot be combined with nextCursor")
        cursor = self._continued(query.cursor, types, switches, now_ms)
        return self._page(cursor, switches, now_ms, switches.repeat_events)

    def _continued(self, text: str, types: tuple[str, ...], switches: Switches, now_ms: int) -> Cursor:
        try:
            cursor = cursors.read(text, self._domain)
        except ValueError as problem:
            raise _bad(str(problem)) from None
        if switches.cursor_days and now_ms - cursor.issued_ms > switches.cursor_days * DAY_MS:
            raise _bad(f"Cursor has expired: it was issued more than {switches.cursor_days} days ago")
        if not switches.cursor_keeps_filter:
            return msgspec.structs.replace(cursor, types=types)
        if types and types != cursor.types:
            raise _bad("auditType differs from the one that nextCursor was issued for")
        return cursor

    def _page(self, cursor: Cursor, switches: Switches, now_ms: int, repeat: int = 0) -> Page:
        limit_ms = now_ms if cursor.end_ms == NO_END else min(now_ms, cursor.end_ms)
        slice_ms = switches.slice_minutes * MINUTE_MS
        until_ms = min(limit_ms, cursor.position[0] + slice_ms) if slice_ms else limit_ms
        repeated = (
            [entry for entry in self._log.before(cursor.position, repeat) if _wanted(entry, cursor)] if repeat else []
        )
        room = max(1, switches.page_cap - len(repeated)) if switches.page_cap else len(self._log) + 1
        fresh: list[Entry] = []
        position, more = (until_ms, self._log.last_number), until_ms < limit_ms
        for entry in self._log.between(cursor.position, until_ms):
            if not _wanted(entry, cursor):
                continue
            if len(fresh) == room:
                position, more = fresh[-1].position, True
                break
            fresh.append(entry)
        if not more and cursor.end_ms != NO_END and limit_ms == cursor.end_ms:
            cursor = msgspec.structs.replace(cursor, end_ms=NO_END)
        following = msgspec.structs.replace(cursor, position=max(position, cursor.position), issued_ms=now_ms)
        return Page(repeated + fresh, cursors.write(following, self._domain), more)


def _first(query: Query, types: tuple[str, ...], switches: Switches, until: Position) -> Cursor:
    now_ms = until[0]
    if not query.start_date:
        raise _bad("startDate is required when nextCursor is not given")
    start_ms = _date("startDate", query.start_date)
    oldest_ms = now_ms - switches.window_days * DAY_MS
    if switches.window_days and start_ms < oldest_ms:
        if switches.old_start == "refuse":
            raise _bad(
                f"startDate must be within the last {switches.window_days} days, that is not before {iso(oldest_ms)}"
            )
        start_ms = oldest_ms
    if start_ms > now_ms and not switches.start_in_future:
        raise _bad("startDate is in the future")
    end_ms = _date("endDate", query.end_date) if query.end_date else NO_END
    if end_ms != NO_END and end_ms < start_ms:
        raise _bad("endDate is before startDate")
    return Cursor(now_ms, (start_ms, -1), start_ms, until, end_ms, types)


def _wanted(entry: Entry, cursor: Cursor) -> bool:
    if cursor.types and entry.source not in cursor.types:
        return False
    return entry.date_ms >= cursor.start_ms or entry.position > cursor.until


def _types(given: Sequence[str]) -> tuple[str, ...]:
    unknown = sorted(set(given) - AUDIT_TYPES)
    if unknown:
        raise _bad(f"auditType {', '.join(unknown)} is not supported")
    return () if "ANY" in given else tuple(sorted(set(given)))


def _date(name: str, text: str) -> int:
    try:
        return from_iso(text)
    except (ValueError, OverflowError):
        raise _bad(f"{name} is not a date: {text[:64]!r}") from None


def _bad(message: str) -> RefusedError:
    return RefusedError(400, message, "BAD_REQUEST")
