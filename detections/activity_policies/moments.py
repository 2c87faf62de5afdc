"""Times of day and weekdays in a zone."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from detections.model import LATEST_MS

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d) ?- ?([01]\d|2[0-4]):([0-5]\d)")

MomentTest = Callable[[int], bool]


def zone_of(name: str) -> tzinfo | None:
    """The zone of that name in the IANA database, None where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zones() -> list[str]:
    """All names of zones."""
    return sorted(available_timezones())


def span_of(text: str) -> tuple[int, int] | None:
    """`22:00-06:00` as minutes of the day: from the first, up to but without the second, over midnight where that is
    not the later. None for anything else."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    return None if start == end or end > 24 * 60 else (start, end)


def within(spans: Iterable[tuple[int, int]], zone: tzinfo) -> MomentTest:
    """Whether a time (ms since the epoch, UTC) lies in one of `spans` on the clocks of `zone`."""
    minutes = frozenset(
        minute
        for start, end in spans
        for minute in (range(start, end) if start < end else (*range(start, 24 * 60), *range(end)))
    )

    def test(time_ms: int) -> bool:
        if not 0 <= time_ms < LATEST_MS:
            return False
        local = datetime.fromtimestamp(time_ms / 1000, zone)
        return local.hour * 60 + local.minute in minutes

    return test


def on_weekdays(names: Iterable[str], zone: tzinfo) -> MomentTest:
    """Whether a time (ms since the epoch, UTC) lies on one of the weekdays in `zone`."""
    days = frozenset(WEEKDAYS.index(name) for name in names)

    def test(time_ms: int) -> bool:
        return 0 <= time_ms < LATEST_MS and datetime.fromtimestamp(time_ms / 1000, zone).weekday() in days

    return test
