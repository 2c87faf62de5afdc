"""Searching the archive: pages of activities in an order that stays, and the way to the next page."""

import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from console.archive.database import Database
from console.archive.filters import Condition, conditions
from console.archive.tables import ACTIVITY_TYPES
from detections.settings import among
from streams.errors import Refused
from streams.sections import DAY_MS, HOUR_MS, MINUTE_MS

DEFAULT_COLUMNS: Final = (
    "time_ms", "type", "outcome", "actor_email", "path", "target_path", "ip", "country", "city", "organisation",
    "client", "ip_category", "ip_tags", "event_id",
)  # fmt: skip
COLUMNS: Final = tuple(name for name in ACTIVITY_TYPES if name != "ip_key")
MAX_PAGE: Final = 10_000
DEFAULT_SPAN_MS: Final = 7 * DAY_MS
_ORDER: Final = ("time_ms", "partition", "position")
_AGO: Final = {"min": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `filters`: see `console.archive.filters`. Times: ms since the epoch, UTC; `until_ms` is not
    part of it. `newest_first`: else oldest first. `after`: the cursor of the page before. `user_key`: only this user's,
    as the topic's key has it, where names are not unique; empty: all."""

    filters: tuple[tuple[str, str], ...] = ()
    from_ms: int
    until_ms: int
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    newest_first: bool = True
    after: str = ""
    zone: str = "UTC"
    user_key: str = ""

    def checked(self) -> "Search":
        """Itself. Raises Refused for a column that is none."""
        for name in self.columns:
            if name not in COLUMNS:
                raise Refused(f"there is no column {name!r}: {among(name, COLUMNS)}")
        return self


class Page(msgspec.Struct, frozen=True):
    """Rows, each a dictionary of the columns asked for; `after`: to ask for the next page with, empty at the end."""

    rows: list[dict[str, Any]]
    after: str = ""


def moment(text: str, now_ms: int | None = None) -> int:
    """A time as people write it: `2026-03-01`, `2026-03-01T08:30`, with a zone or in UTC, or `90min`, `36h`, `7d` ago.

    Raises Refused for anything else.
    """
    now = round(time.time() * 1000) if now_ms is None else now_ms
    for unit, length in _AGO.items():
        number = text.removesuffix(unit)
        if number != text and number.isdecimal() and len(number) < 7:
            return now - int(number) * length
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no time: give 2026-03-01, 2026-03-01T08:30+01:00, 36h or 7d") from None
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def page(database: Database, search: Search, limit: int, domains: Sequence[str] = ()) -> Page:
    """At most `limit` rows. Raises Refused for what can't be asked."""
    if not 1 <= limit <= MAX_PAGE:
        raise Refused(f"limit is {limit}: 1 to {MAX_PAGE:,}")
    names, query, parameters = _statement(search, limit + 1, domains)
    found = database.read(query, parameters)
    following = _cursor(found[limit - 1][-3:]) if len(found) > limit else ""
    return Page([dict(zip(names, row, strict=False)) for row in found[:limit]], following)


def pages(database: Database, search: Search, domains: Sequence[str] = (), size: int = MAX_PAGE) -> Iterator[Page]:
    """All pages. What is written meanwhile may appear where its time belongs; nothing appears twice."""
    while True:
        found = page(database, search, size, domains)
        yield found
        if not found.after:
            return
        search = msgspec.structs.replace(search, after=found.after)


def count(database: Database, search: Search, domains: Sequence[str] = ()) -> int:
    """How many activities match, pages aside."""
    condition = _where(search, domains)
    found = database.read(f"SELECT count(*) FROM activities WHERE {condition.sql}", condition.values)  # noqa: S608
    return int(found[0][0])


def where(search: Search, domains: Sequence[str] = ()) -> Condition:
    """The condition that `search` is, for whoever asks something else of the same rows."""
    return _where(search, domains)


def _where(search: Search, domains: Sequence[str]) -> Condition:
    if search.from_ms >= search.until_ms:
        raise Refused("the time range is empty: `from` must be before `until`")
    filtered = conditions(search.checked().filters, domains=domains, zone=search.zone)
    values: tuple[object, ...] = (search.from_ms, search.until_ms, *filtered.values)
    sql = f"time_ms >= ? AND time_ms < ? AND {filtered.sql}"
    return (
        Condition(f"{sql} AND user_key = ?", (*values, search.user_key)) if search.user_key else Condition(sql, values)
    )


def _statement(search: Search, limit: int, domains: Sequence[str]) -> tuple[tuple[str, ...], str, list[object]]:
    condition = _where(search, domains)
    parameters = list(condition.values)
    sql = condition.sql
    place = ", ".join(_ORDER)
    if search.after:
        sql += f" AND ({place}) {'<' if search.newest_first else '>'} (?, ?, ?)"
        parameters += _position(search.after)
    order = ", ".join(f"{name} {'DESC' if search.newest_first else 'ASC'}" for name in _ORDER)
    columns = ", ".join(f'"{name}"' for name in search.columns)
    # Names are of the table (checked), values are parameters.
    query = f"SELECT {columns}, {place} FROM activities WHERE {sql} ORDER BY {order} LIMIT {limit}"  # noqa: S608
    return search.columns, query, parameters


def _cursor(place: Sequence[int]) -> str:
    return base64.urlsafe_b64encode(".".join(map(str, place)).encode()).decode().rstrip("=")


def _position(cursor: str) -> list[int]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        place = [int(part) for part in text.split(".")]
    except (ValueError, binascii.Error):
        place = []
    if len(place) != len(_ORDER):
        raise Refused("`after` is no cursor of this archive: take it from the page before, as it is")
    return place
