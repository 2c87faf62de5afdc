"""The journey behind a finding, so that one can follow it: two ends, the way between them, how far and how fast."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from console.worldmap import Spot, draw, widest
from detections import wording
from schemas import ocsf
from schemas.finding import Finding

INDENT: Final = "    "
MEASURES: Final = ("distance in km", "speed in km/h")
"""What a finding about a journey measures, as the policies name it."""


class End(msgspec.Struct, frozen=True):
    """One end: where, when (ms since the epoch, UTC), what was done, from which address. Degrees, WGS 84."""

    city: str
    country: str
    latitude: float
    longitude: float
    time_ms: int
    did: str
    ip: str

    @property
    def name(self) -> str:
        """`Lisbon (PT)`."""
        return wording.place(self.city, self.country)


class Journey(msgspec.Struct, frozen=True):
    """From `earlier` to `later`. `km`: less both accuracy radii; `kmh`: at least so fast; as the policy measured."""

    earlier: End
    later: End
    km: float
    kmh: float

    @property
    def took_ms(self) -> int:
        """Time between the ends."""
        return self.later.time_ms - self.earlier.time_ms


def journey_of(found: Finding) -> Journey | None:
    """The journey that `found` is about, None where it is about something else."""
    measured = {
        measure.observation_parameter: float(measure.observations[0].value)
        for analysis in found.anomaly_analyses
        for measure in analysis.anomalies
        if measure.observations
    }
    ends = [end for evidence in found.evidences if (end := _end(evidence)) is not None]
    if len(ends) != 2 or not measured.keys() >= set(MEASURES):
        return None
    km, kmh = (measured[name] for name in MEASURES)
    return Journey(ends[0], ends[1], km, kmh)


def _end(evidence: ocsf.Evidence) -> End | None:
    source = evidence.src_endpoint
    if source is None or source.location is None or source.location.lat is None or source.location.long is None:
        return None
    return End(
        city=source.location.city,
        country=source.location.country,
        latitude=source.location.lat,
        longitude=source.location.long,
        time_ms=evidence.data.time,
        did=evidence.data.activity_type,
        ip=source.ip,
    )


def lines(journey: Journey) -> list[Text]:
    """The journey in three lines: the one end, the way, the other end."""
    ends = (journey.earlier, journey.later)
    widths = [max(len(text) for text in column) for column in zip(*map(_columns, ends), strict=True)]
    told = [
        Text(INDENT + "  ".join(text.ljust(width) for text, width in zip(_columns(end), widths, strict=True)).rstrip())
        for end in ends
    ]
    took = wording.duration(journey.took_ms)
    way = f"{wording.count(wording.rounded(journey.km), 'km', 'km')} in {took}: at least "
    speed = wording.count(wording.rounded(journey.kmh), "km/h", "km/h")
    return [told[0], Text.assemble(f"{INDENT}  | {way}", (speed, "bold red")), told[1]]


def _columns(end: End) -> tuple[str, str, str, str]:
    when = datetime.fromtimestamp(end.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return end.name, when, wording.plain(end.did), wording.plain(end.ip)


def show(out: Console, journey: Journey) -> None:
    """Prints the journey; on a terminal that is wide enough and knows Unicode with a map above it."""
    start, end = (
        Spot(end.latitude, end.longitude, wording.plain(end.city)) for end in (journey.earlier, journey.later)
    )
    columns = widest(out.width - 2 * len(INDENT), (start, end))
    if out.is_terminal and not out.is_dumb_terminal and columns and out.encoding.startswith("utf"):
        for row in draw(start, end, columns).split("\n"):
            out.print(Text(INDENT).append_text(row))
    for line in lines(journey):
        out.print(line)
