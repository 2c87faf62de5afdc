"""Places on a map as SVG: land, marks, and ways with how far and how fast; degrees are the unit of its drawing.

Plate carrée, as in `console.worldmap`, whose outlines (Natural Earth, public domain) these are.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

import msgspec

from console.worldmap import Spot, borders, land, unbroken, way

WEST, NORTH = -180.0, 90.0
MARGIN: Final = 12.0
SMALLEST: Final = 100.0
"""Degrees: around the outermost marks, and of the map's width at least: closer up nobody knows the coast again."""


class Mark(msgspec.Struct, frozen=True):
    """One place, where it falls on the drawing, and what to write beside it."""

    x: float
    y: float
    label: str
    anchor: str = "start"


class Drawing(msgspec.Struct, frozen=True):
    """What the template `map` draws. `box`: left, top, width, height. `unit`: of which sizes of marks and letters are
    multiples. `ways`: paths; `told`: all of it in words, for whoever can't see it."""

    box: tuple[float, float, float, float]
    unit: float
    marks: tuple[Mark, ...]
    ways: tuple[str, ...]
    told: str


@cache
def land_svg() -> str:
    """All land, and the lines between countries, to be used by the drawings of 360 by 180 degrees; pages colour it."""
    # What goes on beyond one side of the map comes in again at the other: it is drawn at both, or a line would lead
    # back across all of it.
    shapes = [[(x + shift, y) for x, y in unbroken(ring)] for ring in land() for shift in (-360, 0, 360)]
    seen = [_line(ring) + "Z" for ring in shapes if min(x for x, _ in ring) < 180 and max(x for x, _ in ring) > WEST]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 180" width="360" height="180">'
        f'<path id="land" fill-rule="evenodd" d="{"".join(seen)}"/>'
        f'<path id="borders" d="{"".join(map(_line, borders()))}"/></svg>'
    )


def _line(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x - WEST:.1f} {NORTH - y:.1f}" for x, y in points)


def drawing(spots: Sequence[Spot], told: str, *, joined: bool = False) -> Drawing | None:
    """A map of `spots`; with the shortest ways between them, one after the other, if `joined`. None where there are
    none."""
    if not spots:
        return None
    ways = [way(one, other) for one, other in pairwise(spots)] if joined else []
    points = [_point(each.latitude, each.longitude) for each in spots]
    box = _box(points + [_point(*each) for line in ways for each in line])
    middle = box[0] + box[2] / 2
    marks = tuple(
        Mark(round(x, 2), round(y, 2), spot.label, "end" if x > middle else "start")
        for spot, (x, y) in zip(spots, points, strict=True)
    )
    return Drawing(box, box[2] / 100, marks, tuple(_path(line) for line in ways), told)


def _point(latitude: float, longitude: float) -> tuple[float, float]:
    return longitude - WEST, NORTH - latitude


def _box(points: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """All points with a margin, twice as wide as high, within the world."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    width = max(max(xs) - min(xs) + 2 * MARGIN, 2 * (max(ys) - min(ys) + MARGIN), SMALLEST)
    width = min(width, 360.0)
    left = min(max((min(xs) + max(xs) - width) / 2, 0.0), 360.0 - width)
    top = min(max((min(ys) + max(ys) - width / 2) / 2, 0.0), 180.0 - width / 2)
    return round(left, 1), round(top, 1), round(width, 1), round(width / 2, 1)


def _path(line: Sequence[tuple[float, float]]) -> str:
    """The pieces of a way; a new one begins where it leaves the map at one side and comes in at the other."""
    made, before = "", None
    for latitude, longitude in line:
        x, y = _point(latitude, longitude)
        made += f"{'M' if before is None or abs(x - before) > 180 else 'L'}{x:.1f} {y:.1f}"
        before = x
    return made


class Bar(msgspec.Struct, frozen=True):
    """One bar of a hundred units' height: its label, its number, and where its top is."""

    label: str
    number: int
    top: float


def bars(values: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    """Bars beside one another; the highest takes all the height."""
    most = max((number for _, number in values), default=0) or 1
    return tuple(Bar(label, number, round(100 - 100 * number / most, 1)) for label, number in values)
