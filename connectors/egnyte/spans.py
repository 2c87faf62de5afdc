"""Days of history: which are fetched at once, and in which pieces their rows are published. Pure; times are ms since
the epoch, UTC.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from connectors.egnyte.audit_event import parse
from connectors.egnyte.intake import Outgoing, unfit
from connectors.egnyte.reach import oldest_start_ms
from schemas.connector import CursorRecord, HistoryProgress
from streams.sections import DAY_MS, HOUR_MS

REACH_MS: Final = 92 * DAY_MS
"""Egnyte purges audit logs that are older than three months."""
STREAM_DAYS: Final = 6
"""So many days at most are left to the stream, which reaches back 7: by then late events have come, and there is a day
to fetch history in before the stream forgets where it ends.
"""
SPARE_MS: Final = 6 * HOUR_MS
"""Where history ends, the stream must reach back to for so long yet, or another day of history is fetched first."""
FIRST_DAYS: Final = 7
MAX_ROWS: Final = 200_000
"""Of one span, in memory: about 150 MB. With more, the span is halved, down to a day."""
PIECE_ROWS: Final = 2_000
"""Of one transaction, about."""


class Piece(msgspec.Struct, frozen=True):
    """Rows of one transaction. No two pieces have rows of the same second, so equal rows are always in one."""

    rows: list[bytes]
    newest_ms: int


def begun(request_from_ms: int, now_ms: int) -> HistoryProgress:
    """The progress of a history that begins: on a whole day, not before Egnyte's memory."""
    from_ms = max(request_from_ms, now_ms - REACH_MS)
    from_ms -= from_ms % DAY_MS
    return HistoryProgress(from_ms, from_ms, days=FIRST_DAYS)


def end_ms(now_ms: int) -> int:
    """Where history gives way to the stream, if it came so far now: a midnight, 5 to 6 days ago."""
    return -(-(now_ms - STREAM_DAYS * DAY_MS) // DAY_MS) * DAY_MS


def to_fetch(cursor: CursorRecord, now_ms: int) -> bool:
    """Whether history is asked for and not complete, so that the stream has to wait."""
    if cursor.history is None or cursor.received_ms:  # the stream has begun
        return False
    return cursor.history.done_ms < oldest_start_ms(now_ms) + SPARE_MS


def next_span(progress: HistoryProgress, now_ms: int) -> HistoryProgress:
    """`progress` with the next span in work, in which no job has been asked for yet."""
    to_ms = min(progress.done_ms + progress.days * DAY_MS, end_ms(now_ms))
    return msgspec.structs.replace(progress, to_ms=to_ms, jobs={}, window={})


def halved(progress: HistoryProgress) -> HistoryProgress | None:
    """`progress` with a shorter span; None where it is but a day, or some of it has been published."""
    if progress.window or progress.to_ms - progress.done_ms <= DAY_MS:
        return None
    days = (progress.to_ms - progress.done_ms) // DAY_MS // 2
    return msgspec.structs.replace(progress, days=days, to_ms=progress.done_ms + days * DAY_MS, jobs={})


def sorted_rows(
    connector: str, rows: Sequence[bytes], from_ms: int, to_ms: int
) -> tuple[list[tuple[int, bytes]], list[Outgoing]]:
    """The rows that are dated from `from_ms` to before `to_ms`, by time; and dead letters for those that can't be
    placed.

    Reports are asked for with a day more at both ends, for nobody says in which time zone a domain has its days.
    """
    dated: list[tuple[int, bytes]] = []
    dead: list[Outgoing] = []
    for raw in rows:
        letter = unfit(connector, raw)
        if letter is not None:
            dead.append(letter)
            continue
        time_ms = parse(raw).time_ms
        if time_ms is not None and from_ms <= time_ms < to_ms:
            dated.append((time_ms, raw))
    dated.sort(key=lambda row: row[0])
    return dated, dead


def pieces(dated: Sequence[tuple[int, bytes]]) -> Iterator[Piece]:
    """`dated`, in order, cut between seconds."""
    rows: list[bytes] = []
    newest_ms = 0
    for time_ms, raw in dated:
        if len(rows) >= PIECE_ROWS and time_ms // 1_000 != newest_ms // 1_000:
            yield Piece(rows, newest_ms)
            rows = []
        rows.append(raw)
        newest_ms = time_ms
    if rows:
        yield Piece(rows, newest_ms)
