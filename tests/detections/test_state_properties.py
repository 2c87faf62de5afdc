"""What must hold of the state for all histories: it can be lost and learned again, cut anywhere, and stays small."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from detections.history import forget
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from detections.state import KEPT_DAYS, UserState, decode, encode
from schemas.activity import FLAGS, TYPES, Activity, Knowledge, Network, Person, Place
from schemas.lookback import LOOKBACK_DAYS
from tests.detections.streams_of_activities import (
    BOTNET,
    DENVER,
    LISBON,
    SINGAPORE,
    SOURCES,
    START,
    TOR,
    WORK,
    activity,
    delayed,
    known_user,
    policies_of,
    random_life,
    run,
    source,
    work,
)

LOOKBACK_MS = LOOKBACK_DAYS * DAY_MS
ALL = policies_of()
STRICT = policies_of(
    impossible_travel={"sensitivity": "high"},
    failed_logins={"min_failures": 3},
    anonymous_ip={"common_users": 100, "usual_days": 30},
    dormant_account={"silent_days": 14},
    mass_download={"max_in_window": 5, "window_seconds": 600, "min_in_run": 8, "sigmas": 1},
    mass_delete={"max_in_window": 5, "window_seconds": 600, "min_in_run": 8, "sigmas": 1},
    mass_share={"max_in_window": 5, "window_seconds": 600, "min_in_run": 8, "sigmas": 1},
    ransomware={"min_files": 3, "window_seconds": 600},
    admin_activity={"min_in_run": 3, "sigmas": 1},
)

seeds = st.integers(0, 2**32)
lives = st.builds(
    random_life,
    seed=seeds,
    days=st.integers(1, 200),
    gap_minutes=st.sampled_from((45.0, 200.0, 2_000.0, 20_000.0)),
    places=st.integers(1, 8),
    failing=st.sampled_from((0.0, 0.1, 0.6)),
)


def assert_warming_up_is_exact(life: list[Activity], at_ms: int, policies: Any) -> None:
    """From the lookback before `at_ms` on, the very state and the very candidates of a run that never stopped."""
    before = [each for each in life if each.received_ms < at_ms]
    after = [each for each in life if each.received_ms >= at_ms]
    start = next((n for n, each in enumerate(before) if each.time_ms >= at_ms - LOOKBACK_MS), len(before))
    stayed, warmed = UserState(), UserState()
    run(policies, before, stayed)
    run(policies, before[start:], warmed)
    for each in after:
        assert run(policies, [each], warmed) == run(policies, [each], stayed)
        assert encode(warmed) == encode(stayed)
    if life:
        end_ms = max(at_ms, *(each.time_ms for each in life))
        forget(stayed, end_ms)
        forget(warmed, end_ms)
        assert encode(warmed) == encode(stayed)


@settings(max_examples=20, deadline=None)
@given(lives, seeds, st.floats(0.3, 1), st.sampled_from((ALL, STRICT)))
def test_warming_up_gives_the_state_of_a_run_that_never_stopped(
    life: list[Activity], seed: int, share: float, policies: Any
) -> None:
    whole = delayed(life, seed)
    at_ms = START + int(share * (whole[-1].received_ms - START)) if whole else START
    assert_warming_up_is_exact(whole, at_ms, policies)


@pytest.mark.parametrize("step_min", [30, 7 * 60 + 1, 25 * 60 + 1])
@pytest.mark.parametrize(
    "kinds",
    [("download",), ("failed_login",), ("download", "failed_login"), ("delete", "move", "share", "create_user")],
)
def test_what_never_pauses_does_not_keep_the_phase_of_its_beginning(step_min: int, kinds: tuple[str, ...]) -> None:
    places, dice = (LISBON, SINGAPORE), random.Random(7)  # noqa: S311
    life = [
        work(START + n * step_min * MINUTE_MS, places[n % 2], kinds[n // 2 % len(kinds)], dice)
        for n in range(190 * 24 * 60 // step_min)
    ]
    for at_day in (143, 187):
        assert_warming_up_is_exact(life, START + at_day * DAY_MS + 5 * HOUR_MS, STRICT)


@pytest.mark.parametrize("kind", ["download", "purge", "share", "create_user", "upload"])
def test_a_run_that_never_pauses_is_cut_at_the_turn_of_the_week(kind: str) -> None:
    life = [
        activity(START + n * 25 * MINUTE_MS, kind=kind, path=f"/{n}.locky", administrative=kind == "create_user")
        for n in range(105 * 24 * 60 // 25)
    ]
    assert_warming_up_is_exact(life, START + 103 * DAY_MS + 5 * HOUR_MS, ALL)


@pytest.mark.parametrize("phase_days", [9, 35, 47, 100])
def test_what_was_usual_long_ago_is_forgotten_in_the_same_way(phase_days: int) -> None:
    """Phases of one place each, every other one with failures only."""
    life = []
    for day in range(220):
        phase = day // phase_days
        kind = "failed_login" if phase % 2 else "login"
        life.append(activity(START + day * DAY_MS + 9 * HOUR_MS, SOURCES[phase // 2 % len(SOURCES)], kind))
    for at_day in range(95, 215, 6):
        assert_warming_up_is_exact(life, START + at_day * DAY_MS, ALL)


@settings(max_examples=15, deadline=None)
@given(lives, seeds, st.integers(1, 40))
def test_chunks_do_not_matter(life: list[Activity], seed: int, chunk: int) -> None:
    life = delayed(life, seed)[:600]
    whole, stored = UserState(), encode(UserState())
    expected, found = run(ALL, life, whole), []
    for start in range(0, len(life), chunk):
        user = decode(stored)
        found += run(ALL, life[start : start + chunk], user)
        stored = encode(user)
    assert found == expected
    assert stored == encode(whole)
    assert decode(stored) == whole


@settings(max_examples=8, deadline=None)
@given(lives, lives, seeds)
def test_the_order_of_different_users_does_not_matter(life: list[Activity], other: list[Activity], seed: int) -> None:
    life, other = life[:300], other[:300]
    alone, together, beside = UserState(), UserState(), UserState()
    expected = run(ALL, life, alone)
    found = []
    dice = random.Random(seed)  # noqa: S311
    others = iter(other)
    for each in life:
        for _ in range(dice.randrange(3)):
            run(ALL, [next_other] if (next_other := next(others, None)) else [], beside)
        found += run(ALL, [each], together)
    assert found == expected
    assert encode(together) == encode(alone)


@settings(max_examples=2, deadline=None)
@given(seeds, st.sampled_from((1, 40, 700)))
def test_no_stream_makes_the_state_large(seed: int, gap_s: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    user, now, largest = known_user(STRICT, START), START, 0
    for number in range(10_000):
        now += dice.randrange(2 * gap_s * 1000)
        where = source(
            f"{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}.7",
            "".join(dice.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=2)),
            "Å" * dice.randrange(60),
            dice.uniform(-90, 90),
            dice.uniform(-180, 180),
            dice.randrange(1 << 32),
            organisation="Ø" * 60,
        )
        if dice.random() < 0.5:
            where = dice.choice((LISBON, SINGAPORE, DENVER, TOR, BOTNET, where))
        late = dice.randrange(HOUR_MS) if dice.random() < 0.3 else 0
        kind = dice.choice(("failed_login", "lockout", *WORK))
        odd = {"event_id": f"{number:032x}", "path": f"{number}/x" * 300, "target_path": f"{number}.locky"}
        odd["client"] = f"{'Ø' * 40}{dice.randrange(20)}"[-40:]
        run(STRICT, [replace(work(now - late, where, kind, dice), **odd)], user)
        if number % 7 == 0:
            largest = max(largest, len(encode(user)))
    assert largest < 8_192


def test_a_usual_user_is_small() -> None:
    user = known_user(ALL, START)
    dice = random.Random(7)  # noqa: S311
    run(ALL, [work(START + 8 * HOUR_MS + n * MINUTE_MS, LISBON, "download", dice) for n in range(540)], user)
    assert len(encode(user)) < 1_536


def test_whoever_is_silent_for_long_is_forgotten_whole() -> None:
    user = known_user(ALL, START)
    run(ALL, [activity(START, SINGAPORE), *(activity(START + n, kind="failed_login") for n in range(12))], user)
    back = START + (KEPT_DAYS + 1) * DAY_MS + DAY_MS
    assert [each.suppressed for each in run(ALL, [activity(back), activity(back + HOUR_MS, SINGAPORE)], user)] == [
        "learning"
    ]
    fresh = UserState()
    run(ALL, [activity(back), activity(back + HOUR_MS, SINGAPORE)], fresh)
    assert encode(user) == encode(fresh)


@pytest.mark.parametrize("silence_days", [KEPT_DAYS + 1, 300])
def test_nothing_of_any_kind_of_work_outlives_a_long_silence(silence_days: int) -> None:
    dice, user, fresh = random.Random(5), known_user(STRICT, START), UserState()  # noqa: S311
    life = [
        work(START + n * MINUTE_MS, where, kind, dice)
        for n, (where, kind) in enumerate((where, kind) for where in SOURCES for kind in WORK for _ in range(9))
    ]
    assert {each.policy for each in run(STRICT, life, user)} >= {
        policy.metadata.id
        for policy in STRICT
        if policy.metadata.id not in ("dormant_account", "failed_logins", "terminated_user")
    }
    assert user.encounters.anonymous
    assert user.encounters.suspicious
    assert user.history.clients
    assert user.history.admin_day
    back = activity(life[-1].time_ms + silence_days * DAY_MS, client="Web UI")
    assert run(STRICT, [back], user) == run(STRICT, [back], fresh)
    assert encode(user) == encode(fresh)


texts = st.text(max_size=60)
numbers = st.integers() | st.integers(-2, 2**33) | st.just(2**64)
floats = st.floats() | st.floats(-200, 200)
any_activity = st.builds(
    Activity,
    connector=texts,
    event_id=texts,
    time_ms=st.integers() | st.integers(START, START + 3 * DAY_MS),
    received_ms=st.integers(),
    type=st.sampled_from(TYPES) | st.sampled_from(("login", "failed_login", "download")) | texts,
    outcome=st.sampled_from(("success", "failure", "unknown")),
    interactive=st.booleans(),
    actor=st.builds(Person, kind=st.sampled_from(("person", "person", "anonymous", "system", "unknown")), name=texts),
    ip=st.sampled_from(("", "198.51.100.7", "2001:db8::7")) | texts,
    path=texts | st.sampled_from(("a.docx.locky", "a.docx.qzjx", ".x", "/.")),
    target_path=texts | st.sampled_from(("a.docx.locky", "b.qzjx")),
    client=texts,
    administrative=st.booleans(),
    place=st.builds(
        Place,
        country=st.sampled_from(("", "PT", "ES", "SG")) | texts,
        city=texts,
        latitude=floats,
        longitude=floats,
        radius_km=floats,
        precision=st.sampled_from(("city", "city", "country", "none")),
    ),
    network=st.builds(
        Network,
        prefix=texts,
        asn=numbers,
        organisation=texts,
        category=st.sampled_from(("", "corporate", "vpn", "risky")),
        tags=st.lists(st.sampled_from(("tor", "botnet")) | texts, max_size=2).map(tuple),
    ),
    knowledge=st.builds(Knowledge, country_users=numbers, asn_users=numbers, client_users=numbers),
    flags=st.lists(st.sampled_from(FLAGS), max_size=1).map(tuple),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(any_activity, max_size=30))
def test_no_activity_is_too_odd(life: list[Activity]) -> None:
    user = UserState()
    for each in life:
        run(STRICT, [each], user)
        assert decode(encode(user)) == user
