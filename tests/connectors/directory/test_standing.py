"""What `status` makes of a source of people: each state, with its kind and advice."""

from typing import Any

import pytest

from connectors.directory.standing import Credential, source_report
from schemas.connector import SourceStatus

NOW_MS = 1_763_971_200_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def told(**fields: Any) -> SourceStatus:
    usual: dict[str, Any] = {
        "source": "entra", "read_ms": NOW_MS - 40_000, "complete_ms": NOW_MS - 3 * DAY_MS,
        "position_ms": NOW_MS - 40_000, "people": 60, "next_ms": NOW_MS + 20_000,
    }  # fmt: skip
    return SourceStatus(**(usual | fields))


def failing(kind: str, *, for_ms: int = 60_000, **fields: Any) -> SourceStatus:
    return told(error_kind=kind, error=f"Graph answers {kind}", failing_ms=NOW_MS - for_ms, **fields)


def made(found: SourceStatus, *, running: bool = True) -> Any:
    return source_report(found, "acme", NOW_MS, written_ms=NOW_MS, running=running)


def test_a_source_that_is_well() -> None:
    found = made(told(credential="certificate", credential_ends_ms=NOW_MS + 200 * DAY_MS))
    assert (found.state, found.kind, found.error, found.advice, found.failing_since) == ("connected", "", "", "", None)
    assert (found.people, found.delta_age_s) == (60, 40)
    assert (found.last_good_read, found.last_whole_read) == ("2025-11-24T07:59:20Z", "2025-11-21T08:00:00Z")
    assert found.credential == Credential("certificate", "2026-06-12T08:00:00Z", 200)


@pytest.mark.parametrize(
    ("found", "state", "kind"),
    [
        (told(read_ms=0, complete_ms=0, position_ms=0, people=0), "connecting", ""),
        (failing("throttled"), "degraded", "throttled"),
        (failing("unreachable"), "degraded", "timeout"),
        (failing("server_fault"), "degraded", "api"),
        (failing("server_fault", for_ms=2 * HOUR_MS), "error", "api"),
        (failing("malformed"), "degraded", "api"),
        (failing("login_refused", needs_people=True), "error", "auth"),
        (failing("unauthorized", needs_people=True), "error", "auth"),
        (failing("forbidden", needs_people=True), "error", "permission"),
        (failing("unauthorized", source="egnyte", needs_people=True), "error", "auth"),
        (failing("forbidden", source="egnyte", needs_people=True), "off", "permission"),
        (told(next_ms=NOW_MS - 2 * HOUR_MS), "connected", ""),
        (told(next_ms=NOW_MS - 3 * HOUR_MS), "degraded", "overdue"),
    ],
)
def test_each_state(found: SourceStatus, state: str, kind: str) -> None:
    shown = made(found)
    assert (shown.state, shown.kind) == (state, kind)
    assert bool(shown.error) == bool(shown.advice) == bool(kind)
    assert "{name}" not in shown.advice
    assert made(found, running=False).state == "off"


def test_since_when_it_fails_is_told() -> None:
    assert made(failing("server_fault", for_ms=HOUR_MS)).failing_since == "2025-11-24T07:00:00Z"


@pytest.mark.parametrize(
    ("credential", "days", "advice"),
    [
        ("certificate", 30, ""),
        ("certificate", 29, "the app's certificate ends in 29 days: make another, and set entra.certificate"),
        ("secret", 3, "the app's client secret ends in 3 days: make another, and set entra.client_secret"),
    ],
)
def test_a_proof_that_ends_soon_is_told(credential: Any, days: int, advice: str) -> None:
    shown = made(told(credential=credential, credential_ends_ms=NOW_MS + days * DAY_MS + 1))
    assert (shown.state, shown.advice, shown.credential.days_left) == ("connected", advice, days)


def test_a_proof_whose_end_nobody_knows_is_no_trouble() -> None:
    shown = made(told(credential="secret"))
    assert (shown.state, shown.advice, shown.credential) == ("connected", "", Credential("secret", None, None))
