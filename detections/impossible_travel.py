"""Impossible travel: one user at two places, further apart than anybody can travel in the time between.

Judged on every successful activity with an address, not only on logins: a thief with a stolen session never logs in.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, Literal

from detections import sightings
from detections.geography import on_globe
from detections.journey import Journey, Limits, impossible_journey, pair_of, sentence
from detections.model import HOUR_MS, Candidate, Metadata, Number, Technique, attributable
from detections.networks import has_place
from detections.others import other_users
from detections.state import ADDRESS_CHARS, ID_CHARS, Incident, Journeys, UserState
from detections.suppression import first_today
from detections.travel_ladder import WHY, Reason, Settings, reason_against, switched_from
from detections.wording import clock, count
from schemas.activity import Activity

MAX_INCIDENTS: Final = 5
"""Pairs of places told apart at a time. Further ones are counted with the last: it is one thief, hopping."""
MAX_TYPES: Final = 6
"""Types of activity that are named, and each told as news once."""


class ImpossibleTravel:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="impossible_travel",
        version="1.1",
        title="Impossible travel",
        description=(
            "Activities of one user from two places that are further apart than anybody can travel in the time "
            "between: somebody else is probably using the account."
        ),
        techniques=(
            Technique("T1078", "Valid Accounts", "TA0001", "Initial Access"),
            Technique("T1078.004", "Cloud Accounts", "TA0001", "Initial Access"),
            Technique("T1550.004", "Web Session Cookie", "TA0008", "Lateral Movement"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "A VPN, relay or security gateway that is on no list.",
            "A wrong place in the geo-IP database.",
            "A session that goes on in a data centre: integrations, remote desktops.",
        ),
        triage=(
            "Compare both ends with what is usual for the user: provider, client, what was done. Ask the user by "
            "another channel whether both were them. If an end is a company's exit, add its range to the VPN list."
        ),
        remediation=(
            "Require the user to sign in again, which ends stolen sessions; reset the password; suspend the user if "
            "the activities go on. Then look at what was downloaded, shared and changed from the foreign place."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: each pair of places is raised once, then updated while it goes on."""
        journeys = user.journeys
        if activity.outcome != "success" or not activity.ip or activity.ip == journeys.passing:
            return ()
        if (self.settings.interactive_only and not activity.interactive) or not attributable(activity):
            return ()
        if journeys.sightings and not journeys.incidents and sightings.repeated(journeys, activity):
            return ()
        place = activity.place
        if place.precision != "city" or not on_globe(place.latitude, place.longitude, place.radius_km):
            return ()
        return self._weigh(activity, user)

    def _weigh(self, activity: Activity, user: UserState) -> list[Candidate]:
        settings, journeys, network = self.settings, user.journeys, activity.network
        sightings.forget(journeys, activity.time_ms)
        found = self._impossible(activity, journeys)
        if not has_place(network, settings.unplaceable_categories, settings.unplaceable_tags):
            journeys.passing = activity.ip[:ADDRESS_CHARS]
            return self._tell(activity, user, found, "unplaceable_network")
        home = switched_from(activity, found)  # the person is there, whatever the database says of the other address
        told = self._tell(activity, user, found, "address_family_switch" if home else None)
        journeys.passing = ""
        safe = network.category in settings.safe_categories
        sightings.record(journeys, activity, safe=safe, others=other_users(activity, user), at=home)
        return told

    def _impossible(self, activity: Activity, journeys: Journeys) -> list[Journey]:
        """The journeys between `activity` and where the user was seen that nobody can make, nearest in time first."""
        settings = self.settings
        limits = Limits(settings.min_distance_km, settings.min_speed_kmh, settings.lookback_hours * HOUR_MS)
        found = [
            journey
            for sighting in journeys.sightings
            if (journey := impossible_journey(activity, sighting, limits)) is not None
        ]
        return sorted(found, key=lambda each: (each.gap_ms, each.sighting.prefix))

    def _tell(self, activity: Activity, user: UserState, found: list[Journey], veil: Reason | None) -> list[Candidate]:
        journeys, told, counted = user.journeys, [], set[str]()
        for journey in found:
            pair = pair_of(journey, self.settings.level)
            incident = None if veil else next((each for each in journeys.incidents if each.key == pair), None)
            if incident is None:
                reason = veil or reason_against(activity, user, journey, self.settings)
                if reason:
                    if first_today(user, journey.later.time_ms, self.metadata.id, reason, pair):
                        told.append(self._suppressed(activity, journey, reason))
                    continue
                if len(journeys.incidents) < MAX_INCIDENTS:
                    incident = _opened(journey, pair)
                    journeys.incidents.append(incident)
                    counted.add(incident.anchor)
                    told.append(self._raised("create", activity, journey, incident))
                    continue
                incident = journeys.incidents[-1]
            if incident.anchor not in counted:
                counted.add(incident.anchor)
                if _grown(incident, activity, journey):
                    told.append(self._raised("update", activity, journey, incident))
        return told

    def _raised(
        self, step: Literal["create", "update"], activity: Activity, journey: Journey, incident: Incident
    ) -> Candidate:
        message = sentence(activity, journey, self.settings.min_speed_kmh)
        if step == "update":
            since = clock(incident.anchor_ms, journey.later.time_ms)
            what = ", ".join(incident.types)
            message += f" {count(incident.count, 'such activity', 'such activities')} since {since}: {what}."
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=incident.anchor,
            severity=self.settings.severity,
            raises=self.settings.raises,
            message=message,
            first_ms=incident.first_ms,
            last_ms=incident.last_ms,
            count=incident.count,
            numbers=self._numbers(journey),
            evidence=(journey.earlier, journey.later),
        )

    def _suppressed(self, activity: Activity, journey: Journey, reason: Reason) -> Candidate:
        return Candidate(
            policy=self.metadata.id,
            step="suppress",
            anchor=journey.later.event_id[:ID_CHARS],
            severity=self.settings.severity,
            raises=self.settings.raises,
            message=f"{sentence(activity, journey, self.settings.min_speed_kmh)} Not raised: {WHY[reason]}.",
            first_ms=journey.earlier.time_ms,
            last_ms=journey.later.time_ms,
            numbers=self._numbers(journey),
            evidence=(journey.earlier, journey.later),
            suppressed=reason,
        )

    def _numbers(self, journey: Journey) -> tuple[Number, ...]:
        return (
            Number("distance", round(journey.km, 1), self.settings.min_distance_km, "km"),
            Number("speed", round(journey.kmh, 1), self.settings.min_speed_kmh, "km/h"),
            Number("time between", round(journey.gap_ms / 60_000, 2), None, "min"),
        )


def _opened(journey: Journey, pair: str) -> Incident:
    earlier, later = journey.earlier, journey.later
    types = list(dict.fromkeys((earlier.type, later.type)))
    return Incident(pair, later.event_id[:ID_CHARS], later.time_ms, earlier.time_ms, later.time_ms, 1, types)


def _grown(incident: Incident, activity: Activity, journey: Journey) -> bool:
    """Counts `activity` in; True where that is worth telling: twice as many as last time, or a new type of activity."""
    incident.count += 1
    incident.first_ms = min(incident.first_ms, journey.earlier.time_ms)
    incident.last_ms = max(incident.last_ms, journey.later.time_ms)
    doubled = incident.count & (incident.count - 1) == 0
    if activity.type in incident.types or len(incident.types) >= MAX_TYPES:
        return doubled
    incident.types.append(activity.type)
    return True
