"""Reads Egnyte's people: everybody by pages now and then, and at once whoever the audit says was changed."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Protocol

import msgspec
import structlog
from msgspec.structs import replace

from connectors.directory.directory import Directory
from connectors.directory.publisher import Put
from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.audit_event import AuditEvent
from connectors.egnyte.refusals import Malformed, NotFound
from schemas.directory import DirectoryEntry, Source, alias_of, normalised
from streams.sections import DAY_MS, HOUR_MS

log = structlog.get_logger(__name__)

EGNYTE: Final[Source] = "egnyte"
PATH: Final = "/pubapi/v2/users"
PAGE_USERS: Final = 100
"""Egnyte's maximum."""
MOST_PAGES: Final = 5_000
"""Half a million users: Egnyte says after every page that there are more only by mistake."""
MOST_LOOKED_AT: Final = 25
"""Accounts that are looked at one by one in a round: those that the audit named, or that a listing lacks, for somebody
who is deleted while it is read makes a page skip another."""
LATE_MS: Final = 300_000
"""How much older than a listing a change may be that it does not show: clocks differ, and reading takes a while."""
MOST_NAMED_AN_HOUR: Final = 60
"""Accounts that are read because the audit named them; of more, the next listing tells."""
MOST_NOTES: Final = 1_000
USERS_SHARE: Final = 0.15
"""Of the requests that the stream may make in a day, for listings: 1,000 users every 100 min, 10,000 every 17 h."""
CHANGES: Final = frozenset({"create_user", "update_user", "delete_user", "suspend_user", "unsuspend_user"})
"""Types of audit events that are about an account."""
_ENDS: Final = frozenset({"delete_user", "suspend_user"})
_DATE_CHARS: Final = 10


class Publishes(Protocol):
    """What takes people: see `connectors.directory.DirectoryPublisher`."""

    @property
    def directory(self) -> Directory: ...
    async def put(self, source: Source, entries: Sequence[DirectoryEntry], *, complete: bool = False) -> Put: ...


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    display_name: str | None = None


class _Name(msgspec.Struct, frozen=True, rename="camel"):
    given_name: str | None = None
    family_name: str | None = None
    formatted: str | None = None


class _User(msgspec.Struct, frozen=True, rename="camel"):
    """One user, as far as it is of interest. Egnyte leaves out or nulls what does not apply."""

    id: int | Annotated[str, msgspec.Meta(pattern=r"\S")]
    user_name: str | None = None
    email: str | None = None
    name: _Name | None = None
    active: bool | None = None
    locked: bool | None = None
    auth_type: str | None = None
    user_type: str | None = None
    idp_user_id: str | None = None
    user_principal_name: str | None = None
    last_active_date: str | None = None
    expiry_date: str | None = None
    groups: tuple[_Group, ...] | None = None


class _Page(msgspec.Struct, frozen=True):
    """One answer: what the list is called differs."""

    total: int = msgspec.field(name="totalResults")
    lower: list[msgspec.Raw] | None = msgspec.field(default=None, name="resources")
    upper: list[msgspec.Raw] | None = msgspec.field(default=None, name="Resources")


class EgnyteUsers:
    """The users of one domain, told to one publisher, round by round."""

    def __init__(
        self, api: EgnyteApi, publisher: Publishes, now_ms: Callable[[], int], *, interval_ms: int, per_day: int
    ) -> None:
        """`interval_ms`: between two listings, longer where they would take more than `USERS_SHARE` of the requests
        `per_day` (0: no limit)."""
        self._api = api
        self._publisher = publisher
        self._now_ms = now_ms
        self._interval_ms = interval_ms
        self._per_day = per_day
        self._named: dict[str, AuditEvent] = {}
        self._ended_ms: dict[str, int] = {}
        self._hour = 0
        self._named_in_hour = 0

    def due_ms(self) -> int:
        """When the next round is due: at once where the audit has named somebody."""
        if self._named:
            return 0
        read = self._publisher.directory.sources.get(EGNYTE)
        if read is None or not read.complete_ms:
            return 0
        pages = max(1, -(-read.people // PAGE_USERS))
        affordable = self._per_day * USERS_SHARE
        spread_ms = round(pages * DAY_MS / affordable) if affordable else 0
        return read.complete_ms + max(self._interval_ms, spread_ms)

    def heard(self, event: AuditEvent) -> None:
        """Takes notice of an audit event: whoever's account it changes is read in the next round, unless what it tells
        is known already."""
        if event.type not in CHANGES or event.subject is None or not event.subject.email:
            return
        email, now_ms = normalised(event.subject.email), self._now_ms()
        if event.type in _ENDS and event.time_ms is not None:
            self._ended_ms[email] = min(event.time_ms, now_ms)
            if len(self._ended_ms) > MOST_NOTES:
                del self._ended_ms[next(iter(self._ended_ms))]
        else:
            self._ended_ms.pop(email, None)
        if self._is_known(event, email):
            return
        if now_ms // HOUR_MS != self._hour:
            self._hour, self._named_in_hour = now_ms // HOUR_MS, 0
        if email in self._named or (len(self._named) < MOST_LOOKED_AT and self._named_in_hour < MOST_NAMED_AN_HOUR):
            self._named_in_hour += email not in self._named
            self._named[email] = event

    def _is_known(self, event: AuditEvent, email: str) -> bool:
        known = self._publisher.directory
        read = known.sources.get(EGNYTE)
        if read is None:
            return True  # everybody is read next
        user = known.user_of(alias_of("email", email))
        entry = known.latest_of(user, EGNYTE) if user else None
        time_ms = self._now_ms() if event.time_ms is None else event.time_ms
        match event.type:
            case "delete_user":
                return entry is None or (entry.deleted and entry.deleted_ms <= time_ms)
            case "suspend_user":
                return entry is not None and not entry.enabled and entry.disabled_ms <= time_ms
            case "unsuspend_user":
                return entry is not None and entry.enabled
            case "create_user":
                return entry is not None and not entry.deleted
        return time_ms < read.complete_ms - LATE_MS

    async def round(self) -> Put:
        """Reads whoever the audit has named, or else everybody; publishes it.

        Raises a NoAnswer (Forbidden where the token lacks the scope Egnyte.user), or what the publisher raises.
        """
        if self._named and self._publisher.directory.sources.get(EGNYTE) is not None:
            named = list(self._named)
            entries = [entry for email in named if (entry := await self._by_email(email)) is not None]
            for email in named:
                self._named.pop(email, None)
            return await self._publisher.put(EGNYTE, entries)
        self._named.clear()
        entries, whole = await self._everybody()
        return await self._publisher.put(EGNYTE, entries, complete=whole)

    async def _everybody(self) -> tuple[list[DirectoryEntry], bool]:
        """All users, and whether these are really all."""
        found: dict[str, DirectoryEntry] = {}
        start, unread = 1, 0
        for _ in range(MOST_PAGES):
            page, users = await self._page({"startIndex": start, "count": PAGE_USERS})
            for raw in users:
                entry = self._read(raw)
                if entry is None:
                    unread += 1
                else:
                    found[entry.id] = entry
            start += len(users)
            if not users or start > page.total:
                break
        missing = self._publisher.directory.ids(EGNYTE) - found.keys()
        if 0 < len(missing) <= MOST_LOOKED_AT:
            for user_id in sorted(missing):
                looked_at = await self._by_id(user_id)
                if looked_at is not None:
                    found[user_id] = looked_at
        return list(found.values()), not unread and start > page.total

    async def _by_email(self, email: str) -> DirectoryEntry | None:
        """What became of the account with this e-mail: as it is, as deleted, or None where there never was one."""
        known = self._publisher.directory
        user = known.user_of(alias_of("email", email))
        was = known.latest_of(user, EGNYTE) if user else None
        if was is not None and not was.deleted:
            return await self._by_id(was.id)
        if was is not None and (ended_ms := self._ended_ms.get(email, 0)) and ended_ms < was.deleted_ms:
            return replace(was, deleted_ms=ended_ms)  # it was gone before that was seen
        quoted = email.replace("\\", "\\\\").replace('"', '\\"')
        _, users = await self._page({"startIndex": 1, "count": PAGE_USERS, "filter": f'email eq "{quoted}"'})
        return next((entry for raw in users if (entry := self._read(raw)) is not None), None)

    async def _by_id(self, user_id: str) -> DirectoryEntry | None:
        """The account as it is, or as deleted where Egnyte does not know it any more; None where nobody ever did."""
        if not re.fullmatch(r"[0-9]{1,20}", user_id):
            return None
        try:
            reply = await self._api.ask("GET", f"{PATH}/{user_id}")
        except NotFound:
            was = self._publisher.directory.entry(EGNYTE, user_id)
            if was is None:
                return None
            return was if was.deleted else replace(was, deleted=True, deleted_ms=self._ended_ms.get(was.email, 0))
        entry = self._read(msgspec.Raw(reply.body))
        if entry is None:
            raise Malformed(f"user {user_id} can't be read", reply.body[:65_536])
        return entry

    async def _page(self, params: dict[str, Any]) -> tuple[_Page, list[msgspec.Raw]]:
        reply = await self._api.ask("GET", PATH, params=params)
        try:
            page = msgspec.json.decode(reply.body, type=_Page)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"answer of {len(reply.body)} bytes is not a page of users: {error}", reply.body) from None
        return page, (page.lower if page.lower is not None else page.upper) or []

    def _read(self, raw: msgspec.Raw) -> DirectoryEntry | None:
        """One user; None, with a warning, where it can't be read."""
        try:
            user = msgspec.json.decode(raw, type=_User)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.warning("a user can't be read; nobody is taken for deleted by this listing", reason=str(error))
            return None
        email, active = normalised(user.email or ""), user.active is not False
        name = user.name or _Name()
        return DirectoryEntry(
            source=EGNYTE,
            id=str(user.id),
            email=email,
            upn=user.user_principal_name or "",
            user_name=user.user_name or "",
            idp_user_id=user.idp_user_id or "",
            name=name.formatted or f"{name.given_name or ''} {name.family_name or ''}".strip(),
            enabled=active,
            disabled_ms=0 if active else self._ended_ms.get(email, 0),
            leave_ms=time_ms(user.expiry_date, whole_day=True),
            user_type=user.user_type or "",
            auth_type=user.auth_type or "",
            groups=tuple(group.display_name for group in user.groups or () if group.display_name),
            locked=bool(user.locked),
            last_active_ms=time_ms(user.last_active_date),
        )


def time_ms(text: str | None, *, whole_day: bool = False) -> int:
    """Ms since the epoch of one of Egnyte's dates, UTC where it names no zone; 0 for none that can be read.

    `whole_day`: a date without a time means the end of that day.
    """
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        since_ms = round(aware.timestamp() * 1_000)
    except (ValueError, OverflowError):
        return 0
    return max(0, since_ms + (DAY_MS if whole_day and len(text) == _DATE_CHARS else 0))
