"""The words that all detections share: what a policy is, what it sees, what it says.

A policy looks at one activity and the state of its user, changes the state, and yields candidates: things that happened, each
with the numbers that make it so, raised or suppressed with a reason. It reads no clock, so the same history gives the same candidates.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final, Literal, Protocol

import msgspec

from schemas.activity import Activity

DAY_MS: Final = 86_400_000
Severity = Literal["informational", "low", "medium", "high", "critical"]
Raise = Literal["alert", "behavior"]
Step = Literal["create", "update", "close", "suppress"]


class Technique(msgspec.Struct, frozen=True):
    """A MITRE ATT&CK technique with its tactic, e.g. T1078.004 Cloud Accounts, TA0001 Initial Access."""

    uid: str
    name: str
    tactic_uid: str
    tactic: str


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What people read about a policy. `version` changes whenever its logic or defaults do."""

    id: str
    version: str
    title: str
    description: str
    techniques: tuple[Technique, ...]
    severity: Severity
    raises: Raise
    false_positives: tuple[str, ...]
    triage: str
    remediation: str


class Number(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One number of the reason: what was seen, what is usual or allowed (`baseline`), both in `unit`."""

    name: str
    observed: float
    baseline: float | None = None
    unit: str = ""


class Evidence(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One activity that the reason rests on, with as much as a reader needs to recognise it."""

    event_id: str
    time_ms: int
    type: str
    ip: str = ""
    country: str = ""
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius_km: float = 0.0
    asn: int = 0
    organisation: str = ""
    client: str = ""
    path: str = ""


class Candidate(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a policy says about one activity.

    `anchor`: event id of the incident's first event; with policy and user it makes the finding's uid, so `create`, `update`
    and `close` of one incident share it. `suppressed`: reason code, for `step` = `suppress` only. `message`: the reason in
    plain words with the numbers. `count`: events of the incident so far. `numbers`: the same as data. `evidence`: oldest first,
    bounded by the policy. Times: ms since the epoch, UTC.
    """

    policy: str
    step: Step
    anchor: str
    severity: Severity
    raises: Raise
    message: str
    first_ms: int
    last_ms: int
    count: int = 1
    numbers: tuple[Number, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    suppressed: str = ""


class Policy(Protocol):
    """A built-in policy: its metadata, its settings' type (with units and defaults), and how it judges."""

    metadata: ClassVar[Metadata]
    settings: Any

    def judge(self, activity: Activity, user: Any) -> Iterator[Candidate]:
        """Candidates for `activity`, which changes `user` (a `detections.state.UserState`) in place."""
        ...
