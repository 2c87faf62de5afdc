"""A journey between an activity and a place where the user was seen: how far, how fast, and in words."""

from typing import Final, Literal, NamedTuple

from detections.geography import distance_km
from detections.model import HOUR_MS, MINUTE_MS, Evidence
from detections.sightings import Mark, nearest
from detections.state import TEXT_CHARS, Sighting
from detections.wording import clock, count, duration, person, place, rounded
from schemas.activity import Activity

SHORTEST_MS: Final = MINUTE_MS
"""Clocks of different servers differ, and nothing may be divided by zero."""
AIRLINER_KMH: Final = 800
"""What airliners don't reach from door to door; Elastic's rules use the same number."""


class Limits(NamedTuple):
    """From when on a journey is impossible: all three must hold."""

    min_km: float
    min_kmh: float
    max_gap_ms: int


class Journey(NamedTuple):
    """A journey that nobody can make. `km`: less both accuracy radii. `kmh`: at least so fast. `sighting`: the end that
    was known before the activity."""

    km: float
    kmh: float
    gap_ms: int
    sighting: Sighting
    earlier: Evidence
    later: Evidence


def impossible_journey(activity: Activity, sighting: Sighting, limits: Limits) -> Journey | None:
    """The journey between `activity` and `sighting`, where it is beyond `limits`; else None."""
    place = activity.place
    if place.latitude == sighting.latitude and place.longitude == sighting.longitude:
        return None
    apart_km = distance_km(place.latitude, place.longitude, sighting.latitude, sighting.longitude)
    km = apart_km - place.radius_km - sighting.radius_km
    if km < limits.min_km:
        return None
    mark = nearest(sighting, activity.time_ms)
    kmh = km * HOUR_MS / max(mark.gap_ms, SHORTEST_MS)
    if mark.gap_ms > limits.max_gap_ms or kmh < limits.min_kmh:
        return None
    here, there = Evidence.of(activity), _evidence(sighting, mark)
    earlier, later = (there, here) if mark.time_ms <= activity.time_ms else (here, there)
    return Journey(km, kmh, mark.gap_ms, sighting, earlier, later)


def pair_of(journey: Journey, level: Literal["country", "city"]) -> str:
    """What an incident is about: the two countries, or the two cities where they are judged or share a country."""
    ends = (journey.earlier, journey.later)
    countries = sorted(each.country for each in ends)
    if level == "country" and countries[0] and countries[0] != countries[1]:
        return " - ".join(countries)
    return " - ".join(sorted(f"{each.country}/{each.city[:TEXT_CHARS]}" for each in ends))


def sentence(activity: Activity, journey: Journey, min_kmh: float) -> str:
    """The journey in plain words, with its numbers."""
    earlier, later = journey.earlier, journey.later
    limit = "any airliner" if min_kmh >= AIRLINER_KMH else "allowed"
    after = f"{duration(journey.gap_ms)} later" if journey.gap_ms >= 1000 else "at the same moment"
    return (
        f"{person(activity)} was in {place(earlier.city, earlier.country)} at "
        f"{clock(earlier.time_ms)} and {after} in {place(later.city, later.country)}, "
        f"{count(rounded(journey.km), 'km', 'km')} away: {count(rounded(journey.kmh), 'km/h', 'km/h')}, "
        f"faster than {limit} ({count(min_kmh, 'km/h', 'km/h')})."
    )


def _evidence(sighting: Sighting, mark: Mark) -> Evidence:
    return Evidence(
        event_id=mark.event_id,
        time_ms=mark.time_ms,
        type=mark.type,
        ip=sighting.ip,
        country=sighting.country,
        city=sighting.city,
        latitude=sighting.latitude,
        longitude=sighting.longitude,
        radius_km=sighting.radius_km,
        asn=max(0, sighting.asn),
        organisation=sighting.organisation,
    )
