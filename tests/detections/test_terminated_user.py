"""Terminated users: what is kept of them can be lost and learned again, and no order hides what they did."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from detections.history import forget
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from detections.standing import MOST_DAYS, MOST_HOURS, keep, recent
from detections.state import Standing, UserState, decode, encode
from schemas.activity import Account, Activity, Person
from tests.detections.streams_of_activities import (
    LISBON,
    MARA,
    START,
    activity,
    delayed,
    only,
    policies_of,
    random_life,
    run,
)
from tests.detections.test_state_properties import any_activity, assert_warming_up_is_exact

POLICY = only("terminated_user")
ALL = policies_of()
seeds = st.integers(0, 2**32)


def news(account: Account, received_ms: int, at_ms: int | None = None, **more: Any) -> Activity:
    """A change of the directory, learned at `received_ms`."""
    fields: dict[str, Any] = {"event_id": f"news-{received_ms:x}-{account.version}", "received_ms": received_ms}
    told = activity(received_ms if at_ms is None else at_ms, {}, "directory", source="directory", account=account)
    return replace(told, actor=Person(kind="system", name="entra"), subject=MARA, ip="", **(fields | more))


def employed(life: list[Activity], seed: int) -> list[Activity]:
    """`life` in the order in which it came, with comings and goings: some learned late, some stamped before told."""
    dice = random.Random(seed)  # noqa: S311
    found: list[Activity] = []
    account, behind = Account(version=1), Account(version=1)
    for each in life:
        if dice.random() < 0.02:
            at_ms = each.received_ms - dice.choice((0, 20 * MINUTE_MS, 5 * HOUR_MS, 4 * DAY_MS, 40 * DAY_MS))
            end = dice.choice(("", "", "deleted", "disabled", "leave"))
            behind, account = account, Account(
                version=account.version + 1, deleted=end == "deleted", deleted_ms=at_ms * (end == "deleted"),
                disabled=end == "disabled", disabled_ms=at_ms * (end == "disabled"), leave_ms=at_ms * (end == "leave"),
            )  # fmt: skip
            found.append(news(account, each.received_ms, at_ms))
        found.append(replace(each, account=dice.choice((account, account, behind, None))))
    return found


lives = st.builds(
    random_life,
    seed=seeds,
    days=st.integers(1, 200),
    gap_minutes=st.sampled_from((200.0, 2_000.0, 20_000.0)),
    places=st.integers(1, 3),
    failing=st.sampled_from((0.0, 0.3)),
)


@settings(max_examples=25, deadline=None)
@given(lives, seeds, st.floats(0.3, 1))
def test_warming_up_gives_the_state_of_a_run_that_never_stopped(life: list[Activity], seed: int, share: float) -> None:
    whole = employed(delayed(life, seed), seed)
    at_ms = START + int(share * (whole[-1].received_ms - START)) if whole else START
    assert_warming_up_is_exact(whole, at_ms, POLICY)


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_the_state_stays_small_whatever_the_directory_says(seed: int) -> None:
    user = UserState()
    for each in employed(delayed(random_life(seed, 60, 30.0, 3, 0.3), seed), seed):
        run(POLICY, [replace(each, event_id=(each.event_id * 9)[:200])], user)
        assert len(encode(user)) < 8_192
        assert len(user.standing.hours) <= MOST_HOURS
        assert len(user.standing.days) <= MOST_DAYS


@given(st.permutations([START + n * 25 * MINUTE_MS for n in range(12)]), st.integers(0, 12))
def test_the_order_in_which_activities_come_does_not_matter_to_what_is_kept(times: list[int], cut: int) -> None:
    ordered, mixed = Standing(), Standing()
    for time_ms in sorted(times):
        keep(ordered, activity(time_ms))
    for time_ms in times[:cut] + times[cut:]:
        keep(mixed, activity(time_ms))
    assert mixed == ordered
    slots = list(recent(mixed))
    assert [slot.last_ms for slot in slots] == sorted(slot.last_ms for slot in slots)
    assert slots[-1].event_id == activity(max(times)).event_id


@pytest.mark.parametrize("event_id", ["0f" * 16, "0F" * 16, "a" * 15, "a" * 16, "x", "", "é" * 8, "a" * 36])
def test_ids_come_back_as_they_were(event_id: str) -> None:
    standing = Standing()
    keep(standing, activity(START, event_id=event_id))
    assert [slot.event_id for slot in recent(standing)] == [event_id]


@pytest.mark.parametrize("late_ms", [20 * MINUTE_MS, 3 * HOUR_MS, 3 * DAY_MS, 13 * DAY_MS])
def test_a_removal_however_late_finds_the_last_activity(late_ms: int) -> None:
    user, at_ms = UserState(), START + 9 * HOUR_MS
    acted = activity(at_ms + 16 * MINUTE_MS)
    run(ALL, [activity(at_ms - HOUR_MS), acted], user)
    gone = news(Account(version=2, deleted=True, deleted_ms=at_ms), at_ms + late_ms, at_ms)
    (found,) = run(ALL, [gone], decode(encode(user)))
    assert (found.policy, found.step, found.anchor, found.raises) == (
        "terminated_user", "create", acted.event_id, "alert",
    )  # fmt: skip
    assert [(each.event_id, each.time_ms) for each in found.evidence] == [(acted.event_id, acted.time_ms)]


def test_a_crowded_day_hides_nothing() -> None:
    """Whatever else was done, the last activity before the news is found."""
    user, at_ms = UserState(), START + 9 * HOUR_MS
    run(POLICY, [activity(at_ms + n * MINUTE_MS) for n in range(-600, 600)], user)
    gone = Account(version=2, deleted=True, deleted_ms=at_ms)
    (found,) = run(POLICY, [news(gone, at_ms + 600 * MINUTE_MS, at_ms)], user)
    assert found.last_ms == at_ms + 599 * MINUTE_MS
    assert 3 * 60 < found.count < 600, "what is certain"


def test_a_change_that_does_not_date_from_this_world_is_kept_out() -> None:
    for odd in (-1, 2**63, 10**30):
        user = UserState()
        gone = Account(version=odd, deleted=True, deleted_ms=odd, leave_ms=-odd, disabled=True, disabled_ms=odd)
        run(ALL, [activity(START), replace(news(gone, START), received_ms=START), activity(START + DAY_MS)], user)
        run(ALL, [replace(news(gone, START), received_ms=odd), activity(START + DAY_MS, account=gone)], user)
        assert decode(encode(user)) == user


accounts = st.none() | st.builds(
    Account,
    version=st.integers(),
    deleted=st.booleans(),
    deleted_ms=st.integers() | st.integers(START - DAY_MS, START + DAY_MS),
    disabled=st.booleans(),
    disabled_ms=st.integers(),
    leave_ms=st.integers(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(any_activity, accounts, st.booleans()), max_size=20))
def test_no_account_is_too_odd(life: list[tuple[Activity, Account | None, bool]]) -> None:
    user = UserState()
    for each, account, directory in life:
        run(POLICY, [replace(each, account=account, type="directory" if directory else each.type)], user)
        assert decode(encode(user)) == user


def test_who_is_silent_for_long_is_forgotten_whole() -> None:
    user, fresh = UserState(), UserState()
    gone = Account(version=2, deleted=True, deleted_ms=START)
    run(POLICY, [activity(START + n * HOUR_MS, LISBON, account=gone) for n in range(1, 40)], user)
    run(POLICY, [news(gone, START + DAY_MS)], user)
    assert user.standing.incidents
    for each in (user, fresh):
        forget(each, START + 40 * DAY_MS)
    assert user.standing == fresh.standing
