"""The world map: what is land is land, and a place is where it should be."""

from itertools import pairwise

import pytest
from rich.cells import cell_len

from console.worldmap import MARK, Grid, Spot, draw, land, land_dots, rings, way, widest
from detections.geography import distance_km

LISBON = Spot(38.72, -9.14, "Lisbon")
SINGAPORE = Spot(1.29, 103.85, "Singapore")
GRID = Grid.of(96)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        (48.9, 2.4),
        (39.7, -105.0),
        (-15.8, -47.9),
        (-1.3, 36.8),
        (61.5, 105.0),
        (67.0, 175.0),
        (67.0, -173.5),
        (-25, 134),
    ],
    ids=["Paris", "Denver", "Brasília", "Nairobi", "Siberia", "Chukotka", "Chukotka beyond 180°", "Australia"],
)
def test_land_is_land(latitude: float, longitude: float) -> None:
    assert GRID.dot(latitude, longitude) in land_dots(GRID)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(40, -40), (0, -150), (-30, 80), (42, 51), (-20, -179), (70, 0)],
    ids=["Atlantic", "Pacific", "Indian Ocean", "Caspian Sea", "Fiji's waters", "Norwegian Sea"],
)
def test_water_is_water(latitude: float, longitude: float) -> None:
    assert GRID.dot(latitude, longitude) not in land_dots(GRID)


def test_about_a_third_of_the_map_is_land() -> None:
    share = len(land_dots(GRID)) / (GRID.columns * 2 * GRID.rows * 4)
    assert 0.25 < share < 0.45  # 29 % of the globe; this projection widens the north


def test_arcs_are_joined_scaled_and_turned() -> None:
    topology = {
        "transform": {"scale": [2, 3], "translate": [10, 20]},
        "arcs": [[[0, 0], [1, 0], [0, 1]], [[0, 0], [0, 1], [1, 0]]],
        "objects": {"land": {"type": "Polygon", "arcs": [[0, -2]]}},
    }
    assert list(rings(topology, "land")) == [((10, 20), (12, 20), (12, 23), (10, 23))]


def test_all_outlines_are_on_the_globe() -> None:
    assert len(land()) > 100
    assert all(-180 <= x <= 180 and -90 <= y <= 90 for ring in land() for x, y in ring)


def test_both_places_are_marked_where_they_are() -> None:
    rows = draw(LISBON, SINGAPORE, 96).plain.split("\n")
    marks = {
        (row.index(MARK, at), number) for number, row in enumerate(rows) for at in range(len(row)) if row[at] == MARK
    }
    assert marks == {(45, 5), (75, 10)}  # (180 - 9.14) / 360 of 96 columns, (80 - 38.72) / 137 of 19 rows
    assert any(f"Lisbon {MARK}" in row for row in rows)
    assert any(f"{MARK} Singapore" in row for row in rows)
    assert len(rows) == GRID.rows


@pytest.mark.parametrize("columns", [60, 78, 96])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (LISBON, SINGAPORE),
        (Spot(-17.7, 178.0, "Suva"), Spot(21.3, -157.9, "Honolulu")),
        (Spot(89.9, 0, "N"), Spot(-89.9, 179.9, "S")),
        (Spot(35.7, 139.7, "東京"), Spot(0, 180, "x" * 90)),
    ],
)
def test_no_line_is_wider_than_asked(columns: int, start: Spot, end: Spot) -> None:
    drawn = draw(start, end, columns).plain
    assert drawn.count(MARK) == 2
    assert max(map(cell_len, drawn.split("\n"))) <= columns


def test_the_way_is_the_shortest_one() -> None:
    points = way(LISBON, SINGAPORE)
    assert points[0] == pytest.approx(LISBON[:2])
    assert points[-1] == pytest.approx(SINGAPORE[:2])
    legs = [distance_km(*one, *other) for one, other in pairwise(points)]
    assert sum(legs) == pytest.approx(distance_km(*LISBON[:2], *SINGAPORE[:2]), rel=1e-6)
    assert max(legs) < 150


def test_the_way_over_the_date_line_does_not_cross_the_map() -> None:
    points = way(Spot(35.7, 139.7, "Tokyo"), Spot(37.8, -122.4, "San Francisco"))
    assert all(abs(longitude) > 120 for _, longitude in points)


@pytest.mark.parametrize(("available", "width"), [(59, 0), (60, 60), (96, 96), (300, 96)])
def test_the_map_fits(available: int, width: int) -> None:
    assert widest(available, (LISBON, SINGAPORE)) == width
    assert widest(available, (LISBON, LISBON)) == 0
