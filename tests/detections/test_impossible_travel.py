"""Impossible travel beyond its cases: disorder, bounds, and who is not judged."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections.cases import judge
from detections.impossible_travel import MAX_INCIDENTS
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS, Candidate
from detections.state import UserState, encode
from schemas.activity import Person
from tests.detections.streams_of_activities import (
    DENVER,
    LISBON,
    LISBON6,
    OFFICE,
    PORTO,
    SINGAPORE,
    START,
    VPN,
    activity,
    delayed,
    known_user,
    only,
    run,
    source,
)

TRAVEL = only("impossible_travel")
MORNING = START + 8 * HOUR_MS


def pairs(found: list[Candidate]) -> set[frozenset[str]]:
    """Between which countries something was raised."""
    return {frozenset(each.country for each in one.evidence) for one in found if one.step == "create"}


FAR = (LISBON, SINGAPORE, DENVER, OFFICE)
NEAR = tuple(
    source(f"203.0.{117 + number}.7", country, f"Isle {number}", number * 5.4, 0, 64600 + number)
    for number, country in enumerate(("IS", "MT", "NZ"))
)
"""600 km from one to the next: an hour is enough, half an hour is not."""


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from((3.0, 25.0, 70.0, 200.0)),
    st.sampled_from((2, 3)),
    st.sampled_from((FAR, NEAR)),
)
def test_disorder_hides_no_incident_and_makes_none(
    seed: int, gap_minutes: float, places: int, among: tuple[dict[str, Any], ...]
) -> None:
    dice = random.Random(seed)  # noqa: S311
    sources, now, life = dice.sample(among, places), MORNING, []
    where = sources[0]
    while now < MORNING + 12 * HOUR_MS:
        now += int(dice.expovariate(1 / gap_minutes) * MINUTE_MS) + 1
        where = dice.choice(sources) if dice.random() < 0.3 else where
        life.append(activity(now, where))
    in_order = run(TRAVEL, life, known_user(TRAVEL, MORNING))
    disordered = run(TRAVEL, delayed(life, seed), known_user(TRAVEL, MORNING))
    assert pairs(disordered) == pairs(in_order)
    assert [each.step for each in disordered].count("create") == len(pairs(in_order))


def test_an_update_keeps_the_anchor_and_the_beginning() -> None:
    found = run(
        TRAVEL,
        [activity(MORNING), activity(MORNING + MINUTE_MS, SINGAPORE), activity(MORNING + 2 * MINUTE_MS, kind="view")],
        known_user(TRAVEL, MORNING),
    )
    assert [each.step for each in found] == ["create", "update"]
    assert len({each.anchor for each in found}) == 1
    assert found[0].anchor == activity(MORNING + MINUTE_MS, SINGAPORE).event_id
    assert [each.first_ms for each in found] == [MORNING, MORNING]
    assert found[1].last_ms == MORNING + 2 * MINUTE_MS


def test_a_candidate_carries_its_numbers_and_both_ends() -> None:
    (found,) = run(TRAVEL, [activity(MORNING), activity(MORNING + HOUR_MS, SINGAPORE)], known_user(TRAVEL, MORNING))
    distance, speed, between = found.numbers
    assert (distance.name, distance.baseline, distance.unit) == ("distance", 500, "km")
    assert (speed.name, speed.baseline, speed.unit) == ("speed", 800, "km/h")
    assert distance.observed == speed.observed == pytest.approx(11_837, abs=5)
    assert (between.name, between.observed, between.unit) == ("time between", 60, "min")
    earlier, later = found.evidence
    assert (earlier.event_id, earlier.city, earlier.ip) == (activity(MORNING).event_id, "Lisbon", LISBON["ip"])
    assert (later.city, later.asn, later.latitude) == ("Singapore", 64503, 1.35)


def test_a_hopping_thief_makes_few_incidents() -> None:
    user, found = known_user(TRAVEL, MORNING), []
    for number in range(200):
        letters = chr(65 + number // 26) + chr(65 + number % 26)
        where = source(f"10.{number}.0.1", letters, f"City {number}", number % 90, number * 37 % 180, number)
        found += run(TRAVEL, [activity(MORNING + number * 1000, where)], user)
    assert [each.step for each in found].count("create") == MAX_INCIDENTS
    assert len(found) < 40


def test_suppressed_candidates_are_bounded_by_day() -> None:
    user, found = UserState(), []
    for number in range(300):
        letters = chr(65 + number // 26) + chr(65 + number % 26)
        where = source(f"10.{number % 256}.{number // 256}.1", letters, "", number % 90, number * 37 % 180, number)
        found += run(TRAVEL, [activity(MORNING + number * 1000, where)], user)
    assert {each.suppressed for each in found} == {"learning"}
    assert len(found) == 32


def test_the_thiefs_place_becomes_usual_only_over_days_that_were_told() -> None:
    user, raised = known_user(TRAVEL, MORNING), []
    for day in range(5):
        now = MORNING + day * DAY_MS
        life = [activity(now + n * MINUTE_MS, SINGAPORE if n % 2 else LISBON) for n in range(200)]
        raised.append([each.step for each in run(TRAVEL, life, user)].count("create"))
    assert raised == [1, 1, 1, 0, 0]


def test_an_activity_without_a_place_does_not_hide_the_home_behind_it() -> None:
    life = [activity(MORNING)]
    life += [activity(MORNING + n * MINUTE_MS, VPN) for n in range(1, 20)]
    life += [activity(MORNING + 20 * MINUTE_MS, SINGAPORE)]
    assert pairs(run(TRAVEL, life, known_user(TRAVEL, MORNING))) == {frozenset({"PT", "SG"})}


def test_the_other_address_family_counts_as_being_where_the_first_is() -> None:
    user = known_user(TRAVEL, MORNING)
    life = [activity(MORNING)]
    life += [activity(MORNING + n * 10 * MINUTE_MS, LISBON6) for n in range(1, 90)]
    found = run(TRAVEL, life, user)
    assert [each.suppressed for each in found] == ["address_family_switch"]
    found = run(TRAVEL, [activity(MORNING + 15 * HOUR_MS, SINGAPORE)], user)
    assert [(each.step, each.evidence[0].city) for each in found] == [("create", "Lisbon")]


def test_the_other_address_family_is_no_place_while_the_first_is_known() -> None:
    user = known_user(TRAVEL, MORNING)
    found = run(TRAVEL, [activity(MORNING), activity(MORNING + MINUTE_MS, LISBON6)], user)
    found += run(TRAVEL, [activity(MORNING + 2 * MINUTE_MS, PORTO)], user)
    assert [each.suppressed for each in found] == ["address_family_switch"]


@pytest.mark.parametrize(
    "odd",
    [
        {"actor": Person(kind="unknown", name="root")},
        {"actor": Person(kind="anonymous", name="Anonymous")},
        {"flags": ("no_date",)},
        {"flags": ("dated_future",)},
        {"interactive": False},
        {"ip": ""},
        {"outcome": "unknown"},
    ],
)
def test_who_and_what_is_not_judged(odd: dict[str, Any]) -> None:
    user = known_user(TRAVEL, MORNING)
    run(TRAVEL, [activity(MORNING)], user)
    before = encode(user)
    assert TRAVEL[0].judge(activity(MORNING + HOUR_MS, SINGAPORE, **odd), user) == ()
    assert encode(user) == before


def test_the_common_case_touches_times_only() -> None:
    user = known_user(TRAVEL, MORNING)
    run(TRAVEL, [activity(MORNING)], user)
    before = encode(user)
    run(TRAVEL, [activity(MORNING + 1000)], user)
    slot = user.journeys.sightings[-1].slots[-1]
    assert (slot.first_ms, slot.last_ms) == (MORNING, MORNING + 1000)
    assert slot.last_id == activity(MORNING + 1000).event_id
    slot.last_ms, slot.last_id = slot.first_ms, slot.first_id
    assert encode(user) == before


def test_an_incident_ends_at_the_turn_of_the_week() -> None:
    monday = START + 2 * DAY_MS
    user = known_user(TRAVEL, monday)
    life = [activity(monday + (n - 3) * MINUTE_MS, SINGAPORE if n % 2 else LISBON) for n in range(6)]
    steps = [each.step for one in life for each in judge(TRAVEL, one, user)]
    assert steps == ["create", "update", "create", "update"]
