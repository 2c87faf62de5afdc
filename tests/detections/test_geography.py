"""Distances against known ones, borders against themselves."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detections.borders import BORDERS, TABLE
from detections.geography import EARTH_RADIUS_KM, distance_km, on_globe, relation

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


@pytest.mark.parametrize(
    ("start", "end", "km"),
    [
        ((0, 0), (1, 0), 111.195),
        ((0, 0), (0, 180), 20_015.09),
        ((90, 0), (-90, 77), 20_015.09),
        ((38.72, -9.14), (1.35, 103.82), 11_877),  # Lisbon, Singapore
        ((52.52, 13.405), (48.8566, 2.3522), 878),  # Berlin, Paris
        ((0, 179.5), (0, -179.5), 111.195),  # across the date line
    ],
)
def test_known_distances(start: tuple[float, float], end: tuple[float, float], km: float) -> None:
    assert distance_km(*start, *end) == pytest.approx(km, rel=0.002)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distance_is_a_distance(latitude: float, longitude: float, other: float, far: float) -> None:
    there = distance_km(latitude, longitude, other, far)
    assert 0 <= there <= EARTH_RADIUS_KM * 3.1416
    assert distance_km(other, far, latitude, longitude) == pytest.approx(there)


@pytest.mark.parametrize(
    ("latitude", "longitude", "radius", "usable"),
    [
        (90, -180, 0, True),
        (90.1, 0, 0, False),
        (0, 181, 0, False),
        (0, 0, -1, False),
        (0, 0, float("inf"), False),
        (float("nan"), 0, 0, False),
        (0, 0, float("nan"), False),
    ],
)
def test_what_is_on_the_globe(latitude: float, longitude: float, radius: float, usable: bool) -> None:
    assert on_globe(latitude, longitude, radius) is usable


@pytest.mark.parametrize(
    ("country", "other", "expected"),
    [
        ("PT", "PT", "same"),
        ("PT", "ES", "bordering"),
        ("ES", "PT", "bordering"),
        ("US", "CA", "bordering"),
        ("RU", "KP", "bordering"),
        ("HK", "CN", "bordering"),
        ("GF", "BR", "bordering"),
        ("PT", "FR", "apart"),
        ("GB", "FR", "apart"),
        ("AU", "NZ", "apart"),
        ("", "", "apart"),
        ("", "PT", "apart"),
        ("XX", "PT", "apart"),
    ],
)
def test_relations(country: str, other: str, expected: str) -> None:
    assert relation(country, other) == expected


def test_every_border_is_listed_once_and_holds_in_both_directions() -> None:
    lines = [line.split() for line in TABLE.strip().splitlines()]
    for country, *neighbours in lines:
        assert neighbours
        assert all(re.fullmatch("[A-Z]{2}", each) for each in (country, *neighbours))
        assert all(first < second for first, second in pairwise((country, *neighbours)))
    assert all(first[0] < second[0] for first, second in pairwise(lines))
    assert sum(len(line) - 1 for line in lines) == 326
    assert {(other, country) for country, other in BORDERS} == BORDERS


@pytest.mark.parametrize(("country", "count"), [("CN", 16), ("RU", 14), ("DE", 9), ("FR", 8), ("BR", 10), ("PT", 1)])
def test_countries_have_as_many_neighbours_as_in_the_atlas(country: str, count: int) -> None:
    assert sum(each == country for each, _ in BORDERS) == count
