"""A journey to another continent, in the time that it takes, some days there, and the journey back."""

from typing import Final

from simulators.scenario.atlas import City
from simulators.scenario.role import Behaviour, Role, Staged
from simulators.scenario.whereabouts import Stretch

CRUISE_KMH: Final = 850.0
TAXI_H: Final = 0.5
BEFORE_H: Final = 2.0
"""On the way to the airport and through it: offline for so long before take-off."""
AFTER_H: Final = 1.0
"""And for so long after landing."""
HOUR_MS: Final = 3_600_000


def stage(role: Role) -> Staged:
    """Out of reach on the way there, in a hotel for one to three days, out of reach on the way back."""
    draw, traveller = role.draw, role.person
    there = draw.choice(role.organisation.atlas.far_from(traveller.city, 3_000))
    away_ms = flight_ms(traveller.city, there)
    leaves_ms = role.at(role.workday(5), draw.uniform(10, 20))
    arrives_ms = leaves_ms + away_ms
    returns_ms = arrives_ms + round(draw.uniform(26, 72) * HOUR_MS)
    hotel, roaming = there.public_wifi(draw), there.mobile(draw)
    stretches = (
        Stretch(start_ms=leaves_ms, end_ms=arrives_ms),
        Stretch(start_ms=arrives_ms, end_ms=returns_ms, desk=(hotel,), mobile=roaming, zone=there.zone),
        Stretch(start_ms=returns_ms, end_ms=returns_ms + away_ms),
    )
    about = f"{traveller.name} flies from {traveller.city.name} to {there.name} and back"
    return Staged(start_ms=leaves_ms, end_ms=returns_ms + away_ms, stretches=stretches, about=about)


def flight_ms(start: City, there: City) -> int:
    """From the last moment at one end to the first at the other (ms)."""
    return round((start.distance_km(there) / CRUISE_KMH + TAXI_H + BEFORE_H + AFTER_H) * HOUR_MS)


FLIGHT: Final = Behaviour(
    kind="flight", policy="impossible_travel", malicious=False, stage=stage, also=("infrequent_country",)
)
