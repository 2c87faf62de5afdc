"""Why a journey that nobody can make is not raised after all: the ladder of reasons, and the settings that it obeys.

What holds for the system at every sensitivity comes first, then learning, then what is usual for the user (low and
medium) and what is common in the organisation (low): places and providers of so many others. Where nobody knows how
many they are, nothing is common.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

from detections.geography import relation
from detections.history import learning
from detections.journey import Journey
from detections.model import DAY_MS
from detections.networks import SAFE_CATEGORIES, UNPLACEABLE_CATEGORIES, UNPLACEABLE_TAGS, prefix_of
from detections.others import other_users
from detections.seen import days_seen
from detections.settings import PolicySettings, Sensitivity
from detections.state import ADDRESS_CHARS, Sighting, UserState
from detections.verdicts import is_benign
from schemas.activity import Activity, IpCategory

Reason = Literal[
    "unplaceable_network",
    "address_family_switch",
    "same_network",
    "same_country",
    "bordering_country",
    "both_ends_safe",
    "learning",
    "usual_for_user",
    "closed_as_benign",
    "common_in_organisation",
]
WHY: Final[dict[Reason, str]] = {
    "unplaceable_network": "an end is a VPN, relay, cloud or similar network, which stands for no place",
    "address_family_switch": "the same provider's IPv4 and IPv6 addresses are only listed at different places",
    "same_network": "it is the same network, listed at another place",
    "same_country": "both ends are in one country",
    "bordering_country": "the countries border each other",
    "both_ends_safe": "both ends are networks of the company",
    "learning": "what is usual for this user is still being learned",
    "usual_for_user": "both ends are usual for this user",
    "closed_as_benign": "both ends are usual for this user, or of a provider that a finding was closed as benign for",
    "common_in_organisation": "both ends are usual for this user or common in the organisation",
}


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    sensitivity: Sensitivity = "medium"
    level: Literal["country", "city"] = "country"
    min_distance_km: Annotated[float, Meta(ge=50, le=20_000)] = 500
    min_speed_kmh: Annotated[float, Meta(ge=100, le=20_000)] = 800
    lookback_hours: Annotated[int, Meta(ge=1, le=24)] = 24
    learning_days: Annotated[int, Meta(ge=0, le=60)] = 7
    learning_logins: Annotated[int, Meta(ge=0, le=60)] = 10
    usual_days: Annotated[int, Meta(ge=1, le=30)] = 3
    common_users: Annotated[int, Meta(ge=2, le=100_000)] = 3
    interactive_only: bool = True
    unplaceable_categories: tuple[IpCategory, ...] = UNPLACEABLE_CATEGORIES
    unplaceable_tags: tuple[str, ...] = UNPLACEABLE_TAGS
    safe_categories: tuple[IpCategory, ...] = SAFE_CATEGORIES


def switched_from(activity: Activity, found: list[Journey]) -> Sighting | None:
    """The sighting, of those that `found` leads to, that `activity` differs from by its address family only.

    IPv4 and IPv6 addresses of one provider are often listed at different places.
    """
    for journey in found:
        asn, sighting = activity.network.asn, journey.sighting
        if asn > 0 and asn == sighting.asn and (":" in activity.ip) != (":" in sighting.prefix):
            return sighting
    return None


def reason_against(activity: Activity, user: UserState, journey: Journey, settings: Settings) -> Reason | None:
    """Why `journey` is not raised, None where it is."""
    sighting, place, network = journey.sighting, activity.place, activity.network
    if sighting.prefix == prefix_of(network, activity.ip)[:ADDRESS_CHARS]:
        return "same_network"
    if settings.level == "country":
        near = relation(place.country, sighting.country)
        if near != "apart":
            return "same_country" if near == "same" else "bordering_country"
    sensitivity, day = settings.sensitivity, journey.later.time_ms // DAY_MS
    if sensitivity != "high" and sighting.safe and network.category in settings.safe_categories:
        return "both_ends_safe"
    if not learning(user, day).complete(settings.learning_days, settings.learning_logins):
        return "learning"
    if sensitivity == "high":
        return None
    here = _usual(user, day, place.country, network.asn, settings.usual_days)
    there = _usual(user, day, sighting.country, sighting.asn, settings.usual_days)
    if here and there:
        return "usual_for_user"
    here = here or is_benign(user.verdicts, network.asn, day)
    there = there or is_benign(user.verdicts, sighting.asn, day)
    if here and there:
        return "closed_as_benign"
    if sensitivity == "medium":
        return None
    here = here or other_users(activity, user) >= settings.common_users
    there = there or sighting.others >= settings.common_users
    return "common_in_organisation" if here and there else None


def _usual(user: UserState, day: int, country: str, asn: int, least: int) -> bool:
    """Whether the user was in this country, or with this provider, on `least` of the 30 days before `day`.

    Whole days before only: what a thief does today does not become usual today, however often it is repeated.
    """
    history = user.history
    return (
        days_seen(history.countries.get(country), day) >= least
        or days_seen(history.networks.get(str(asn)), day) >= least
    )
