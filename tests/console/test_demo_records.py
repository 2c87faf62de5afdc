"""The verdict on the demo's story."""

import msgspec
import pytest

from console.demo_records import judge
from detections.failed_logins import FailedLogins
from detections.finding import finding
from detections.model import Candidate
from schemas.activity import Activity, Person
from schemas.finding import Finding

EXPECTED = (("failed_logins", "hana@example.com"),)
EVENTS = (b'{"n":1}', b'{"n":2}', b'{"n":2}')


def activities(*events: bytes) -> list[Activity]:
    return [
        Activity(connector="acme", event_id=str(number), time_ms=0, received_ms=0, raw=msgspec.Raw(event))
        for number, event in enumerate(events)
    ]


def alert(email: str) -> Finding:
    candidate = Candidate(
        policy="failed_logins",
        step="create",
        anchor="a",
        severity="medium",
        raises="alert",
        message="m",
        first_ms=0,
        last_ms=0,
    )
    return finding(
        candidate,
        FailedLogins.metadata,
        connector="acme",
        user_key=f"acme/{email}",
        actor=Person(),
        set_hash="0",
        product_version="0",
    )


HANA = alert("hana@example.com")


def test_all_as_the_story_wants_it() -> None:
    verdict = judge(EXPECTED, EVENTS, activities(*EVENTS), [HANA, HANA])
    assert verdict.good
    assert verdict.lines() == []


@pytest.mark.parametrize(
    ("there", "alerts", "told"),
    [
        (EVENTS, [], "missing: an alert failed_logins about hana@example.com"),
        (EVENTS, [HANA, alert("leila@example.com")], "false alarm: failed_logins about leila@example.com"),
        (EVENTS[:2], [HANA], "1 events of the story are no activity"),
        ((*EVENTS, EVENTS[0]), [HANA], "1 activities are of no event, or of one that is there already"),
    ],
    ids=["missing", "false alarm", "lost", "doubled"],
)
def test_what_is_wrong_is_told(there: tuple[bytes, ...], alerts: list[Finding], told: str) -> None:
    verdict = judge(EXPECTED, EVENTS, activities(*there), alerts)
    assert not verdict.good
    assert verdict.lines() == [told]


def test_what_did_not_reach_the_clouds_is_told() -> None:
    verdict = msgspec.structs.replace(judge((), (), [], []), response=("its sessions in Entra ID go on",))
    assert not verdict.good
    assert verdict.lines() == ["the response: its sessions in Entra ID go on"]
