"""Anonymous IP: a user comes through a network that hides its users: Tor, an anonymous proxy, a VPN service."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from detections.encounters import begun, grown
from detections.model import DAY_MS, Candidate, Evidence, Metadata, Number, Step, Technique, attributable
from detections.reputation import ANONYMOUS_TAGS, OWN_CATEGORIES, first_of
from detections.seen import days_seen
from detections.settings import PolicySettings
from detections.state import Incident, UserState, goes_on
from detections.suppression import first_today
from detections.verdicts import is_benign
from detections.wording import clock, count, person, source
from schemas.activity import Activity, IpCategory

Reason = Literal["own_network", "common_in_organisation", "usual_for_user", "closed_as_benign"]
_WHY: dict[Reason, str] = {
    "own_network": "the company has listed the network as its own",
    "common_in_organisation": "many of the organisation use this provider",
    "usual_for_user": "this provider is usual for the user",
    "closed_as_benign": "a finding about this user and this provider was closed as benign",
}


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    tags: tuple[str, ...] = tuple(ANONYMOUS_TAGS)
    never_common_tags: tuple[str, ...] = ("tor", "residential_proxy")
    common_users: Annotated[int, Meta(ge=2, le=100_000)] = 5
    usual_days: Annotated[int, Meta(ge=1, le=30)] = 5
    own_categories: tuple[IpCategory, ...] = OWN_CATEGORIES


class AnonymousIp:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="anonymous_ip",
        version="1.1",
        title="Activity from an anonymous IP address",
        description=(
            "A successful activity through Tor, an anonymous proxy or a VPN service: somebody hides where they come "
            "from."
        ),
        techniques=(
            Technique("T1078", "Valid Accounts", "TA0001", "Initial Access"),
            Technique("T1090.003", "Multi-hop Proxy", "TA0011", "Command and Control"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "A user who values privacy, or tests something.",
            "An address that a list or database takes for what it is no longer.",
        ),
        triage=(
            "Ask the user by another channel whether they use such a service. Look at what was done through it and "
            "whether client and time are those of before. If it is the company's VPN, list its range as vpn."
        ),
        remediation=(
            "If the user knows nothing of it: reset the password, require the user to sign in again, suspend the user "
            "if it goes on. Then look at what was downloaded, shared and changed."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._tags = frozenset(self.settings.tags)
        self._never_common = frozenset(self.settings.never_common_tags)

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding a day, updated at doublings and with each further kind of network."""
        tags = activity.network.tags
        if not tags or self._tags.isdisjoint(tags) or activity.outcome != "success" or not activity.interactive:
            return ()
        if not attributable(activity):
            return ()
        hiding = tuple(tag for tag in tags if tag in self._tags)
        words = (*hiding, activity.type)
        reason, incident = self._reason_against(activity, user), user.encounters.anonymous
        if reason is not None:
            about = activity.network.prefix or activity.ip
            if not first_today(user, activity.time_ms, self.metadata.id, reason, about):
                return ()
            return (self._candidate("suppress", activity, begun(activity, "", words), hiding, reason),)
        if incident is None or not goes_on(incident.anchor_ms, activity.time_ms):
            user.encounters.anonymous = incident = begun(activity, "", words)
            return (self._candidate("create", activity, incident, hiding),)
        if not grown(incident, activity, words):
            return ()
        return (self._candidate("update", activity, incident, hiding),)

    def _reason_against(self, activity: Activity, user: UserState) -> Reason | None:
        network, settings = activity.network, self.settings
        if network.category in settings.own_categories:
            return "own_network"
        if not self._never_common.isdisjoint(network.tags):
            return None
        if activity.knowledge.asn_users >= settings.common_users:
            return "common_in_organisation"
        day = activity.time_ms // DAY_MS
        if days_seen(user.history.networks.get(str(network.asn)), day) >= settings.usual_days:
            return "usual_for_user"
        return "closed_as_benign" if is_benign(user.verdicts, network.asn, day) else None

    def _candidate(
        self,
        step: Step,
        activity: Activity,
        incident: Incident,
        hiding: tuple[str, ...],
        reason: Reason | None = None,
    ) -> Candidate:
        text = (
            f"{person(activity)}: {activity.type} at {clock(activity.time_ms)} from {source(activity)}, "
            f"{first_of(hiding, ANONYMOUS_TAGS)}"
        )
        if step == "update":
            text += (
                f"; {count(incident.count, 'activity', 'activities')} since {clock(incident.first_ms)}: "
                f"{', '.join(incident.types)}"
            )
        users = activity.knowledge.asn_users
        known = Number("users of the organisation with this provider", users, self.settings.common_users, "users")
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
            numbers=(known,) if users >= 0 else (),
            evidence=(Evidence.of(activity),),
            suppressed=reason or "",
        )
