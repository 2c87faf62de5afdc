"""Where a user was seen in the last day: by network, each with the times that matter.

An activity may come late, so its neighbours in time are sought on both sides. To know them without keeping every
activity, time is cut into aligned slots of 20 minutes, of which the first and the last activity are kept. What lies
between them may be off by a slot, and always to the safe side: a journey then seems slower than it was. At the default
distance even that seeming speed is out of the question (500 km within 20 minutes are 1,500 km/h), so nothing is lost.
"""

from typing import Final, NamedTuple

from detections.model import DAY_MS, LATENESS_MS, MINUTE_MS
from detections.networks import prefix_of
from detections.state import ADDRESS_CHARS, ID_CHARS, TEXT_CHARS, Journeys, Sighting, Slot, goes_on
from schemas.activity import Activity

SLOT_MS: Final = 20 * MINUTE_MS
KEPT_MS: Final = DAY_MS + LATENESS_MS
"""The longest look-back, and as much again as an activity may come late."""
MAX_SIGHTINGS: Final = 8
MAX_SLOTS: Final = 16
"""Of all sightings together. Of more, the oldest are dropped."""


class Mark(NamedTuple):
    """One activity at a sighting. `gap_ms`: between it and the one asked about."""

    gap_ms: int
    time_ms: int
    event_id: str
    type: str


def repeated(journeys: Journeys, activity: Activity) -> bool:
    """Takes note of `activity` where it comes from the address of the newest one, after it and in its slot; else False.

    Such an activity is no nearer to any other place than the one before it. Most activities are like that.
    """
    here = journeys.sightings[-1]
    slot, time_ms = here.slots[-1], activity.time_ms
    if here.ip != activity.ip or time_ms < slot.last_ms or time_ms // SLOT_MS != slot.last_ms // SLOT_MS:
        return False
    slot.last_ms, slot.last_id, slot.last_type = time_ms, activity.event_id[:ID_CHARS], activity.type
    journeys.passing = ""
    return True


def nearest(sighting: Sighting, time_ms: int) -> Mark:
    """The activity at `sighting` that is nearest in time to `time_ms`, on either side of it."""
    slot = sighting.slots[-1]
    best = Mark(abs(time_ms - slot.last_ms), slot.last_ms, slot.last_id, slot.last_type)
    if time_ms >= slot.last_ms:
        return best
    for slot in sighting.slots:
        first = Mark(abs(time_ms - slot.first_ms), slot.first_ms, slot.first_id, slot.first_type)
        last = Mark(abs(time_ms - slot.last_ms), slot.last_ms, slot.last_id, slot.last_type)
        best = min(best, first, last)
    return best


def record(journeys: Journeys, activity: Activity, *, safe: bool, others: int, at: Sighting | None = None) -> None:
    """Adds `activity` to `at`, or else to the sighting of its network. `others`: see `detections.others`.

    A network keeps the place that it was first seen at, so that an address that a new database puts elsewhere does not
    travel.
    """
    prefix = prefix_of(activity.network, activity.ip)[:ADDRESS_CHARS]
    sighting = at or next((each for each in journeys.sightings if each.prefix == prefix), None)
    if sighting is None:
        sighting = _new(activity, prefix)
        journeys.sightings.append(sighting)
    newest = activity.time_ms >= sighting.slots[-1].last_ms
    _place(sighting.slots, activity)
    if newest:
        sighting.ip = activity.ip[:ADDRESS_CHARS]
        sighting.safe = safe
        sighting.others = _small(others)
        journeys.sightings.sort(key=_newest)
    _bound(journeys)


def forget(journeys: Journeys, time_ms: int) -> None:
    """Drops what no activity from `time_ms` on, or as late as allowed, can meet."""
    journeys.incidents = [each for each in journeys.incidents if goes_on(each.anchor_ms, time_ms)]
    journeys.sightings = [each for each in journeys.sightings if each.slots[-1].last_ms > time_ms - KEPT_MS]
    for sighting in journeys.sightings:
        slots = sighting.slots
        while len(slots) > 1 and slots[1].last_ms <= time_ms - LATENESS_MS:
            del slots[0]


def _new(activity: Activity, prefix: str) -> Sighting:
    place, network = activity.place, activity.network
    return Sighting(
        prefix=prefix,
        ip="",
        asn=_small(network.asn),
        organisation=network.organisation[:TEXT_CHARS],
        country=place.country[:2],
        city=place.city[:TEXT_CHARS],
        latitude=float(place.latitude),
        longitude=float(place.longitude),
        radius_km=float(place.radius_km),
        safe=False,
        others=-1,
        slots=[_slot(activity)],
    )


def _slot(activity: Activity) -> Slot:
    time_ms, event_id, kind = activity.time_ms, activity.event_id[:ID_CHARS], activity.type
    return Slot(time_ms, event_id, kind, time_ms, event_id, kind)


def _place(slots: list[Slot], activity: Activity) -> None:
    time_ms = activity.time_ms
    number = time_ms // SLOT_MS
    index = len(slots)
    while index and slots[index - 1].last_ms // SLOT_MS > number:
        index -= 1
    slot = slots[index - 1] if index else None
    if slot is None or slot.last_ms // SLOT_MS != number:
        slots.insert(index, _slot(activity))
    elif time_ms < slot.first_ms:
        slot.first_ms, slot.first_id, slot.first_type = time_ms, activity.event_id[:ID_CHARS], activity.type
    elif time_ms >= slot.last_ms:
        slot.last_ms, slot.last_id, slot.last_type = time_ms, activity.event_id[:ID_CHARS], activity.type


def _bound(journeys: Journeys) -> None:
    sightings = journeys.sightings
    del sightings[:-MAX_SIGHTINGS]
    while sum(len(each.slots) for each in sightings) > MAX_SLOTS:
        longest = min((each for each in sightings if len(each.slots) > 1), key=lambda each: each.slots[0].first_ms)
        del longest.slots[0]


def _newest(sighting: Sighting) -> tuple[int, str]:
    return sighting.slots[-1].last_ms, sighting.prefix


def _small(number: int) -> int:
    return number if -1 <= number < 1 << 32 else -1
