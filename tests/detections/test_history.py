"""What is learned, when, and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detections.history import MAX_COUNTRIES, MAX_NETWORKS, Learning, learning, observe
from detections.model import DAY_MS, HOUR_MS
from detections.seen import days_seen
from detections.state import KEPT_DAYS, Seen, UserState, encode
from schemas.activity import Person, Place
from tests.detections.streams_of_activities import LISBON, MADRID, START, VPN, activity, source

TODAY = START // DAY_MS


def user_of(*days: int, kind: str = "download") -> UserState:
    """Somebody with an activity on each of the days, counted from `START`."""
    user = UserState()
    for day in days:
        observe(activity(START + day * DAY_MS, kind=kind), user)
    return user


@given(st.sets(st.integers(0, KEPT_DAYS + 20), max_size=40), st.integers(-2, 3))
def test_learning_counts_the_whole_days_before_and_no_more_than_are_kept(days: set[int], beside: int) -> None:
    newest = max(days, default=0)
    day = newest + beside
    known = [each for each in days if max(day, newest) - KEPT_DAYS <= each < day and each >= day - KEPT_DAYS]
    found = learning(user_of(*sorted(days), kind="login"), TODAY + day)
    assert found == Learning(day - min(known) if known else 0, len(known), len(known))


def test_logins_and_days_are_different_things() -> None:
    user = user_of(0, 0, 1, 3, kind="login")
    observe(activity(START + 4 * DAY_MS), user)
    observe(activity(START + 4 * DAY_MS, kind="failed_login"), user)
    observe(activity(START + 5 * DAY_MS, kind="failed_login"), user)
    assert learning(user, TODAY + 6) == Learning(6, 4, 4)
    assert learning(user, TODAY + 4) == Learning(4, 3, 4)
    assert learning(user, TODAY) == Learning(0, 0, 0)


@pytest.mark.parametrize(
    ("known", "complete"),
    [
        (Learning(7, 1, 10), True),
        (Learning(7, 10, 0), True),
        (Learning(6, 6, 60), False),
        (Learning(60, 9, 9), False),
    ],
)
def test_a_user_is_known_after_days_and_logins_or_active_days(known: Learning, complete: bool) -> None:
    assert known.complete(7, 10) is complete


@given(st.sets(st.integers(0, 70), min_size=1), st.integers(-1, 40))
def test_days_seen_counts_the_thirty_days_before(days: set[int], after: int) -> None:
    day = max(days) + after
    seen = user_of(*sorted(days)).history.countries["PT"]
    assert days_seen(seen, TODAY + day) == sum(day - 30 <= each < day for each in days)


def test_what_was_never_seen_is_seen_on_no_day() -> None:
    assert days_seen(None, TODAY) == 0
    assert days_seen(Seen(TODAY, 1), TODAY) == 0


def test_the_order_of_days_does_not_matter() -> None:
    in_order, late = user_of(0, 1, 2), user_of(0, 2, 1)
    in_order.history.ip = late.history.ip = ""
    assert encode(in_order) == encode(late)


def test_too_late_teaches_nothing() -> None:
    user = user_of(200)
    before = encode(user)
    observe(activity(START + (199 - KEPT_DAYS) * DAY_MS), user)
    assert encode(user) == before


def test_countries_come_from_places_only_networks_from_all() -> None:
    user = UserState()
    observe(activity(START, VPN), user)
    observe(activity(START, MADRID, interactive=False), user)
    observe(activity(START, LISBON, place=Place()), user)
    assert not user.history.countries
    assert set(user.history.networks) == {"64506", "64500"}


@pytest.mark.parametrize("kind", ["unknown", "anonymous", "system"])
def test_nobody_in_particular_teaches_nothing(kind: str) -> None:
    user = UserState()
    observe(activity(START, actor=Person(kind=kind, name="guess-17")), user)  # type: ignore[arg-type]
    assert encode(user) == encode(UserState())


def test_undated_activities_teach_nothing() -> None:
    user = UserState()
    observe(activity(START, flags=("dated_past",)), user)
    assert encode(user) == encode(UserState())


def test_an_address_seen_already_is_a_login_all_the_same() -> None:
    user = user_of(0, 0, 0, kind="login")
    assert learning(user, TODAY + 1).logins == 3


def test_an_activity_without_an_address_makes_a_day_active() -> None:
    user = UserState()
    observe(activity(START, kind="failed_login"), user)
    observe(activity(START + HOUR_MS, {"ip": ""}), user)
    assert learning(user, TODAY + 1) == Learning(1, 1, 0)


def test_the_most_recent_countries_and_networks_are_kept() -> None:
    user = UserState()
    for number in range(60):
        letters = chr(65 + number // 26) + chr(65 + number % 26)
        observe(activity(START + number * DAY_MS, source(f"10.0.{number}.1", letters, "", 0, 0, 1 + number)), user)
    assert (len(user.history.countries), len(user.history.networks)) == (MAX_COUNTRIES, MAX_NETWORKS)
    assert "CH" in user.history.countries
    assert "60" in user.history.networks
    assert "AA" not in user.history.countries
