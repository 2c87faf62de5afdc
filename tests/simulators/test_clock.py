"""The clock of a stand-in."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.clock import RealClock, VirtualClock, from_iso, iso

START_MS = from_iso("2025-11-24T08:00:00Z")


def test_it_stands_until_it_is_moved():
    clock = VirtualClock(START_MS)
    assert clock.now_ms() == START_MS
    clock.advance(1.5)
    assert clock.now_ms() == START_MS + 1_500
    clock.set(START_MS + 60_000)
    assert clock.now_ms() == START_MS + 60_000


def test_it_never_goes_back():
    clock = VirtualClock(START_MS)
    with pytest.raises(ValueError, match=r"2025-11-24T08:00:00.000Z .* back to 2025-11-24T07:59:59.999Z"):
        clock.set(START_MS - 1)
    with pytest.raises(ValueError, match="back by 2 s"):
        clock.advance(-2)
    with pytest.raises(ValueError, match="not at -1"):
        clock.run(-1)
    assert clock.now_ms() == START_MS


def test_it_runs_at_a_factor_of_real_time(monkeypatch):
    real_s = 100.0
    monkeypatch.setattr("simulators.clock.time.monotonic", lambda: real_s)
    clock = VirtualClock(START_MS, factor=60)
    real_s += 2
    assert clock.now_ms() == START_MS + 120_000
    clock.run(0)
    real_s += 2
    assert clock.now_ms() == START_MS + 120_000
    clock.run(10)
    real_s += 1
    assert clock.now_ms() == START_MS + 130_000


async def test_a_sleeper_wakes_when_the_clock_is_moved_far_enough():
    clock = VirtualClock(START_MS)
    sleeper = asyncio.create_task(clock.sleep(60))
    await asyncio.sleep(0)
    clock.advance(59)
    assert not (await asyncio.wait({sleeper}, timeout=0.01))[0]
    clock.advance(1)
    await asyncio.wait_for(sleeper, 5)


async def test_a_sleeper_wakes_when_the_clock_runs():
    clock = VirtualClock(START_MS, factor=100_000)
    await asyncio.wait_for(clock.sleep(100), 5)
    assert clock.now_ms() >= START_MS + 100_000


async def test_the_real_clock_tells_the_time():
    clock = RealClock()
    before_ms = clock.now_ms()
    await clock.sleep(0)
    assert from_iso("2024-01-01") < before_ms <= clock.now_ms()


@given(st.integers(-(10**12), 10**13))
def test_times_can_be_written_and_read(time_ms):
    assert from_iso(iso(time_ms)) == time_ms


def test_times_without_a_zone_are_utc():
    assert from_iso("2025-11-24T08:00:00") == START_MS
    assert from_iso("2025-11-24") == START_MS - 8 * 3_600_000
    assert from_iso("2025-11-24T08:00:00.123456Z") == START_MS + 123
