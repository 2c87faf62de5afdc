"""A world map in the terminal: land, and a way over it, drawn with Braille dots (two by four in each character).

Plate carrée: degrees of longitude and latitude are equally wide everywhere, so a place is found without a formula.
Land and borders are Natural Earth's at 1:110 million (TopoJSON, public domain).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import asin, atan2, ceil, cos, degrees, radians, sin, sqrt
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from rich.cells import cell_len
from rich.text import Text

OUTLINES: Final = Path(__file__).with_name("data") / "countries-110m.json"
NORTH: Final = 80.0
SOUTH: Final = -57.0
"""Degrees of latitude at the map's edges: nobody logs in from beyond, and the space is better spent between."""
BRAILLE: Final = 0x2800
DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a Braille character, by row and column (Unicode, block Braille Patterns)."""
MARK: Final = "●"
LABEL_CHARS: Final = 20
STEP_KM: Final = 100
EARTH_RADIUS_KM: Final = 6371.0
STYLES: Final = {"land": "dim green", "way": "bright_red", "mark": "bold bright_yellow", "label": "bold bright_white"}

Line = tuple[tuple[float, float], ...]
"""Points one after the other: longitude, latitude, in degrees."""
Ring = Line
"""Corners of an outline."""


class Spot(NamedTuple):
    """A place to mark: degrees, and what to write beside it."""

    latitude: float
    longitude: float
    label: str


class Grid(NamedTuple):
    """The map's size in characters, and where degrees fall on its dots."""

    columns: int
    rows: int

    @classmethod
    def of(cls, columns: int) -> "Grid":
        """As high as `columns` make it, where a dot is as high as it is wide."""
        return cls(columns, ceil(columns * 2 * (NORTH - SOUTH) / 360 / 4))

    def dot(self, latitude: float, longitude: float) -> tuple[int, int]:
        """Column and row of the dot at these degrees; what lies beyond the edges falls on them."""
        width, height = self.columns * 2, self.rows * 4
        column = int((longitude + 180) / 360 * width)
        row = int((NORTH - latitude) / (NORTH - SOUTH) * height)
        return min(max(column, 0), width - 1), min(max(row, 0), height - 1)


@cache
def land() -> tuple[Ring, ...]:
    """The outlines of all land."""
    return tuple(rings(_outlines(), "land"))


@cache
def borders() -> tuple[Line, ...]:
    """The lines between countries: those that the outlines of two of them share."""
    topology = _outlines()
    uses = Counter(
        index if index >= 0 else ~index
        for polygon in _polygons(topology["objects"]["countries"])
        for ring in polygon
        for index in ring
    )
    arcs = _arcs(topology)
    return tuple(arcs[index] for index, number in uses.items() if number > 1)


@cache
def _outlines() -> Any:
    return msgspec.json.decode(OUTLINES.read_bytes())


def rings(topology: Any, name: str) -> Iterator[Ring]:
    """The rings of all polygons of the object `name` of a quantised TopoJSON topology
    (https://github.com/topojson/topojson-specification).

    An arc is a start and differences; a ring joins arcs end to end, `~n` being arc n backwards.
    """
    arcs = _arcs(topology)
    for polygon in _polygons(topology["objects"][name]):
        for ring in polygon:
            parts = [arcs[index] if index >= 0 else arcs[~index][::-1] for index in ring]
            yield tuple(point for part in parts for point in part[:-1])


def _arcs(topology: Any) -> list[Line]:
    (scale_x, scale_y), (offset_x, offset_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs: list[Line] = []
    for steps in topology["arcs"]:
        x = y = 0
        points = []
        for step_x, step_y in steps:
            x, y = x + step_x, y + step_y
            points.append((x * scale_x + offset_x, y * scale_y + offset_y))
        arcs.append(tuple(points))
    return arcs


def _polygons(thing: Any) -> Iterator[Any]:
    """The rings of each polygon of an object, as lists of arcs."""
    for shape in thing.get("geometries", (thing,)):
        yield from shape["arcs"] if shape["type"] == "MultiPolygon" else (shape["arcs"],)


@cache
def land_dots(grid: Grid) -> frozenset[tuple[int, int]]:
    """The dots whose middle is on land. A ring within another is a hole in it."""
    dots: set[tuple[int, int]] = set()
    for ring in land():
        dots ^= _filled(unbroken(ring), grid)
    return frozenset(dots)


def _filled(ring: Ring, grid: Grid) -> set[tuple[int, int]]:
    """The dots within `ring`: between each odd and the next even crossing of their row with it."""
    width, height = grid.columns * 2, grid.rows * 4
    dots_a_degree = height / (NORTH - SOUTH)
    crossings: dict[int, list[float]] = {}
    for (x, y), (next_x, next_y) in pairwise((*ring, ring[0])):
        high, low = ((NORTH - latitude) * dots_a_degree for latitude in (max(y, next_y), min(y, next_y)))
        for row in range(max(0, ceil(high - 0.5)), min(height, ceil(low - 0.5))):
            latitude = NORTH - (row + 0.5) / dots_a_degree
            longitude = x + (latitude - y) / (next_y - y) * (next_x - x)
            crossings.setdefault(row, []).append((longitude + 180) / 360 * width)
    dots = set()
    for row, found in crossings.items():
        found.sort()
        for begin, end in zip(found[::2], found[1::2], strict=False):
            dots |= {(column % width, row) for column in range(ceil(begin - 0.5), ceil(end - 0.5))}
    return dots


def unbroken(ring: Ring) -> Ring:
    """`ring` without the leap from 180 to -180 degrees, where it crosses that meridian: it goes on to 181 instead."""
    points, shift = [ring[0]], 0
    for (before, _), (x, y) in pairwise(ring):
        shift -= 360 * round((x - before) / 360)
        points.append((x + shift, y))
    return tuple(points)


def way(start: Spot, end: Spot) -> list[tuple[float, float]]:
    """Points (latitude, longitude in degrees) every `STEP_KM` of the shortest way over the globe."""
    one, other = _vector(start), _vector(end)
    chord = sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))
    angle = 2 * asin(min(1.0, chord / 2))
    steps = max(1, round(angle * EARTH_RADIUS_KM / STEP_KM))
    points = []
    for step in range(steps + 1):
        share = step / steps
        near, far = (
            (sin((1 - share) * angle) / sin(angle), sin(share * angle) / sin(angle)) if sin(angle) else (1.0, 0.0)
        )
        x, y, z = (near * a + far * b for a, b in zip(one, other, strict=True))
        points.append((degrees(atan2(z, sqrt(x * x + y * y))), degrees(atan2(y, x))))
    return points


def _vector(spot: Spot) -> tuple[float, float, float]:
    latitude, longitude = radians(spot.latitude), radians(spot.longitude)
    return cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)


def draw(start: Spot, end: Spot, columns: int) -> Text:
    """A map of `columns` characters with both places and the shortest way between them; lines end without blanks."""
    grid = Grid.of(columns)
    cells = _braille(grid, land_dots(grid), "land")
    cells |= _braille(grid, {grid.dot(*point) for point in way(start, end)}, "way")
    west, east = sorted((start, end), key=lambda spot: spot.longitude)
    for spot, leftwards in ((west, True), (east, False)):
        cells |= _label(grid, spot, leftwards=leftwards)
    for spot in (start, end):
        cells[_cell(grid, spot)] = MARK, "mark"
    drawn = Text()
    for row in range(grid.rows):
        line = Text()
        for column in range(grid.columns):
            sign, kind = cells.get((column, row), (" ", ""))
            line.append(sign, STYLES.get(kind))
        line.rstrip()
        drawn.append_text(line).append("\n" if row < grid.rows - 1 else "")
    return drawn


Cells = dict[tuple[int, int], tuple[str, str]]
"""Column and row, to a character and what it shows."""


def _braille(grid: Grid, dots: frozenset[tuple[int, int]] | set[tuple[int, int]], kind: str) -> Cells:
    bits: dict[tuple[int, int], int] = {}
    for column, row in dots:
        cell = column // 2, row // 4
        bits[cell] = bits.get(cell, 0) | DOTS[row % 4][column % 2]
    return {cell: (chr(BRAILLE + found), kind) for cell, found in bits.items()}


def _cell(grid: Grid, spot: Spot) -> tuple[int, int]:
    column, row = grid.dot(spot.latitude, spot.longitude)
    return column // 2, row // 4


def _label(grid: Grid, spot: Spot, *, leftwards: bool) -> Cells:
    """`spot`'s label beside its mark, on the side that is away from the way where there is room."""
    text = spot.label[:LABEL_CHARS]
    if cell_len(text) != len(text):  # signs of double width would shift all that follows
        return {}
    column, row = _cell(grid, spot)
    room_left, room_right = column > len(text), column + len(text) + 2 <= grid.columns
    to_the_left = room_left and (leftwards or not room_right)
    begin, padded = (column - 1 - len(text), f"{text} ") if to_the_left else (column + 1, f" {text}")
    return {(begin + index, row): (sign, "label") for index, sign in enumerate(padded) if begin + index < grid.columns}


def widest(available: int, spots: Sequence[Spot]) -> int:
    """How many characters wide a map of `spots` is drawn where `available` are free; 0 where there is no use in it."""
    if len({(spot.latitude, spot.longitude) for spot in spots}) < 2 or available < 60:
        return 0
    return min(available, 96)
