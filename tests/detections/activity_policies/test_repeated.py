"""Counting within a span, joining, and what is kept for it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from detections.activity_policies import watches
from detections.activity_policies.watches import EXACT, MAX_ALL_TIMES, MAX_TIMES, MAX_WATCHES
from detections.model import DAY_MS, HOUR_MS, LATENESS_MS, MINUTE_MS
from detections.state import ActivityPolicies, UserState, encode
from schemas.activity import Person
from tests.detections.activity_policies.policies_of import DAY, act, policy_of

START = DAY + 9 * HOUR_MS


def steps_of(body: str, times: list[int], **fields: object) -> list[str]:
    policy, user = policy_of(f"filters: {{type: download}}\n{body}"), UserState()
    return [
        each.step
        for number, time_ms in enumerate(times)
        for each in policy.judge(act(time_ms, event_id=f"e{number}", **fields), user)
    ]


@given(st.lists(st.integers(0, 300_000), max_size=60), st.integers(2, 6))
def test_it_fires_where_so_many_lie_within_the_span_its_ends_included(offsets: list[int], count: int) -> None:
    times = [START + each for each in sorted(offsets)]
    fired = "create" in steps_of(f"repeated: {{count: {count}, within: 10 s}}", times)
    assert fired is any(times[i + count - 1] - times[i] <= 10_000 for i in range(len(times) - count + 1))


@given(st.lists(st.integers(0, 300_000), max_size=40), st.randoms(use_true_random=False))
def test_it_fires_in_any_order_within_the_lateness(offsets: list[int], shuffled: random.Random) -> None:
    times = [START + each for each in sorted(offsets)]
    in_order = "create" in steps_of("repeated: {count: 5, within: 10 s}", times)
    shuffled.shuffle(times)
    assert ("create" in steps_of("repeated: {count: 5, within: 10 s}", times)) is in_order


@settings(max_examples=50)
@given(st.lists(st.integers(1, 3_000), min_size=150, max_size=400))
def test_many_are_counted_by_slots_and_never_too_many(gaps: list[int]) -> None:
    times = [START + sum(gaps[: number + 1]) for number in range(len(gaps))]
    fired = "create" in steps_of("repeated: {count: 100, within: 2 min}", times)
    if fired:
        assert any(times[i + 99] - times[i] <= 120_000 for i in range(len(times) - 99))
    elif len(times) > 100:
        assert not any(times[i + 99] - times[i] <= 114_000 for i in range(len(times) - 99))


@pytest.mark.parametrize("count", [EXACT, EXACT + 1, 7_000])
def test_the_line_is_at_the_count(count: int) -> None:
    times = [START + each * 10 for each in range(count)]
    body = f"repeated: {{count: {count}, within: 5 min}}"
    assert steps_of(body, times[:-1]) == []
    assert steps_of(body, times) == ["create"]


def test_one_incident_is_told_once_and_again_when_twice_as_many() -> None:
    times = [START + each * 1_000 for each in range(130)]
    assert steps_of("repeated: {count: 3, within: 10 s}", times) == ["create", *["update"] * 6]
    later = [each + HOUR_MS for each in times[:3]]
    assert steps_of("repeated: {count: 3, within: 10 s}", [*times[:3], *later]) == ["create", "create"]


def test_an_incident_ends_after_a_day_and_at_the_turn_of_the_week() -> None:
    def creates(first: int, hours: int) -> int:
        return steps_of("join: 1 h", [first + each * HOUR_MS for each in range(hours)]).count("create")

    assert creates(DAY, 24) == 1
    assert creates(DAY, 25) == 2
    sunday = DAY + 4 * DAY_MS
    assert creates(sunday + 20 * HOUR_MS, 4) == 1
    assert creates(sunday + 20 * HOUR_MS, 5) == 2


def test_unique_targets_count_once_and_different_ones_each() -> None:
    policy, user = policy_of("filters: {}\nrepeated: {count: 3, within: 1 min, unique_targets: true}"), UserState()
    paths = ["/a", "/A", "/a", "/b", "/b", "/c"]
    found = [policy.judge(act(START + n * 1_000, path=path), user) for n, path in enumerate(paths)]
    assert [len(each) for each in found] == [0, 0, 0, 0, 0, 1]


def test_a_target_counts_by_its_latest_time() -> None:
    policy, user = policy_of("filters: {}\nrepeated: {count: 2, within: 10 s, unique_targets: true}"), UserState()
    for seconds, path in ((0, "/a"), (9, "/a")):
        assert not policy.judge(act(START + seconds * 1_000, path=path), user)
    assert policy.judge(act(START + 18_000, path="/b"), user)


def test_clients_are_counted_by_themselves() -> None:
    for per_client, expected in (("true", 0), ("false", 1)):
        policy = policy_of(f"filters: {{}}\nrepeated: {{count: 4, within: 1 min, per_client: {per_client}}}")
        user = UserState()
        found = [policy.judge(act(START + n * 1_000, client="ab"[n % 2]), user) for n in range(5)]
        assert sum(map(len, found)) == expected


def test_strangers_are_not_counted_together_but_each_match_of_theirs_is_found() -> None:
    nobody = Person(kind="anonymous")
    assert steps_of("repeated: {count: 2, within: 1 min}", [START, START], actor=nobody) == []
    assert steps_of("join: 1 h", [START, START], actor=nobody) == ["create", "create"]
    assert steps_of("", [START, START]) == ["create", "create"]


def test_a_finding_names_its_numbers() -> None:
    policy, user = (
        policy_of("filters: {}\nseverity: high\nraise: behavior\nrepeated: {count: 2, within: 90 s}"),
        UserState(),
    )
    policy.judge(act(START), user)
    (found,) = policy.judge(act(START + 1_000, event_id="second"), user)
    assert (found.anchor, found.count, found.first_ms, found.last_ms) == ("second", 2, START, START + 1_000)
    assert (found.severity, found.raises) == ("high", "behavior")
    assert "Mara Lindqvist: 2 matching activities from 2025-11-26 09:00 UTC to 09:00 UTC" in found.message
    assert "2 within 90 s are too many" in found.message
    assert (
        "download of /Shared/Finance/2025/Q3 forecast_final.XLSX by Web UI from 198.51.100.7 (Lisbon (PT)"
        in found.message
    )


@pytest.mark.parametrize("stride", [1, 7, 11])
def test_what_is_kept_is_bounded(stride: int) -> None:
    user = UserState()
    policies = [
        policy_of(
            f"filters: {{}}\nrepeated: {{count: {n}, within: {n} min, unique_targets: {'true' if n < 60 else 'false'}}}"
        )
        for n in range(2, 90, 3)
    ]
    for number, policy in enumerate(policies):
        policy.metadata = replace(policy.metadata, id=f"p{number}")
    for number in range(400):
        for policy in (policies[(number * stride + each) % len(policies)] for each in range(6)):
            policy.judge(act(START + number * 500, path=f"/{number}", event_id="x" * 99), user)
    kept = user.activity_policies
    assert len(kept.watches) <= MAX_WATCHES
    assert sum(len(each.times) for each in kept.watches.values()) <= MAX_ALL_TIMES + MAX_WATCHES * 8
    assert all(len(each.times) <= MAX_TIMES for each in kept.watches.values())
    assert len(encode(user)) < 8_000


def test_all_is_forgotten_in_time() -> None:
    policy, user = policy_of("filters: {}\nrepeated: {count: 2, within: 1 d}"), UserState()
    for number in range(3):
        policy.judge(act(START + number), user)
    watches.forget(user.activity_policies, START + DAY_MS)
    assert user.activity_policies.watches
    watches.forget(user.activity_policies, START + DAY_MS + LATENESS_MS + MINUTE_MS)
    assert user.activity_policies == ActivityPolicies()
