"""What an activity policy says about what matched, in plain words with the numbers."""

from typing import Final

from detections.activity_policies.watches import Repeated
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from detections.state import Incident
from detections.wording import clock, count, person, place, plain
from schemas.activity import Activity

_NOUNS: Final = {"login": "login", "failed_login": "failed login", "link_access": "access by link"}


def sentence(activity: Activity) -> str:
    """The activity: who, what, by which client, from where, when."""
    return f"{person(activity)}: {_what(activity)} at {clock(activity.time_ms)}."


def repeated_sentence(activity: Activity, incident: Incident, rule: Repeated) -> str:
    """How many matches there were, when, how many are too many, and the last one."""
    span = f"from {clock(incident.first_ms)} to {clock(incident.last_ms, incident.first_ms)}"
    targets = " of different targets" if rule.unique_targets else ""
    text = f"{person(activity)}: {count(incident.count, 'matching activity', 'matching activities')}{targets} {span}"
    if rule.count > 1:
        text += f"; {rule.count:,} within {_span(rule.within_ms)} are too many"
    return f"{text}. The last: {_what(activity)}."


def _what(activity: Activity) -> str:
    text = _NOUNS.get(activity.type) or activity.type.replace("_", " ")
    if activity.path:
        text += f" of {plain(activity.path)}"
    elif activity.subject is not None:
        text += f" of {plain(activity.subject.name or activity.subject.email)}"
    elif activity.group:
        text += f" of group {plain(activity.group)}"
    if activity.client:
        text += f" by {plain(activity.client)}"
    return text + _whence(activity)


def _whence(activity: Activity) -> str:
    if not activity.ip:
        return ""
    network = activity.network
    words = [place(activity.place.city, activity.place.country)] if activity.place.country else []
    words += [plain(each) for each in (network.organisation, network.category, *network.tags) if each]
    return f" from {activity.ip}" + (f" ({', '.join(words)})" if words else "")


def _span(span_ms: int) -> str:
    """A rule's span, as exact as it was written: `90 s`, `5 min`, `1 h`."""
    for unit_ms, unit in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (1_000, "s")):
        if span_ms % unit_ms == 0:
            return f"{span_ms // unit_ms} {unit}"
    return f"{span_ms} ms"
