"""All events of the domain, in the order in which the stream shows them.

An event dated D becomes visible at or after D. The order of visibility never changes behind a reader's back: nothing
can be added at or before a time up to which the stream has answered. So a reader that follows cursors gets each event
once, however late it came.
"""

import bisect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

Event = Mapping[str, Any]
Position = tuple[int, int]
"""Visible time (ms) and number of an event: everything up to and including it has been delivered."""

WINDOW_MS: Final = 7 * 86_400_000


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event: when it is visible (ms), its number in order of arrival, the date it is filed under (ms), its
    source, its JSON.
    """

    visible_ms: int
    number: int
    date_ms: int
    source: str
    body: bytes

    @property
    def position(self) -> Position:
        """Where it stands in the log."""
        return self.visible_ms, self.number


class _Head(msgspec.Struct):
    date: Any = None
    auditSource: Any = None  # noqa: N815 - Egnyte's name


_encoder = msgspec.json.Encoder()
_head = msgspec.json.Decoder(_Head)


class EventLog:
    """The events, each encoded once."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._numbered = 0
        self._answered_ms = -1

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last_number(self) -> int:
        """Number of the event that arrived last, -1 before the first."""
        return self._numbered - 1

    def load(self, events: Iterable[tuple[Event | bytes, int | None]], now_ms: int) -> None:
        """Adds many events, each with its visible time or None for "at its own date" (an undated one: now)."""
        self._entries.extend(self._entry(event, visible_ms, undated_ms=now_ms) for event, visible_ms in events)
        self._entries.sort(key=_position)

    def append(self, event: Event | bytes, visible_ms: int | None, now_ms: int) -> Entry:
        """Adds one event; without `visible_ms` it is visible at its date, at the earliest now. Bytes are served as
        they are, JSON or not.
        """
        entry = self._entry(event, visible_ms, undated_ms=now_ms, not_before_ms=now_ms)
        bisect.insort(self._entries, entry, key=_position)
        return entry

    def answered(self, now_ms: int) -> int:
        """Notes that the stream answers as of `now_ms`; returns the time that counts, which never runs backwards."""
        self._answered_ms = max(self._answered_ms, now_ms)
        return self._answered_ms

    def between(self, after: Position, until_ms: int) -> Iterator[Entry]:
        """Entries behind `after` that are visible at `until_ms`, in order."""
        first = bisect.bisect_right(self._entries, after, key=_position)
        last = bisect.bisect_right(self._entries, (until_ms, self._numbered), key=_position)
        return (self._entries[at] for at in range(first, last))

    def before(self, position: Position, count: int) -> list[Entry]:
        """The last `count` entries up to and including `position`, in order."""
        end = bisect.bisect_right(self._entries, position, key=_position)
        return self._entries[max(0, end - count) : end]

    def visible(self, now_ms: int) -> list[Entry]:
        """Everything ever visible at `now_ms`, in order."""
        return list(self.between((-1, -1), now_ms))

    def _entry(
        self, event: Event | bytes, visible_ms: int | None, *, undated_ms: int, not_before_ms: int = -1
    ) -> Entry:
        body = event if isinstance(event, bytes) else _encoder.encode(event)
        try:
            head = _head.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            head = _Head()
        date_ms = head.date if isinstance(head.date, int) and not isinstance(head.date, bool) else None
        wanted_ms = (
            visible_ms if visible_ms is not None else max(not_before_ms, undated_ms if date_ms is None else date_ms)
        )
        seen_ms = max(wanted_ms, self._answered_ms)
        # A date that is missing, ahead, or long gone says nothing; such an event is filed under the time it was seen.
        filed_ms = date_ms if date_ms is not None and seen_ms - WINDOW_MS <= date_ms <= seen_ms else seen_ms
        source = head.auditSource if isinstance(head.auditSource, str) else ""
        self._numbered += 1
        return Entry(seen_ms, self._numbered - 1, filed_ms, source, body)


def _position(entry: Entry) -> Position:
    return entry.visible_ms, entry.number
