"""Why the demo's colleagues raised no alert: told from their activities and the suppressed findings, as read back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from detections import wording
from detections.geography import distance_km
from detections.model import DAY_MS, HOUR_MS
from schemas.activity import Activity
from schemas.finding import Finding

FLIGHT_KM: Final = 500
"""Shorter ways are no journey worth a word."""


class Limits(NamedTuple):
    """What the policies in force take for possible or usual: a speed, and failed logins in a row."""

    max_kmh: float
    failures: int


def quiet_line(activities: Sequence[Activity], suppressed: Iterable[Finding], begins_ms: int, limits: Limits) -> str:
    """What one user did from `begins_ms` on, and why that was fine.

    `activities`: all of this user's; `suppressed`: the findings about them that were not raised.
    """
    live = [activity for activity in activities if activity.time_ms >= begins_ms]
    done = Counter(activity.type.replace("_", " ") for activity in live)
    what = ", ".join(wording.count(number, kind) for kind, number in done.items())
    where = " and ".join(dict.fromkeys(_where(activity) for activity in live))
    told = f"{what or 'nothing'}{' from ' + where if where else ''}"
    reasons = list(dict.fromkeys(found.message for found in suppressed))
    reasons += [] if reasons else _flight(activities, begins_ms, limits.max_kmh)
    if 0 < done["failed login"] < limits.failures:
        reasons.append(f"{limits.failures} failed logins in a row would be too many.")
    return f"{told}. {' '.join(reasons)}".rstrip()


def _where(activity: Activity) -> str:
    place = wording.place(activity.place.city, activity.place.country)
    return f"{place} (network: {activity.network.category})" if activity.network.category else place


def _flight(activities: Sequence[Activity], begins_ms: int, max_kmh: float) -> list[str]:
    """The longest way between two activities in a row, from a day before `begins_ms` on, if it takes a flight."""
    placed = [
        activity
        for activity in sorted(activities, key=lambda activity: activity.time_ms)
        if activity.outcome == "success"
        and activity.place.precision == "city"
        and activity.time_ms >= begins_ms - DAY_MS
    ]
    hops = [(_km(before, after), before, after) for before, after in pairwise(placed)]
    if not hops:
        return []
    km, before, after = max(hops, key=lambda hop: hop[0])
    took_ms = after.time_ms - before.time_ms
    kmh = km * HOUR_MS / max(took_ms, 1)
    if km < FLIGHT_KM or kmh > max_kmh:
        return []
    way = wording.count(wording.rounded(km), "km", "km")
    speed = wording.count(wording.rounded(kmh), "km/h", "km/h")
    start = wording.place(before.place.city, before.place.country)
    return [f"{way} from {start} in {wording.duration(took_ms)}: {speed}, and up to {max_kmh:g} km/h is a flight."]


def _km(one: Activity, other: Activity) -> float:
    return distance_km(one.place.latitude, one.place.longitude, other.place.latitude, other.place.longitude)
