"""The journey behind a finding, in lines and on a map."""

import io

import msgspec
import pytest
from rich.console import Console

from console.journey import Journey, journey_of, lines, show
from console.worldmap import MARK
from detections.finding import finding
from detections.impossible_travel import ImpossibleTravel
from detections.model import Candidate, Evidence, Number
from schemas.activity import Person
from schemas.finding import Finding

LISBON = Evidence(
    event_id="a",
    time_ms=1_763_806_000_000,
    type="upload",
    ip="146.75.88.149",
    country="PT",
    city="Lisbon",
    latitude=38.72,
    longitude=-9.14,
    radius_km=50,
)
SINGAPORE = Evidence(
    event_id="b",
    time_ms=1_763_807_500_000,
    type="view",
    ip="107.154.3.197",
    country="SG",
    city="Singapore",
    latitude=1.29,
    longitude=103.85,
    radius_km=50,
)


def found(*evidence: Evidence, numbers: tuple[str, ...] = ("distance", "speed")) -> Finding:
    units = {"distance": (11_790.4, "km"), "speed": (28_296.1, "km/h")}
    candidate = Candidate(
        policy="impossible_travel",
        step="create",
        anchor="b",
        severity="medium",
        raises="alert",
        message="m",
        first_ms=LISBON.time_ms,
        last_ms=SINGAPORE.time_ms,
        numbers=tuple(Number(name, units[name][0], None, units[name][1]) for name in numbers),
        evidence=evidence,
    )
    policy = ImpossibleTravel.metadata
    return finding(
        candidate, policy, connector="acme", user_key="acme/a@b.c", actor=Person(), set_hash="0", product_version="0"
    )


def journey() -> Journey:
    travelled = journey_of(found(LISBON, SINGAPORE))
    assert travelled is not None
    return travelled


def shown(*, terminal: bool, width: int = 110) -> str:
    out = Console(file=io.StringIO(), force_terminal=terminal, width=width, _environ={"TERM": "xterm-256color"})
    show(out, journey())
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_it_is_read_out_of_the_finding() -> None:
    travelled = journey()
    assert (travelled.earlier.name, travelled.later.name) == ("Lisbon (PT)", "Singapore (SG)")
    assert (travelled.km, travelled.kmh, travelled.took_ms) == (11_790.4, 28_296.1, 1_500_000)


def test_it_is_told_from_end_to_end() -> None:
    assert [line.plain for line in lines(journey())] == [
        "    Lisbon (PT)     2025-11-22 10:06:40Z  upload  146.75.88.149",
        "      | 11,800 km in 25 min: at least 28,300 km/h",
        "    Singapore (SG)  2025-11-22 10:31:40Z  view    107.154.3.197",
    ]


@pytest.mark.parametrize(
    "other",
    [
        found(LISBON),
        found(LISBON, SINGAPORE, numbers=("distance",)),
        found(LISBON, msgspec.structs.replace(SINGAPORE, latitude=None)),
        found(LISBON, msgspec.structs.replace(SINGAPORE, ip="")),
    ],
    ids=["one end", "no speed", "an end without a place", "an end without an address"],
)
def test_what_is_no_journey_is_none(other: Finding) -> None:
    assert journey_of(other) is None


def test_elsewhere_than_on_a_terminal_there_are_plain_lines_only() -> None:
    printed = shown(terminal=False)
    assert "\x1b" not in printed
    assert MARK not in printed
    assert len(printed.splitlines()) == 3


def test_on_a_terminal_there_is_a_map() -> None:
    printed = shown(terminal=True)
    assert printed.count(MARK) == 2
    assert "\x1b[" in printed


def test_there_is_none_where_it_would_not_fit() -> None:
    assert MARK not in shown(terminal=True, width=50)


def test_nothing_in_it_steers_the_terminal() -> None:
    evil = found(LISBON, msgspec.structs.replace(SINGAPORE, city="\x1b[2JSing\r", ip="\x1b]0;x\x07"))
    travelled = journey_of(evil)
    assert travelled is not None
    assert all(line.plain.isprintable() for line in lines(travelled))
