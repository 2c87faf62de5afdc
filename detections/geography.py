"""Distances on the globe, and which countries border each other."""

from math import asin, cos, radians, sin, sqrt
from typing import Final, Literal

from detections.borders import BORDERS

EARTH_RADIUS_KM: Final = 6371.0
"""Mean radius; within 0.5 % of the ellipsoid's distances, far less than any accuracy radius."""

Relation = Literal["same", "bordering", "apart"]


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance in km between two points in degrees (haversine formula)."""
    phi, other_phi = radians(latitude), radians(other_latitude)
    half = (
        sin((other_phi - phi) / 2) ** 2 + cos(phi) * cos(other_phi) * sin(radians(other_longitude - longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))  # rounding may exceed 1 for antipodes


def on_globe(latitude: float, longitude: float, radius_km: float) -> bool:
    """Whether these are coordinates in degrees with a usable accuracy radius; not-a-number is not."""
    return -90 <= latitude <= 90 and -180 <= longitude <= 180 and 0 <= radius_km <= EARTH_RADIUS_KM


def relation(country: str, other: str) -> Relation:
    """How two countries (ISO 3166-1 alpha-2) lie to each other. An unknown one is apart from all."""
    if country == other and country:
        return "same"
    return "bordering" if (country, other) in BORDERS else "apart"
