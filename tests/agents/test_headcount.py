"""Counting distinct users by day: as a set would, in any order."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.headcount import KEPT_DAYS, Days, Headcount, first_seen
from schemas.profile import WINDOW_DAYS

Visit = tuple[int, int]
"""Who, and on which day."""


def counted(visits: list[Visit]) -> Headcount:
    users: dict[int, Days] = {}
    headcount = Headcount()
    for who, day in visits:
        if who in users:
            windows = users[who].mark(day)
        else:
            users[who], windows = first_seen(day)
        if windows is not None:
            headcount.add(day, windows)
    return headcount


def users_by_day(visits: list[Visit]) -> dict[int, set[int]]:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for who, day in visits:
        found[day].add(who)
    return found


@st.composite
def visits(draw: st.DrawFn) -> list[Visit]:
    """Visits in time's order, each up to 25 days late."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(1_000, 1_120), st.integers(0, 25)), min_size=1))
    return [(who, day) for who, day, late in sorted(pairs, key=lambda each: each[1] + each[2])]


@settings(max_examples=300, deadline=None)
@given(visits())
def test_windows_and_days_are_those_of_sets(life: list[Visit]) -> None:
    headcount, sets = counted(life), users_by_day(life)
    last = max(sets)
    assert headcount.last_day == last
    assert headcount.first_day >= last - WINDOW_DAYS
    assert len(headcount.users) <= 2 * WINDOW_DAYS
    for day in range(headcount.first_day, last + 1):
        assert headcount.days[day - headcount.first_day] == len(sets.get(day, ()))
    for end in range(headcount.first_day, last + 2 * WINDOW_DAYS):
        index = end - headcount.first_day
        told = headcount.users[index] if index < len(headcount.users) else 0
        window = set[int]().union(*(sets.get(day, ()) for day in range(end - WINDOW_DAYS + 1, end + 1)))
        assert told == len(window), end


def test_a_day_counts_once() -> None:
    days, _ = first_seen(1_000)
    assert days.mark(1_000) is None
    assert days.mark(1_001) == range(1_030, 1_031)
    assert days.mark(1_001) is None


def test_a_day_between_two_others_is_new_and_changes_no_window() -> None:
    days, _ = first_seen(1_000)
    days.mark(1_002)
    assert days.mark(1_001) == range(1_030, 1_002)
    headcount = counted([(1, 1_000), (1, 1_002), (1, 1_001)])
    assert headcount.days == [1, 1, 1]
    assert headcount.users == [1] * 32


def test_what_is_too_old_to_be_kept_is_forgotten() -> None:
    days, _ = first_seen(1_000)
    days.mark(1_000 + KEPT_DAYS)
    assert days.mark(1_000) is None
    assert days.mask == 1
    assert not days.forget(1_000 + 2 * KEPT_DAYS - 1)
    assert days.forget(1_000 + 2 * KEPT_DAYS)
