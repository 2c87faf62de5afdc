"""What must hold of policies on networks and links for all attempts: the order of arrival hardly matters, state can be
lost and learned again, cut anywhere, and stays small whatever an attacker does."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections.cases import load
from detections.logins import forget
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS, Candidate
from detections.source_cases import play
from detections.sources import MAX_ACCOUNTS, MAX_ENTERED, Logins, Source, Visits, decode, encode
from detections.steps import CasesError
from detections.visits import forget as forget_visits
from schemas.attempt import Attempt
from tests.detections.attempt_streams import (
    ATTACKER,
    START,
    delayed,
    key_of,
    login,
    policies_of,
    restored,
    run,
    stored,
    visit,
)

ALL = policies_of()
SPRAY = tuple(each for each in ALL if each.metadata.id == "password_spray")
OFFICE = "198.51.100.0/24"
STATE_BYTES = 32 * 1024
"""The largest value of one source: a network at which 1,024 users are known and 768 fail."""

seeds = st.integers(0, 2**32)


def steps(found: list[Candidate], policy: str) -> list[str]:
    return [each.step for each in found if each.policy == policy]


def spray(users: int, start: int = START, prefix: str = ATTACKER, every: int = 20_000) -> list[Attempt]:
    return [each for n in range(users) for each in login(start + n * every, f"user{n}@example.com", prefix)]


def at_work(users: int, days: int, prefix: str = OFFICE) -> list[Attempt]:
    """People who log in on every one of the days before, and twice as many mistakes on the day itself."""
    before = [
        each
        for day in range(1, days + 1)
        for n in range(users)
        for each in login(START - day * DAY_MS + n * 1_000, f"user{n}@example.com", prefix, failed=False)
    ]
    return sorted(before, key=lambda each: each.time_ms)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(15, 60))
def test_a_spray_is_one_incident_whatever_the_order(seed: int, users: int) -> None:
    attempts = spray(users)
    in_order: dict[bytes, Source] = {}
    shuffled: dict[bytes, Source] = {}
    expected = run(SPRAY, attempts, in_order)
    found = run(SPRAY, delayed(attempts, seed), shuffled)
    assert [each.step for each in found].count("create") == 1
    assert {each.severity for each in found} == {each.severity for each in expected} == {"medium"}
    for kept in (in_order, shuffled):
        for source in kept.values():
            if source.logins is not None:
                source.logins.assaults.clear()  # anchor, and what was told, do depend on the order
    assert stored(shuffled) == stored(in_order)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(0, 59))
def test_a_lucky_spray_ends_high_whatever_the_order(seed: int, lucky: int) -> None:
    attempts = spray(60)
    victim = f"user{lucky}@example.com"
    attempts += login(START + lucky * 20_000 + HOUR_MS // 2, victim, failed=False)
    for order in (attempts, delayed(attempts, seed)):
        found = [each for each in run(SPRAY, order) if each.policy == "password_spray"]
        assert steps(found, "password_spray").count("create") == 1
        assert found[-1].severity == "high"
        assert "got in from there" in found[-1].message
        assert {each.name: each.observed for each in found[-1].numbers}["users who got in"] == 1


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_people_who_are_known_there_are_no_spray_whatever_the_order(seed: int) -> None:
    monday = [
        each
        for n in range(80)
        for at, failed in ((0, True), (30_000, True), (60_000, False))
        for each in login(START + n * 5_000 + at, f"user{n}@example.com", OFFICE, failed=failed)
    ]
    assert run(ALL, [*at_work(80, 8), *delayed(monday, seed)]) == []


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(20, 80))
def test_a_link_that_spreads_is_one_incident_whatever_the_order(seed: int, networks: int) -> None:
    visits = [visit(START + n * MINUTE_MS, f"10.{n}.0.0/24", country="PT") for n in range(networks)]
    kept: dict[bytes, Source] = {}
    found = run(ALL, delayed(visits, seed), kept)
    assert steps(found, "link_spread").count("create") == 1
    (source,) = kept.values()
    assert source.visits is not None
    assert len(source.visits.networks) == networks
    assert sum(each.count for each in source.visits.marks) == networks


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 50))
def test_chunks_do_not_matter(seed: int, chunk: int) -> None:
    attempts = random_life(seed, days=3, count=400)
    whole: dict[bytes, Source] = {}
    expected, found = run(ALL, attempts, whole), []
    values: dict[bytes, bytes] = {}
    for start in range(0, len(attempts), chunk):
        kept = restored(values)
        found += run(ALL, attempts[start : start + chunk], kept)
        values = stored(kept)
    assert found == expected
    assert values == stored(whole)


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(18, 40))
def test_warming_up_from_three_weeks_before_gives_the_state_of_a_run_that_never_stopped(seed: int, day: int) -> None:
    """Two weeks are what is known, one more is the part of a week that a domain's networks are kept by."""
    attempts = random_life(seed, days=45, count=1_500)
    at_ms = START + day * DAY_MS
    before = [each for each in attempts if each.time_ms < at_ms]
    stayed: dict[bytes, Source] = {}
    warmed: dict[bytes, Source] = {}
    run(ALL, before, stayed)
    run(ALL, [each for each in before if each.time_ms >= at_ms - 22 * DAY_MS], warmed)
    after = [each for each in attempts if each.time_ms >= at_ms]
    assert run(ALL, after, warmed) == run(ALL, after, stayed)
    now_ms = at_ms + 46 * DAY_MS
    assert forgotten(warmed, now_ms) == forgotten(stayed, now_ms) == {}


def forgotten(kept: dict[bytes, Source], time_ms: int) -> dict[bytes, bytes]:
    """What is left of `kept` at `time_ms`, so much later that nothing should be but when the last attempt was."""
    for source in kept.values():
        if source.logins is not None:
            forget(source.logins, time_ms)
            source.logins.pane = 0
        if source.visits is not None:
            forget_visits(source.visits, time_ms)
            source.visits.newest_ms = 0
    nothing = (encode(Source(logins=Logins())), encode(Source(visits=Visits())))
    return {key: value for key, value in stored(kept).items() if value not in nothing and key != b"acme/logins"}


def random_life(seed: int, days: int, count: int) -> list[Attempt]:
    """Logins, mistakes, attacks and links, in the order in which they happen, some of them late."""
    dice = random.Random(seed)  # noqa: S311 - a test's disorder, not a secret
    networks = [f"10.0.{n}.0/24" for n in range(4)]
    made: list[Attempt] = []
    for _ in range(count):
        at = START + dice.randrange(days * DAY_MS)
        kind = dice.random()
        user = f"user{dice.randrange(40)}@example.com"
        if kind < 0.5:
            made += login(at, user, dice.choice(networks), failed=dice.random() < 0.5)
        elif kind < 0.9:
            made.append(visit(at, f"10.{dice.randrange(60)}.0.0/24", country=dice.choice(("PT", "ES", "US"))))
        elif kind < 0.92:
            made += [each for n in range(20) for each in login(at + n * 9_000, f"user{n}@example.com")]
        else:
            made += login(at, f"~unknown-{dice.randrange(1_024)}", dice.choice(networks))
    return delayed(made, seed)


def names(dice: random.Random, number: int) -> str:
    return dice.choice((f"user{number}@example.com", f"~unknown-{number % 1_024}", "å" * 300 + str(number)))


@pytest.mark.parametrize(("gap_ms", "share"), [(1, 0.0), (1, 0.3), (500, 0.3), (20_000, 0.3)])
def test_no_attack_makes_a_source_large(gap_ms: int, share: float) -> None:
    """Attempts of ever new users, and as many openings, from one network and from ever new ones. `share` of them get
    in."""
    dice, kept, largest = random.Random(7), dict[bytes, Source](), 0  # noqa: S311
    found: list[Candidate] = []
    for number in range(5_000):
        at = START + number * gap_ms
        prefix = ATTACKER if number % 2 else f"2001:db8:{number:x}::/48"
        more = {"ip": "2001:db8:1111:2222:3333:4444:5555:6666", "event_id": f"{number:036}"}
        attempts = login(at, names(dice, number), prefix, failed=dice.random() >= share, **more)
        attempts.append(visit(at, prefix, country=f"{number:02}"[-2:], path="Å" * 1_024, asn=number, **more))
        own = {key: kept[key] for key in map(key_of, attempts) if key in kept}
        found += run(ALL, attempts, own)
        kept |= own
        if number % 97 == 0:
            largest = max(largest, *(len(encode(each)) for each in own.values()))
    assert largest < STATE_BYTES
    assert max(len(each.concerned) for each in found) <= 64
    assert max(len(each.message) for each in found) < 1_000


def test_of_more_users_than_there_is_room_for_at_least_so_many_are_told_and_none_gets_in_unnoticed() -> None:
    attempts = spray(MAX_ACCOUNTS * 3, every=100)
    kept: dict[bytes, Source] = {}
    assert f"{ATTACKER}: 480 users" in run(SPRAY, attempts, kept)[-1].message
    at = attempts[-1].time_ms + MINUTE_MS
    told = run(SPRAY, login(at, "user0@example.com", failed=False), kept)
    assert [(each.step, each.severity) for each in told] == [("update", "high")]
    assert "at least" in told[0].message
    for n in range(200):
        told += run(SPRAY, login(at + n, f"user{n}@example.com", failed=False), kept)
    assert len(told) <= MAX_ENTERED


def test_who_was_known_before_an_attack_overflowed_is_not_among_its_victims() -> None:
    kept: dict[bytes, Source] = {}
    run(SPRAY, login(START - DAY_MS, "mara@example.com", failed=False), kept)
    attempts = spray(MAX_ACCOUNTS * 3, every=100)
    assert steps(run(SPRAY, attempts, kept), "password_spray")[0] == "create"
    at = attempts[-1].time_ms + MINUTE_MS
    assert run(SPRAY, login(at, "mara@example.com", failed=False), kept) == []


def test_names_that_nobody_has_do_not_push_accounts_out() -> None:
    kept: dict[bytes, Source] = {}
    run(ALL, [each for n in range(10) for each in login(START + n, f"user{n}@example.com")], kept)
    run(ALL, [each for n in range(1_024) for each in login(START + MINUTE_MS + n, f"~unknown-{n}")], kept)
    for source in kept.values():
        assert source.logins is not None
        assert len(source.logins.accounts) == 10


def test_an_attacker_who_gets_in_does_not_make_his_network_known() -> None:
    start = at_work(5, 8)
    attack = [login(START + n * 1_000, f"user{n}@example.com", f"203.0.{n % 2}.0/24") for n in range(40)]
    inside = login(START + 10_500, "user3@example.com", "203.0.1.0/24", failed=False)
    found = run(ALL, [*start, *(each for pair in attack[:10] for each in pair), *inside])
    assert found == []
    kept: dict[bytes, Source] = {}
    run(ALL, [*start, *(each for pair in attack[:10] for each in pair), *inside], kept)
    found = run(ALL, [each for pair in attack[10:] for each in pair], kept)
    assert "credential_stuffing" in {each.policy for each in found}


ODD = st.integers(-(2**63), 2**63 - 1) | st.integers(START - DAY_MS, START + DAY_MS)
texts = st.text(max_size=60)
any_attempt = st.builds(
    Attempt,
    connector=texts,
    event_id=texts,
    time_ms=st.integers(START - 20 * DAY_MS, START + 20 * DAY_MS) | st.integers(0, 4_102_444_799_999),
    received_ms=ODD,
    by=st.sampled_from(("network", "connector", "link")),
    type=st.sampled_from(("login", "failed_login", "link_access")),
    user=texts | st.sampled_from(("acme/a", "acme/b", "acme/~unknown-1")),
    kind=st.sampled_from(("person", "anonymous", "system", "unknown")),
    action=texts,
    link=texts,
    path=texts,
    ip=texts,
    prefix=st.just("p") | texts,
    asn=ODD,
    organisation=texts,
    country=texts,
    tags=st.lists(texts, max_size=2).map(tuple),
)
STRICT = policies_of(
    password_spray={"min_users": 3, "slow_min_users": 3},
    credential_stuffing={"min_users": 3, "min_failures": 3, "min_networks": 1, "learning_days": 0},
    link_spread={"min_networks": 2},
)


@settings(max_examples=80, deadline=None)
@given(st.lists(any_attempt, max_size=40))
def test_no_attempt_is_too_odd(attempts: list[Attempt]) -> None:
    kept: dict[bytes, Source] = {}
    for attempt in attempts:
        source = kept.setdefault(b"%d" % len(attempt.by), Source())
        for policy in STRICT:
            if policy.by == attempt.by:
                run((policy,), [attempt], {key_of(attempt): source})
        assert decode(encode(source)) == source


@pytest.mark.parametrize("step", ["9:00 failed_login Attacker", "09:00 failed_login Nowhere", "09:00 fail Attacker"])
def test_a_wrong_step_is_told(step: str) -> None:
    cases = load(WHOLE, "x")
    with pytest.raises(CasesError, match="step 1"):
        play(cases, type(cases.quiet[0])("odd", (step,), reason="nothing"))


WHOLE: Any = """
policy: password_spray
networks: {Attacker: {ip: 203.0.113.9}}
usual: {}
fires: [{name: a, steps: [], finds: [{step: create}]}]
quiet: [{name: b, steps: [], reason: nothing}]
borderline:
  - {name: c, quiet: {name: d, steps: [], reason: nothing}, fires: {name: e, steps: [], finds: [{step: create}]}}
"""


def test_a_policy_that_is_off_can_not_be_played() -> None:
    cases = load(WHOLE, "x")
    with pytest.raises(CasesError, match="switched off"):
        play(cases, type(cases.quiet[0])("odd", (), reason="nothing", settings={"enabled": False}))
