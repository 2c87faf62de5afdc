"""How events arrive: most at once, some late, some twice."""

import random
from collections.abc import Iterable, Iterator

from simulators.egnyte.eventlog import Event
from simulators.egnyte.switches import Switches

Arrival = tuple[Event | bytes, int | None]
"""An event, and when it becomes visible (ms); None: at its own date."""


def arrivals(events: Iterable[Event | bytes | Arrival], switches: Switches) -> Iterator[Arrival]:
    """`events` with the lateness and the twins that `switches` ask for; a given visible time stays."""
    chance = random.Random(switches.seed)  # noqa: S311 - repeatable, not secret
    for given in events:
        event, visible_ms = given if isinstance(given, tuple) else (given, None)
        late = chance.random() * 100 < switches.late_percent
        twin = chance.random() * 100 < switches.twin_percent
        delay_ms = round(chance.random() * switches.late_minutes * 60_000)
        if late and visible_ms is None and not isinstance(event, bytes) and isinstance(event.get("date"), int):
            visible_ms = event["date"] + delay_ms
        yield event, visible_ms
        if twin:
            yield event, visible_ms
