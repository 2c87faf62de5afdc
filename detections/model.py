"""The words that all detections share: what a policy is, what it sees, what it says.

A policy looks at one activity and the state of its user, changes the state, and returns candidates: things that
happened, each with the numbers that make it so, raised or suppressed with a reason. It reads no clock, so the same
history gives the same candidates.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal, Protocol

import msgspec

from schemas.activity import UNDATED, Activity
from schemas.attempt import Attempt, By

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
LATENESS_MS: Final = HOUR_MS
"""How late an activity may come and still be judged as exactly as if it had come in time."""
LATEST_MS: Final = 4_102_444_800_000
"""2100: no activity is dated later; keeps nonsense out of the state."""
Severity = Literal["informational", "low", "medium", "high", "critical"]
Raise = Literal["alert", "behavior"]
Step = Literal["create", "update", "close", "suppress"]


def attributable(activity: Activity) -> bool:
    """Whether `activity` is dated and one known person's doing: only such are judged, and learned from, by user.

    Login names that don't exist, visitors of links and Egnyte itself share the state of a bucket with strangers: what
    they do together says nothing about anybody.
    """
    return (
        activity.actor.kind == "person"
        and (not activity.flags or UNDATED.isdisjoint(activity.flags))
        and 0 <= activity.time_ms < LATEST_MS
    )


class Technique(msgspec.Struct, frozen=True):
    """A MITRE ATT&CK technique with its tactic, e.g. T1078.004 Cloud Accounts, TA0001 Initial Access."""

    uid: str
    name: str
    tactic_uid: str
    tactic: str


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What people read about a policy. `version` changes whenever its logic or defaults do. `category`: kind of risk.
    `govern`: governance actions that its findings ask for. `types`: the activity types that it looks at, where those
    are few; it is not asked about others. `needs`: what it can't judge without."""

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
    types: tuple[str, ...] = ()
    category: str = ""
    govern: tuple[str, ...] = ()
    needs: Literal["", "directory"] = ""


class Number(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One number of the reason: what was seen, what is usual or allowed (`baseline`), both in `unit`."""

    name: str
    observed: float
    baseline: float | None = None
    unit: str = ""


class Evidence(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One activity that the reason rests on, with as much as a reader needs to recognise it. `user`: whose it is (a
    user key), where the finding is not about one user."""

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
    user: str = ""

    @classmethod
    def of(cls, activity: Activity) -> "Evidence":
        """`activity` as evidence. Coordinates only where the place is known to the city."""
        place, network = activity.place, activity.network
        placed = place.precision == "city"
        return cls(
            event_id=activity.event_id,
            time_ms=activity.time_ms,
            type=activity.type,
            ip=activity.ip,
            country=place.country,
            city=place.city,
            latitude=place.latitude if placed else None,
            longitude=place.longitude if placed else None,
            radius_km=place.radius_km if placed else 0.0,
            asn=network.asn,
            organisation=network.organisation,
            client=activity.client,
            path=activity.path,
        )


class Concerned(msgspec.Struct, frozen=True, gc=False):
    """Whom or what a finding that is not about one user concerns. `name`: a user key, the prefix of a network, or a
    link. `notes`: what happened to it, or what it did, in a few words each."""

    kind: Literal["user", "network", "link"]
    name: str
    notes: tuple[str, ...] = ()


class Candidate(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a policy says about one activity.

    `anchor`: event id of the incident's first event; with policy and user it makes the finding's uid, so `create`,
    `update` and `close` of one incident share it. `suppressed`: reason code, for `step` = `suppress` only. `message`:
    the reason in plain words with the numbers. `count`: events of the incident so far. `numbers`: the same as data.
    `evidence`: oldest first, bounded by the policy. `limited`: no alert any more, for the policy has raised as many as
    it may today; governance acts on it all the same. `concerned`: bounded by the policy; nothing where the finding is
    about one user. Times: ms since the epoch, UTC.
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
    limited: bool = False
    concerned: tuple[Concerned, ...] = ()


class Policy(Protocol):
    """A policy: its metadata, its settings (with units and defaults), and how it judges."""

    settings: Any

    @property
    def metadata(self) -> Metadata:
        """What people read about it."""
        ...

    def judge(self, activity: Activity, user: Any) -> Sequence[Candidate]:
        """Candidates for `activity`, which changes `user` (a `detections.state.UserState`) in place.

        All changes are done when it returns. Never raises for any activity.
        """
        ...


class SourcePolicy(Protocol):
    """A policy on where attempts come from: a network, all logins of a domain, or a link."""

    settings: Any
    by: ClassVar[By]
    """Which of them it judges."""

    @property
    def metadata(self) -> Metadata:
        """What people read about it."""
        ...

    def judge(self, attempt: Attempt, source: Any) -> Sequence[Candidate]:
        """Candidates for `attempt`, which changes `source` (a `detections.sources.Source`) in place.

        All changes are done when it returns. Never raises for any attempt.
        """
        ...
