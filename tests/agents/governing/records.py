"""Requests, people and findings for the tests of governance."""

from typing import Any

from msgspec.structs import replace

from agents.governing.standing import Standing
from schemas.finding import Finding
from schemas.governance import Action, GovernanceRecord, action_uid
from tests.detections.test_finding import made

NOW_MS = 1_763_971_200_000
MINUTE_MS = 60_000
JANE = "jane@acme.example"


def request(action: Action = "suspend_user", user: str = JANE, origin: str = "f1", **facts: Any) -> GovernanceRecord:
    whole: dict[str, Any] = {
        "uid": action_uid(origin, action, user, "acme"), "connector": "acme", "action": action, "state": "requested",
        "user": user, "origin": origin, "at_ms": NOW_MS, "requested_ms": NOW_MS, "found_ms": NOW_MS - MINUTE_MS,
        "policy": "ransomware",
    }  # fmt: skip
    return GovernanceRecord(**(whole | facts))


def standing(user: str = JANE, **facts: Any) -> Standing:
    whole: dict[str, Any] = {
        "names": (user,), "known": True, "auth_type": "sso", "entra_ids": ("e1",), "egnyte_ids": ("1",),
    }  # fmt: skip
    return Standing(**(whole | facts))


def finding(*govern: str, **unmapped: Any) -> Finding:
    found = made()
    return replace(found, unmapped=replace(found.unmapped, govern=govern, **unmapped))
