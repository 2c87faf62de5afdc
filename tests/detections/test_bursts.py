"""Bursts: different targets, windows, what is usual, and that nothing grows without end."""

import random
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections.bursts import MAX_BURSTS, MAX_PANES, MAX_RECENT, PANES, add, baseline, forget, in_window
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from detections.state import UserState, Volume, encode
from tests.detections.streams_of_activities import DENVER, LISBON, START, activity, only, run

GAP_MS = 30 * MINUTE_MS
PANE_MS = 10_000
MORNING = START + 2 * DAY_MS + 8 * HOUR_MS
"""A Monday."""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=200))
def test_a_window_holds_what_came_in_its_panes(pauses: list[int]) -> None:
    volume, now, numbers = Volume(), MORNING, []
    for number, pause in enumerate(pauses):
        now += pause
        numbers.append(now // PANE_MS)
        burst = add(volume, now, str(number), GAP_MS, PANE_MS)
        assert burst is not None
        assert burst.count == number + 1
        assert in_window(burst, now, PANE_MS) == sum(each > now // PANE_MS - PANES for each in numbers)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 60))
def test_disorder_hides_no_storm(seed: int, others: int) -> None:
    """A storm of a minute, mixed at random with single downloads of the hour after it."""
    dice = random.Random(seed)  # noqa: S311
    life = [activity(MORNING + n * 1_000, path=f"/storm/{n}") for n in range(60)]
    life += [activity(MORNING + n * 55 * MINUTE_MS // others, path=f"/other/{n}") for n in range(1, others)]
    dice.shuffle(life)
    found = run(only("mass_download"), life, UserState())
    assert [each.step for each in found] == ["create"]


def test_the_same_few_targets_count_once_each() -> None:
    volume = Volume()
    for number in range(1_000):
        add(volume, MORNING + number * 1_000, f"/{number % MAX_RECENT}", GAP_MS, PANE_MS)
    assert volume.bursts[0].count == MAX_RECENT


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 30)), min_size=1, max_size=12))
def test_the_baseline_is_of_the_days_before_without_the_largest(runs: list[tuple[int, int]]) -> None:
    volume, now, known = Volume(), MORNING, []
    for days, size in runs:
        now += days * DAY_MS
        known.append((now // DAY_MS, size))
        for number in range(size):
            add(volume, now + number * 1_000, f"{now}/{number}", GAP_MS, PANE_MS)
    now += DAY_MS
    burst = add(volume, now, "x", GAP_MS, PANE_MS)
    assert burst is not None
    recent = sorted(size for day, size in known if day >= now // DAY_MS - 30)[:-1]
    found = baseline(volume, burst, 30)
    assert found.days == len(recent)
    assert found.mean == pytest.approx(fmean(recent) if recent else 0)
    assert found.sigma == pytest.approx(pstdev(recent) if recent else 0, abs=1e-6)


def test_nothing_grows_without_end() -> None:
    dice, volume = random.Random(3), Volume()  # noqa: S311
    for number in range(5_000):
        add(volume, MORNING + number * 60_000 - dice.randrange(HOUR_MS), str(number), 10 * MINUTE_MS, PANE_MS)
        assert len(volume.bursts) <= MAX_BURSTS
        assert all(len(each.panes) <= MAX_PANES for each in volume.bursts)
        assert len(volume.recent) <= MAX_RECENT
        assert len(volume.days) <= 64


def test_a_new_burst_counts_its_targets_anew() -> None:
    volume = Volume()
    for start_ms in (MORNING, MORNING + 2 * HOUR_MS, MORNING + 7 * DAY_MS):
        for number in range(9):
            add(volume, start_ms + number * 1_000, str(number), GAP_MS, PANE_MS)
        assert volume.bursts[-1].count == 9


def test_a_month_later_all_is_forgotten() -> None:
    volume = Volume()
    for number in range(50):
        add(volume, MORNING + number, str(number), GAP_MS, PANE_MS)
    forget(volume, MORNING + 40 * DAY_MS)
    assert volume == Volume()


def test_a_day_and_a_week_end_a_burst() -> None:
    volume = Volume()
    for number in range(10 * 24 * 4):
        add(volume, MORNING + number * 15 * MINUTE_MS, str(number), GAP_MS, PANE_MS)
    assert volume.bursts[-1].count <= 24 * 4
    assert volume.bursts[-1].first_ms >= START + 9 * DAY_MS


@pytest.mark.parametrize("policy", ["mass_download", "infrequent_country", "dormant_account", "new_client"])
def test_strangers_who_share_a_state_are_nobody(policy: str) -> None:
    user = UserState()
    run(only(policy), [activity(START - day * DAY_MS, kind="login") for day in range(70, 61, -1)], user)
    before = encode(user)
    life = [activity(START + n, DENVER, path=f"/{n}", client="FTP", flags=("dated_past",)) for n in range(100)]
    assert run(only(policy), life, user) == []
    assert encode(user) == before
    again = [activity(START + n, LISBON, path=f"/{n}", client="FTP") for n in range(100)]
    if policy in ("mass_download", "dormant_account"):
        assert run(only(policy), again, user)
