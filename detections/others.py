"""How many others of the organisation are at a place, or with a provider: what is common is told by others alone."""

from detections.model import DAY_MS
from detections.seen import days_seen
from detections.state import UserState
from schemas.activity import Activity


def other_users(activity: Activity, user: UserState) -> int:
    """Distinct users, without this one, of the country or of the provider of `activity`, whichever has more, in the 30
    days before its day; -1 where nobody knows."""
    known, history, day = activity.knowledge, user.history, activity.time_ms // DAY_MS
    country = _without(known.country_users, days_seen(history.countries.get(activity.place.country), day))
    provider = _without(known.asn_users, days_seen(history.networks.get(str(activity.network.asn)), day))
    return max(country, provider)


def _without(users: int, own_days: int) -> int:
    return users - 1 if own_days and users > 0 else users
