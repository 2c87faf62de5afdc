"""Incidents that grow with every further activity: told when they begin, at doublings, and when something is new."""

from typing import Final

from detections.state import ADDRESS_CHARS, ID_CHARS, TEXT_CHARS, Encounters, Incident, goes_on
from schemas.activity import Activity

MAX_COUNTRIES: Final = 3
"""New countries that are followed at a time. Each further one is told, too, and takes the place of the oldest."""
MAX_WORDS: Final = 6
"""Types of activity and kinds of network that are named, and each told as news once."""


def begun(activity: Activity, key: str, words: tuple[str, ...]) -> Incident:
    """The incident about `key` that begins with `activity`. `words`: what it is told to be made of."""
    time_ms = activity.time_ms
    kept = list(dict.fromkeys(word[:TEXT_CHARS] for word in words))[:MAX_WORDS]
    return Incident(key[:ADDRESS_CHARS], activity.event_id[:ID_CHARS], time_ms, time_ms, time_ms, 1, kept)


def grown(incident: Incident, activity: Activity, words: tuple[str, ...]) -> bool:
    """Counts `activity` in. True where that is worth telling: twice as many as last time, or one of `words` is new."""
    incident.count += 1
    incident.first_ms = min(incident.first_ms, activity.time_ms)
    incident.last_ms = max(incident.last_ms, activity.time_ms)
    news = incident.count & (incident.count - 1) == 0
    for word in words:
        word = word[:TEXT_CHARS]
        if word not in incident.types and len(incident.types) < MAX_WORDS:
            incident.types.append(word)
            news = True
    return news


def forget(kept: Encounters, time_ms: int) -> None:
    """Drops the incidents that can't go on at `time_ms`."""
    if kept.anonymous is not None and not goes_on(kept.anonymous.anchor_ms, time_ms):
        kept.anonymous = None
    if kept.suspicious is not None and not goes_on(kept.suspicious.anchor_ms, time_ms):
        kept.suspicious = None
    if kept.countries:
        kept.countries = [each for each in kept.countries if goes_on(each.anchor_ms, time_ms)]
