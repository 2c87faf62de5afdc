"""Infrequent country: a user comes from a country where this user has not been for long, or ever."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from detections.encounters import MAX_COUNTRIES, begun, grown
from detections.history import learning
from detections.model import (
    DAY_MS,
    Candidate,
    Evidence,
    Metadata,
    Number,
    Raise,
    Severity,
    Step,
    Technique,
    attributable,
)
from detections.networks import SAFE_CATEGORIES, UNPLACEABLE_CATEGORIES, UNPLACEABLE_TAGS, has_place
from detections.seen import seen_before
from detections.settings import PolicySettings
from detections.state import KEPT_DAYS, Incident, UserState, goes_on
from detections.suppression import first_today
from detections.wording import clock, count, person, place
from schemas.activity import Activity, IpCategory

Reason = Literal["unplaceable_network", "own_network", "learning"]
_WHY: dict[Reason, str] = {
    "unplaceable_network": "the network is a VPN, relay, cloud or similar, which stands for no place",
    "own_network": "the network is one of the company",
    "learning": "what is usual for this user is still being learned",
}


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    raises: Raise = "behavior"
    common_severity: Severity = "low"
    first_severity: Severity = "high"
    common_users: Annotated[int, Meta(ge=2, le=100_000)] = 3
    learning_days: Annotated[int, Meta(ge=0, le=60)] = 7
    learning_logins: Annotated[int, Meta(ge=0, le=60)] = 10
    unplaceable_categories: tuple[IpCategory, ...] = UNPLACEABLE_CATEGORIES
    unplaceable_tags: tuple[str, ...] = UNPLACEABLE_TAGS
    safe_categories: tuple[IpCategory, ...] = SAFE_CATEGORIES


class InfrequentCountry:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="infrequent_country",
        version="1.1",
        title="Activity from an infrequent country",
        description=(
            "A successful activity from a country where this user was not seen in the last 80 days. Low where others "
            "of the organisation come from there, high where nobody ever did. A behavior, unless it is tuned to be an "
            "alert: most who come from a new country travel."
        ),
        techniques=(
            Technique("T1078", "Valid Accounts", "TA0001", "Initial Access"),
            Technique("T1078.004", "Cloud Accounts", "TA0001", "Initial Access"),
        ),
        severity="medium",
        raises="behavior",
        false_positives=(
            "A business trip or a holiday.",
            "A VPN, relay or security gateway that is on no list.",
            "A wrong place in the geo-IP database.",
        ),
        triage=(
            "Look whether the user also goes on at home, and whether client and provider are those of before. Ask the "
            "user by another channel. Exclude people who travel all the time."
        ),
        remediation=(
            "If the user is not there: reset the password, require the user to sign in again, suspend the user if the "
            "activities go on. Then look at what was downloaded, shared and changed from there."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding for each country that is new, updated for a day at most."""
        history, told, day = user.history, user.encounters.countries, activity.time_ms // DAY_MS
        if not told and activity.ip == history.ip and day == history.day:
            return ()
        country = activity.place.country
        if activity.outcome != "success" or not activity.interactive or len(country) != 2 or not activity.ip:
            return ()
        if not attributable(activity):
            return ()
        for incident in told:
            if incident.key == country and goes_on(incident.anchor_ms, activity.time_ms):
                if not grown(incident, activity, (activity.type,)):
                    return ()
                return (self._candidate("update", activity, incident),)
        seen = history.countries.get(country)
        if seen is not None and seen.last_day >= day - KEPT_DAYS:
            return ()
        return self._new(activity, user, country, day)

    def _new(self, activity: Activity, user: UserState, country: str, day: int) -> Sequence[Candidate]:
        known = learning(user, day)
        if not known.days:
            return ()  # nothing is known: no country is newer than another
        incident, settings = begun(activity, country, (activity.type,)), self.settings
        reason: Reason | None = None
        if not has_place(activity.network, settings.unplaceable_categories, settings.unplaceable_tags):
            reason = "unplaceable_network"
        elif activity.network.category in settings.safe_categories:
            reason = "own_network"
        elif not known.complete(settings.learning_days, settings.learning_logins) or not _known_anywhere(user, day):
            reason = "learning"
        if reason is None:
            told = user.encounters.countries
            told.append(incident)
            del told[:-MAX_COUNTRIES]
            return (self._candidate("create", activity, incident),)
        if not first_today(user, activity.time_ms, self.metadata.id, reason, country):
            return ()
        return (self._candidate("suppress", activity, incident, reason),)

    def _severity(self, activity: Activity) -> Severity:
        users = activity.knowledge.country_users
        if users == 0:
            return self.settings.first_severity
        return self.settings.common_severity if users >= self.settings.common_users else self.settings.severity

    def _candidate(self, step: Step, activity: Activity, incident: Incident, reason: Reason | None = None) -> Candidate:
        users = activity.knowledge.country_users
        known = (Number("users of the organisation there", users, self.settings.common_users, "users"),)
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=incident.anchor,
            severity=self._severity(activity),
            raises=self.settings.raises,
            message=self._message(step, activity, incident, reason),
            first_ms=incident.first_ms,
            last_ms=incident.last_ms,
            count=incident.count,
            numbers=known if users >= 0 else (),
            evidence=(Evidence.of(activity),),
            suppressed=reason or "",
        )

    def _message(self, step: Step, activity: Activity, incident: Incident, reason: Reason | None) -> str:
        users = activity.knowledge.country_users
        text = (
            f"{person(activity)} comes from {place(activity.place.city, incident.key)} since "
            f"{clock(incident.first_ms)}: not seen there in the last {KEPT_DAYS} days"
        )
        if users >= 0:
            text += f"; {count(users, 'user') if users else 'nobody'} of the organisation in the last 30 days"
        if step == "update":
            text += f"; {count(incident.count, 'activity', 'activities')} by now: {', '.join(incident.types)}"
        return f"{text}. Not raised: {_WHY[reason]}." if reason else f"{text}."


def _known_anywhere(user: UserState, day: int) -> bool:
    """Whether the user was in any country before `day`: of who worked by programs alone, or through a VPN, none is
    known, and the first one is no news."""
    return any(seen_before(seen, day) for seen in user.history.countries.values())
