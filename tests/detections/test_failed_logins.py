"""Failed logins beyond their cases: the baseline, bounds, and who is not judged."""

import random
from math import sqrt
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections.login_sessions import MAX_NETWORKS, MAX_SESSIONS, baseline, session_of
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from detections.state import FailedLogins, UserState, encode
from schemas.activity import Person
from tests.detections.streams_of_activities import LISBON, SINGAPORE, START, activity, only, run, source

FAILED = only("failed_logins")
MORNING = START + 8 * HOUR_MS


def failures(start_ms: int, count: int, where: dict[str, object] = SINGAPORE, every_ms: int = 1000) -> list:
    return [activity(start_ms + n * every_ms, where, "failed_login") for n in range(count)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 45), st.integers(1, 12)), min_size=1, max_size=12))
def test_the_baseline_is_of_the_other_sessions_of_thirty_days_without_the_largest(
    sessions: list[tuple[int, int]],
) -> None:
    user, now, known = UserState(), START, []
    for days, count in sessions:
        now += days * DAY_MS
        known.append((now // DAY_MS, count))
        run(FAILED, failures(now, count), user)
    now += DAY_MS
    current = session_of(user.failed_logins, activity(now, kind="failed_login"), 30 * MINUTE_MS)
    recent = sorted(count for day, count in known if day >= now // DAY_MS - 30)[:-1]
    found = baseline(user.failed_logins, current)
    assert found.sessions == len(recent)
    assert found.mean == pytest.approx(fmean(recent) if recent else 0)
    assert found.sigma == pytest.approx(pstdev(recent) if recent else 0, abs=1e-6)


def test_a_flood_does_not_hide_the_next() -> None:
    user = UserState()
    first = run(FAILED, failures(MORNING, 3_000), user)
    second = run(FAILED, failures(MORNING + 5 * HOUR_MS, 12), user)
    assert [each.step for each in first].count("create") == 1
    assert [each.step for each in second] == ["create"]


def test_who_always_fails_is_used_to_it() -> None:
    user = UserState()
    found = [len(run(FAILED, failures(MORNING + day * DAY_MS, 8 + day % 3, LISBON), user)) for day in range(10)]
    attack = run(FAILED, failures(MORNING + 10 * DAY_MS, 11, LISBON), user)
    assert sum(found) <= 2
    assert not attack
    mean, sigma = fmean([8, 9, 10] * 3), sqrt(2 / 3)
    assert mean + 3 * sigma > 11


def test_a_long_attack_is_told_rarely_and_ends_after_a_day() -> None:
    user = UserState()
    found = run(FAILED, failures(START + 2 * DAY_MS, 2 * 1440, every_ms=MINUTE_MS), user)
    created = [each for each in found if each.step == "create"]
    assert [(each.anchor, each.count) for each in created] == [
        (activity(START + (2 + day) * DAY_MS, SINGAPORE).event_id, 10) for day in range(2)
    ]
    assert len(found) <= 2 * 9


def test_many_networks_are_told_a_few_times() -> None:
    user, found = UserState(), []
    for number in range(500):
        where = source(f"10.{number // 256}.{number % 256}.1", "RO", "Cluj", 46.8, 23.6, 1)
        found += run(FAILED, [activity(MORNING + number * 1000, where, "failed_login")], user)
    assert f"at least {MAX_NETWORKS} networks" in found[-1].message
    assert len(found) <= 7


def test_the_anchor_stays_though_an_earlier_failure_comes_late() -> None:
    user = UserState()
    found = run(FAILED, failures(MORNING, 10), user)
    found += run(FAILED, failures(MORNING - 10 * MINUTE_MS, 10), user)
    assert [each.step for each in found] == ["create", "update"]
    assert found[0].anchor == found[1].anchor == activity(MORNING, SINGAPORE).event_id
    assert found[1].first_ms == MORNING - 10 * MINUTE_MS


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40))
def test_disorder_hides_no_attack(seed: int, spread_min: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    attack = failures(MORNING, 25, every_ms=spread_min * 1000)
    dice.shuffle(attack)
    found = run(FAILED, attack, UserState())
    assert [each.step for each in found].count("create") == 1


def test_sessions_are_bounded() -> None:
    user = UserState()
    for number in range(40):
        run(FAILED, failures(MORNING + number % 7 * 31 * MINUTE_MS, 1), user)
        assert len(user.failed_logins.sessions) <= MAX_SESSIONS


@pytest.mark.parametrize("kind", ["unknown", "anonymous", "system"])
def test_made_up_login_names_are_nobody(kind: str) -> None:
    user = UserState()
    guesses = [
        activity(MORNING + n, SINGAPORE, "failed_login", actor=Person(kind=kind, name=f"guess-{n}"))  # type: ignore[arg-type]
        for n in range(100)
    ]
    assert run(FAILED, guesses, user) == []
    assert encode(user) == encode(UserState())


def test_a_success_before_there_were_too_many_is_no_follower() -> None:
    life = [*failures(MORNING, 5), activity(MORNING + 6000, SINGAPORE, "login"), *failures(MORNING + 7000, 5)]
    (found,) = run(FAILED, life, UserState())
    assert found.severity == "medium"


def test_evidence_has_the_first_failure_and_the_present_activity() -> None:
    life = [*failures(MORNING, 10), activity(MORNING + MINUTE_MS, SINGAPORE, "login")]
    created, updated = run(FAILED, life, UserState())
    assert [each.type for each in created.evidence] == ["failed_login", "failed_login"]
    assert [each.type for each in updated.evidence] == ["failed_login", "login"]
    assert updated.evidence[0].event_id == created.anchor
    assert {each.name: each.observed for each in created.numbers} == {"failed logins": 10, "networks": 1}


def test_nothing_is_kept_of_an_empty_network() -> None:
    kept = FailedLogins()
    session = session_of(kept, activity(MORNING, {"ip": ""}, "failed_login"), 30 * MINUTE_MS)
    assert session.networks == []
