"""Why somebody stayed quiet, told from what was read back."""

from console.demo_quiet import Limits, quiet_line
from detections.finding import finding
from detections.impossible_travel import ImpossibleTravel
from detections.model import Candidate
from schemas.activity import Activity, Network, Outcome, Person, Place
from schemas.finding import Finding

HOUR_MS = 3_600_000
BEGINS_MS = 1_763_800_000_000
UNKNOWN = Network()
LIMITS = Limits(max_kmh=800, failures=10)
NAIROBI = Place(country="KE", city="Nairobi", latitude=-1.28, longitude=36.82, precision="city")
LONDON = Place(country="GB", city="London", latitude=51.51, longitude=-0.13, precision="city")


def activity(
    place: Place, hours: float, kind: str = "view", outcome: Outcome = "success", network: Network = UNKNOWN
) -> Activity:
    return Activity(
        connector="acme",
        event_id="e",
        time_ms=BEGINS_MS + round(hours * HOUR_MS),
        received_ms=0,
        type=kind,
        outcome=outcome,
        place=place,
        network=network,
    )


def suppressed(message: str) -> Finding:
    candidate = Candidate(
        policy="impossible_travel",
        step="suppress",
        anchor="a",
        severity="medium",
        raises="alert",
        message=message,
        first_ms=0,
        last_ms=0,
        suppressed="unplaceable_network",
    )
    return finding(
        candidate,
        ImpossibleTravel.metadata,
        connector="acme",
        user_key="acme/a@b.c",
        actor=Person(),
        set_hash="0",
        product_version="0",
    )


def test_a_flight_is_one() -> None:
    told = quiet_line([activity(LONDON, 0), activity(NAIROBI, -14)], (), BEGINS_MS, LIMITS)
    assert told == (
        "1 view from London (GB). 6,820 km from Nairobi (KE) in 14 h: 487 km/h, and up to 800 km/h is a flight."
    )


def test_what_no_flight_does_is_not_explained_by_one() -> None:
    assert quiet_line([activity(NAIROBI, -1), activity(LONDON, 0)], (), BEGINS_MS, LIMITS) == "1 view from London (GB)."


def test_a_day_that_is_over_does_not_count() -> None:
    assert "flight" not in quiet_line([activity(NAIROBI, -30), activity(LONDON, 0)], (), BEGINS_MS, LIMITS)


def test_a_suppressed_finding_says_why_itself() -> None:
    vpn = Network(category="vpn")
    told = quiet_line(
        [activity(NAIROBI, -1), activity(LONDON, 0, "login", network=vpn), activity(NAIROBI, 0.1)],
        [suppressed("Too fast. Not raised: a VPN."), suppressed("Too fast. Not raised: a VPN.")],
        BEGINS_MS,
        LIMITS,
    )
    assert told == ("1 login, 1 view from London (GB) (network: vpn) and Nairobi (KE). Too fast. Not raised: a VPN.")


def test_a_few_failed_logins_are_too_few() -> None:
    failures = [activity(LONDON, 0, "failed_login", "failure")] * 4
    few = quiet_line([*failures, activity(LONDON, 0.1, "login")], (), BEGINS_MS, LIMITS)
    assert few == "4 failed logins, 1 login from London (GB). 10 failed logins in a row would be too many."
    assert "too many" not in quiet_line(failures * 3, (), BEGINS_MS, LIMITS)


def test_nothing_is_nothing() -> None:
    assert quiet_line([], (), BEGINS_MS, LIMITS) == "nothing."
