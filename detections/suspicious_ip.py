"""Suspicious IP: a user comes from a network that is known for attacks."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from detections.encounters import begun, grown
from detections.model import Candidate, Evidence, Metadata, Severity, Step, Technique, attributable
from detections.reputation import ANONYMOUS_TAGS, OWN_CATEGORIES, SUSPICIOUS_TAGS, first_of
from detections.settings import PolicySettings
from detections.state import Incident, UserState, goes_on
from detections.suppression import first_today
from detections.wording import clock, count, person, source
from schemas.activity import Activity, IpCategory

Reason = Literal["own_network", "left_to_anonymous_ip"]
_WHY: dict[Reason, str] = {
    "own_network": "the company has listed the network as its own",
    "left_to_anonymous_ip": "the network hides its users, which is another policy's affair",
}


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    severity: Severity = "high"
    categories: tuple[IpCategory, ...] = ("risky",)
    tags: tuple[str, ...] = tuple(SUSPICIOUS_TAGS)
    left_to_anonymous_ip: tuple[str, ...] = tuple(ANONYMOUS_TAGS)
    own_categories: tuple[IpCategory, ...] = OWN_CATEGORIES


class SuspiciousIp:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="suspicious_ip",
        version="1.0",
        title="Activity from a suspicious IP address",
        description=(
            "A successful activity from an address that lists of threats name for attacks: botnets, control servers "
            "of malware, password spraying."
        ),
        techniques=(
            Technique("T1078", "Valid Accounts", "TA0001", "Initial Access"),
            Technique("T1078.004", "Cloud Accounts", "TA0001", "Initial Access"),
        ),
        severity="high",
        raises="alert",
        false_positives=(
            "A home router or computer that is infected, or was: its owner is the victim of something else.",
            "An address that many share, or that has changed hands since it was listed.",
        ),
        triage=(
            "Look whether the user has come from there before, and with what client. A success after many failures "
            "from there means that a password was guessed."
        ),
        remediation=(
            "Reset the password, require the user to sign in again, and look at what was downloaded, shared and "
            "changed from there. If the user's own computer is behind it, have it cleaned."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._categories = frozenset(self.settings.categories)
        self._tags = frozenset(self.settings.tags)
        self._left = frozenset(self.settings.left_to_anonymous_ip)

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding a day, updated at doublings and with each further kind of network."""
        network = activity.network
        tags, category = network.tags, network.category
        if not tags and category not in self._categories:
            return ()
        bad = not self._tags.isdisjoint(tags)
        if not bad and (category not in self._categories or not self._left.isdisjoint(tags)):
            return ()
        if activity.outcome != "success" or not activity.interactive or not attributable(activity):
            return ()
        words = (*tags, activity.type)
        reason: Reason | None = None
        if not self._left.isdisjoint(tags):
            reason = "left_to_anonymous_ip"
        elif category in self.settings.own_categories:
            reason = "own_network"
        if reason is not None:
            if not first_today(user, activity.time_ms, self.metadata.id, reason, network.prefix or activity.ip):
                return ()
            return (self._candidate("suppress", activity, begun(activity, "", words), reason),)
        incident = user.encounters.suspicious
        if incident is None or not goes_on(incident.anchor_ms, activity.time_ms):
            user.encounters.suspicious = incident = begun(activity, "", words)
            return (self._candidate("create", activity, incident),)
        if not grown(incident, activity, words):
            return ()
        return (self._candidate("update", activity, incident),)

    def _candidate(self, step: Step, activity: Activity, incident: Incident, reason: Reason | None = None) -> Candidate:
        known = tuple(tag for tag in activity.network.tags if tag in self._tags)
        text = f"{person(activity)}: {activity.type} at {clock(activity.time_ms)} from {source(activity)}, listed "
        text += f"for {first_of(known, SUSPICIOUS_TAGS)}" if known else "as risky"
        if activity.network.listed_by:
            text += f" by {activity.network.listed_by}"
        if step == "update":
            text += (
                f"; {count(incident.count, 'activity', 'activities')} since {clock(incident.first_ms)}: "
                f"{', '.join(incident.types)}"
            )
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=incident.anchor,
            severity=self.settings.severity,
            raises=self.settings.raises,
            message=f"{text}. Not raised: {_WHY[reason]}." if reason else f"{text}.",
            first_ms=incident.first_ms,
            last_ms=incident.last_ms,
            count=incident.count,
            evidence=(Evidence.of(activity),),
            suppressed=reason or "",
        )
