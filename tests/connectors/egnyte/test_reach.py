"""Where the stream is asked from when there is no cursor."""

from datetime import date

import pytest

from connectors.egnyte.reach import MARGIN_MS, REACH_MS, first_start_ms, oldest_start_ms, restart
from connectors.egnyte.resume import OVERLAP_MS
from schemas.connector import CursorRecord, Gap

NOW_MS = 1763971200000  # 2025-11-24 08:00 UTC
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.mark.parametrize(
    ("day", "start_ms"),
    [
        (None, NOW_MS - REACH_MS + MARGIN_MS),
        (date(2025, 11, 24), NOW_MS - 8 * HOUR_MS),
        (date(2025, 11, 20), NOW_MS - 8 * HOUR_MS - 4 * DAY_MS),
        (date(2025, 1, 1), NOW_MS - REACH_MS + MARGIN_MS),
        (date(2030, 1, 1), NOW_MS),
    ],
)
def test_the_first_start(day: date | None, start_ms: int) -> None:
    assert first_start_ms(day, NOW_MS) == start_ms


def cursor(newest_ms: int) -> CursorRecord:
    return CursorRecord(connector="acme", instance="i", cursor="AAQ", newest_ms=newest_ms)


def test_a_restart_overlaps_what_was_read() -> None:
    assert restart(cursor(NOW_MS - DAY_MS), NOW_MS) == (NOW_MS - DAY_MS - OVERLAP_MS, None)


def test_a_restart_at_the_edge_overlaps_as_far_as_it_can() -> None:
    oldest_ms = oldest_start_ms(NOW_MS)
    assert restart(cursor(oldest_ms + 1), NOW_MS) == (oldest_ms, None)


def test_a_restart_beyond_the_reach_says_what_is_lost() -> None:
    oldest_ms = oldest_start_ms(NOW_MS)
    assert restart(cursor(oldest_ms - HOUR_MS), NOW_MS) == (oldest_ms, Gap(oldest_ms - HOUR_MS, oldest_ms))


def test_who_has_seen_nothing_has_lost_nothing() -> None:
    assert restart(cursor(0), NOW_MS) == (oldest_start_ms(NOW_MS), None)
