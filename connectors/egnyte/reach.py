"""How far back the stream goes, and from when to ask when there is no cursor. Pure; times are ms since the epoch,
UTC.
"""

from datetime import date
from typing import Final

from connectors.egnyte.resume import OVERLAP_MS
from schemas.connector import CursorRecord, Gap
from streams.sections import DAY_MS, MINUTE_MS

REACH_MS: Final = 7 * DAY_MS
"""How far back the stream goes; a cursor dies at the same age."""
MARGIN_MS: Final = 10 * MINUTE_MS
"""Kept away from the edge, for clocks that differ and requests that wait."""
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


def oldest_start_ms(now_ms: int) -> int:
    """The earliest time that can be asked for."""
    return now_ms - REACH_MS + MARGIN_MS


def first_start_ms(day: date | None, now_ms: int) -> int:
    """Where the very first run begins: at midnight of `day`, or where the stream begins."""
    oldest_ms = oldest_start_ms(now_ms)
    return oldest_ms if day is None else max(oldest_ms, min((day.toordinal() - _EPOCH_DAY) * DAY_MS, now_ms))


def restart(cursor: CursorRecord, now_ms: int) -> tuple[int, Gap | None]:
    """Where to begin after `cursor` was refused: an overlap before the newest event, or where the stream begins.

    With the span that is lost when the stream no longer reaches back to the newest event.
    """
    oldest_ms, newest_ms = oldest_start_ms(now_ms), cursor.newest_ms
    start_ms = max(oldest_ms, newest_ms - OVERLAP_MS) if newest_ms else oldest_ms
    return start_ms, Gap(newest_ms, start_ms) if newest_ms and start_ms > newest_ms else None
