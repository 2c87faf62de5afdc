"""The trial's own counting of requests: whoever judges others must be right."""

import pytest

from simulators.egnyte.journal import Record
from simulators.egnyte.pubapi import STREAM
from tests.connectors.faults.trial import over_limits

NOON_MS = 1_763_985_600_000
"""2025-11-24, 12:00 UTC."""
HOUR_MS = 3_600_000


def journal(*times: int, path: str = STREAM) -> list[Record]:
    return [Record(number=n, at_ms=at_ms, method="GET", path=path, status=200) for n, at_ms in enumerate(times)]


def every(ms: int, count: int, *, start: int = NOON_MS) -> list[int]:
    return [start + number * ms for number in range(count)]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (every(500, 2) + every(500, 1, start=NOON_MS + 999), "3 requests in 1 s, 2 are allowed"),
        (every(5_000, 11), "11 requests in 60 s, 10 are allowed"),
        (every(35_000, 101), "101 requests in 3600 s, 100 are allowed"),
        (every(42_000, 1_001, start=NOON_MS - HOUR_MS * 12), "1001 requests in 86400 s, 1000 are allowed"),
    ],
)
def test_one_request_too_many_is_seen(times: list[int], said: str) -> None:
    allowed = times[:-1]
    assert said not in over_limits(journal(*allowed))
    assert said in over_limits(journal(*times))


def test_requests_that_are_just_far_enough_apart_are_no_breach() -> None:
    assert over_limits(journal(*every(36_000, 900))) == []
    assert over_limits(journal(*every(500, 2), NOON_MS + 1_000, NOON_MS + 1_500)) == []


def test_the_day_begins_at_midnight() -> None:
    around = every(28_800, 1_500, start=NOON_MS - 18 * HOUR_MS)  # half of them before, half after
    assert over_limits(journal(*around, path="/pubapi/v1/links")) == []
    after = every(28_800, 1_500, start=NOON_MS - 12 * HOUR_MS)
    assert over_limits(journal(*after, path="/pubapi/v1/links")) == ["1500 requests in 86400 s, 1000 are allowed"]


def test_the_order_in_which_answers_ended_does_not_matter() -> None:
    """A slow answer whose asker was killed stands long after later requests."""
    times = every(36_000, 200)
    slow = [*times[:50], *times[51:], times[50]]
    assert over_limits(journal(*slow)) == []
    crowded = [NOON_MS, NOON_MS + 10 * HOUR_MS, NOON_MS + 100, NOON_MS + 200]
    assert over_limits(journal(*crowded)) == ["3 requests in 1 s, 2 are allowed"]


def test_the_streams_limits_are_for_the_stream_alone() -> None:
    others = every(5_000, 700)
    assert over_limits(journal(*others, path="/pubapi/v2/users")) == []
    assert over_limits(journal(*others)) != []
