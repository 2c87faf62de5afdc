"""No more requests than allowed in any window, whatever the clock or a restart does."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.egnyte.limits import EXHAUSTED_HOUR_MS, HOUR_MS, LONGEST_PAUSE_MS, MINUTE_MS, Limiter

NOW_MS = 1763971200000


def spend_when_allowed(limiter: Limiter, now_ms: int) -> int:
    now_ms += limiter.wait_ms(now_ms)
    assert limiter.wait_ms(now_ms) == 0
    limiter.spend(now_ms)
    return now_ms


@given(
    st.integers(1, 8),
    st.integers(1, 30),
    st.lists(st.integers(0, 5 * MINUTE_MS), min_size=1, max_size=60),
    st.integers(1, 5),
)
def test_no_window_holds_more_than_its_limit(minute: int, hour: int, pauses: list[int], every: int) -> None:
    limiter, now_ms, times = Limiter(minute, hour), NOW_MS, []
    for number, pause_ms in enumerate(pauses):
        now_ms = spend_when_allowed(limiter, now_ms + pause_ms)
        times.append(now_ms)
        if number % every == 0:  # killed and started again
            limiter = Limiter(minute, hour, requests_ms=limiter.requests_ms, not_before_ms=limiter.not_before_ms)
    for start in times:
        assert sum(start <= time < start + MINUTE_MS for time in times) <= minute
        assert sum(start <= time < start + HOUR_MS for time in times) <= hour
    assert len(limiter.requests_ms) <= hour


def test_egnytes_pause_is_kept_and_bounded() -> None:
    limiter = Limiter(8, 80)
    limiter.pause(NOW_MS, 20_000)
    limiter.pause(NOW_MS, 5_000)
    assert limiter.wait_ms(NOW_MS) == 20_000
    assert Limiter(8, 80, not_before_ms=limiter.not_before_ms).wait_ms(NOW_MS + 1) == 19_999
    limiter.pause(NOW_MS, 10**12)
    assert limiter.wait_ms(NOW_MS) == LONGEST_PAUSE_MS


def test_what_egnyte_says_is_left_is_heeded() -> None:
    limiter = Limiter(8, 80)
    limiter.told(NOW_MS, 3, 40)
    limiter.told(NOW_MS, None, None)
    assert limiter.wait_ms(NOW_MS) == 0
    limiter.told(NOW_MS, 0, 40)
    assert limiter.wait_ms(NOW_MS) == MINUTE_MS
    limiter.told(NOW_MS, 3, 0)
    assert limiter.wait_ms(NOW_MS) == EXHAUSTED_HOUR_MS


def test_a_clock_that_is_set_back_blocks_for_no_longer_than_the_windows() -> None:
    limiter = Limiter(2, 80)
    limiter.spend(NOW_MS)
    limiter.spend(NOW_MS)
    limiter.pause(NOW_MS, HOUR_MS)
    back_ms = NOW_MS - 1_000 * HOUR_MS
    assert limiter.wait_ms(back_ms) == LONGEST_PAUSE_MS
    assert limiter.wait_ms(back_ms + LONGEST_PAUSE_MS) == 0
    limiter = Limiter(2, 80, requests_ms=[NOW_MS, NOW_MS])
    assert limiter.wait_ms(NOW_MS - 1_000 * HOUR_MS) <= MINUTE_MS
