"""Policies and activities for the tests."""

from typing import Any

from detections.activity_policies.definition import read
from detections.activity_policies.document import Problem
from detections.activity_policies.organisation import Organisation
from detections.activity_policies.policy import ActivityPolicy
from detections.state import UserState
from schemas.activity import Activity, Knowledge, Network, Person, Place

DAY = 1_764_115_200_000
"""Wednesday 2025-11-26, 00:00 UTC."""
OURS = Organisation(frozenset({"example.com"}), {"team": ("mara@example.com", "tomas@example.com"), "odd": (".x", "y")})
MARA = Person(email="mara@example.com", name="Mara Lindqvist", user_id="42")


def problems_of(text: str, organisation: Organisation = OURS) -> list[Problem]:
    return read(text, "x.yaml", organisation)[1]


def policy_of(body: str, organisation: Organisation = OURS) -> ActivityPolicy:
    """A policy with `body` under its head; the body must be right."""
    policy, problems = read(f"id: a_policy\ntitle: A policy\n{body}\n", "x.yaml", organisation)
    assert policy is not None, [str(each) for each in problems]
    return policy


def act(time_ms: int = DAY + 36_000_000, **fields: Any) -> Activity:
    """A download of Mara's at 10:00 UTC, but for `fields`."""
    whole: dict[str, Any] = {
        "connector": "acme",
        "event_id": f"e{time_ms}",
        "time_ms": time_ms,
        "received_ms": time_ms,
        "type": "download",
        "outcome": "success",
        "action": "Download",
        "audit_source": "FILE_AUDIT",
        "actor": MARA,
        "path": "/Shared/Finance/2025/Q3 forecast_final.XLSX",
        "client": "Web UI",
        "ip": "198.51.100.7",
        "place": Place(country="PT", city="Lisbon", precision="city"),
        "network": Network(asn=64500, organisation="Example Telecom", category="corporate", tags=("office",)),
        "knowledge": Knowledge(country_users=5),
    }
    return Activity(**(whole | fields))


def matches(filters: str, activity: Activity, rest: str = "", organisation: Organisation = OURS) -> bool:
    """Whether a policy with the one-line `filters` matches `activity`."""
    policy = policy_of(f"filters: {filters}\n{rest}", organisation)
    return bool(policy.judge(activity, UserState()))
