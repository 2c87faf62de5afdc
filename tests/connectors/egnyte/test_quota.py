"""A day's requests are shared out, with whoever else uses the token."""

import asyncio
from datetime import date
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.quota import AFTER_MIDNIGHT_MS, SPACING_MS, Quota
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Switches
from streams.secret import Secret
from streams.sections import DAY_MS
from tests.connectors.egnyte.harness import NOW_MS, JumpingClock, Log, assert_exactly_once, follow, uploads

MIDNIGHT_MS = NOW_MS - NOW_MS % DAY_MS
NOON_MS = MIDNIGHT_MS + DAY_MS // 2


def told(allotted: int, current: int) -> dict[str, str]:
    return {"x-accesstoken-quota-allotted": str(allotted), "x-accesstoken-quota-current": str(current)}


def test_what_is_left_of_the_day_is_spread_over_it() -> None:
    quota = Quota(960, 8)
    assert quota.pace_ms(MIDNIGHT_MS) == 90_000
    assert quota.pace_ms(NOON_MS) == 45_000
    for _ in range(480):
        quota.spend(NOON_MS)
    assert quota.pace_ms(NOON_MS) == 90_000
    assert quota.stream_left(NOON_MS) == 480
    assert quota.stream_left(NOON_MS + DAY_MS) == 960


def test_the_greater_count_holds_and_leaves_room_for_others() -> None:
    quota = Quota(960, 8)
    quota.told(NOON_MS, NOON_MS, told(10_000, 4_600))
    assert quota.stream_left(NOON_MS) == 5_000
    quota.told(NOON_MS, NOON_MS, told(10_000, 100))  # an older answer that came late
    quota.told(NOON_MS, NOON_MS, {"x-accesstoken-quota-allotted": "many"})
    assert quota.stream_left(NOON_MS) == 5_000
    quota.told(NOON_MS, NOON_MS, told(10_000, 9_601))  # somebody else has used the rest
    assert quota.stream_left(NOON_MS) == 0
    assert quota.wait_ms(NOON_MS) == DAY_MS // 2 + AFTER_MIDNIGHT_MS
    assert quota.wait_ms(MIDNIGHT_MS + DAY_MS + AFTER_MIDNIGHT_MS) == 0


def test_what_may_be_any_number_leaves_the_stream_most_of_its_pace() -> None:
    quota = Quota(0, 100)
    assert quota.to_spare(MIDNIGHT_MS) is None
    quota.told(NOON_MS, NOON_MS, told(1_000, 0))
    assert quota.to_spare(NOON_MS) == 625
    quota.told(NOON_MS, NOON_MS, told(1_000, 500))  # the stream, at an even pace
    assert quota.to_spare(NOON_MS) == 125
    quota.told(NOON_MS, NOON_MS, told(1_000, 700))
    assert quota.to_spare(NOON_MS) == 0
    assert quota.to_spare(MIDNIGHT_MS + DAY_MS) == 250


@pytest.mark.parametrize(
    ("sent_ms", "came_ms", "left"),
    [
        (MIDNIGHT_MS - 400, MIDNIGHT_MS + 200, 9_599),
        (MIDNIGHT_MS - 60_000, MIDNIGHT_MS + AFTER_MIDNIGHT_MS + 1_000, 9_599),
        (MIDNIGHT_MS + AFTER_MIDNIGHT_MS - 1, MIDNIGHT_MS + AFTER_MIDNIGHT_MS, 9_599),
        (MIDNIGHT_MS + AFTER_MIDNIGHT_MS, MIDNIGHT_MS + AFTER_MIDNIGHT_MS + 1, 5),
    ],
    ids=["sent yesterday", "sent yesterday, and long on its way", "yesterday by a slower clock", "of today"],
)
def test_what_yesterday_used_is_not_booked_on_today(sent_ms: int, came_ms: int, left: int) -> None:
    quota = Quota(960, 8)
    quota.spend(MIDNIGHT_MS)
    quota.told(sent_ms, came_ms, told(10_000, 9_595))
    assert quota.stream_left(came_ms) == left


async def test_a_request_over_midnight_leaves_the_new_day_whole() -> None:
    clock, quota = VirtualClock(MIDNIGHT_MS + DAY_MS - 300), Quota(960, 8)

    def answer(_: httpx.Request) -> httpx.Response:
        clock.advance(0.5)
        return httpx.Response(200, headers=told(1_000, 950))

    time = JumpingClock(clock, MIDNIGHT_MS + 2 * DAY_MS, asyncio.Event())
    transport = httpx.MockTransport(answer)
    api = EgnyteApi("https://acme.egnyte.com", Secret("t"), clock=time, quota=quota, transport=transport)
    async with api:
        await api.send("GET", "/pubapi/v2/users")
    assert quota.stream_left(clock.now_ms()) == 960
    assert quota.pace_ms(clock.now_ms()) < 91_000


def test_no_limit_is_none() -> None:
    quota = Quota(0, 60_000)
    quota.spend(NOON_MS)
    assert (quota.stream_left(NOON_MS), quota.pace_ms(NOON_MS), quota.wait_ms(NOON_MS + 1)) == (None, 0, 0)


def test_a_count_is_taken_up_by_the_next_process() -> None:
    quota = Quota(960, 8)
    quota.spend(NOON_MS)
    after = Quota(960, 8)
    after.restore(quota.day, 700)
    after.restore(quota.day - 1, 900)
    assert after.stream_left(NOON_MS) == 260


@given(st.lists(st.integers(0, 2_000), min_size=3, max_size=60))
def test_never_two_requests_closer_than_allowed(pauses: list[int]) -> None:
    quota, now_ms, times = Quota(960, 8), NOON_MS, []
    for pause_ms in pauses:
        now_ms += pause_ms
        now_ms += quota.wait_ms(now_ms)
        quota.spend(now_ms)
        times.append(now_ms)
    assert min(later - earlier for earlier, later in pairwise(times)) >= SPACING_MS


def test_distance_is_kept_from_the_answer_too() -> None:
    quota = Quota(960, 8)
    quota.spend(NOON_MS)
    quota.ended(NOON_MS + 450)
    quota.ended(NOON_MS + 100)  # of another request
    assert quota.wait_ms(NOON_MS + SPACING_MS) == 450


async def test_a_default_token_lasts_all_day_and_is_shared_with_others() -> None:
    """Egnyte's own limits, the default settings, and somebody else who takes 300 of the day's 1,000 requests."""
    switches = Switches(quota_per_second=2, quota_per_day=1_000)
    events = uploads(200, start_ms=MIDNIGHT_MS - DAY_MS, every_ms=400_000)
    clock = VirtualClock(NOW_MS)
    egnyte, log = EgnyteSimulator(events, clock, switches), Log()
    settings: dict[str, Any] = {"start": date(2025, 11, 23)}
    await follow(egnyte, log, for_s=3_600, **settings)
    for _ in range(300):
        clock.advance(1)
        egnyte.limits.admit(egnyte.token, egnyte.name, False, egnyte.switches, clock.now_ms())
    clock.advance(1)
    await follow(egnyte, log, for_s=15 * 3_600, **settings)
    assert_exactly_once(log, egnyte)
    records = egnyte.journal.records()
    assert [record.error for record in records if record.error] == []
    today = [record for record in records if record.at_ms < MIDNIGHT_MS + DAY_MS]
    assert 500 < len(today) + 300 <= 960
    status = log.statuses()[-1]
    assert status.interval_ms >= 45_000
    assert 0 < status.day_left < 960
