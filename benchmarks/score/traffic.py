"""A scenario as a connector would publish it: days of keyed records, in the order in which they are received."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from benchmarks.workload import CONNECTOR, Keyed
from connectors.egnyte.intake import take
from connectors.egnyte.occurrences import Window
from simulators.scenario import Scenario
from simulators.scenario.chance import chance
from simulators.scenario.directory import DirectoryChange
from simulators.scenario.events import RawEvent
from simulators.scenario.surroundings import Surroundings
from streams.kafka import partition_of
from streams.topics import PARTITIONS

DAY_MS: Final = 86_400_000
POLL_MS: Final = 90_000
"""A connector asks every 90 s: so late an event is received, at most."""
LATEST_MS: Final = 55 * 60_000
"""When events are shuffled, each comes so late at most; with the poll that stays under the allowed hour."""


class Day(msgspec.Struct, frozen=True):
    """What is received on one day (UTC), in order. `surroundings`: what holds from its beginning on, where that is
    new. `changes`: what of the directory is learned on it, or since the day before.
    """

    start_ms: int
    records: list[Keyed]
    surroundings: Surroundings | None
    changes: list[DirectoryChange]

    def parts(self) -> Iterator[tuple[list[Keyed], DirectoryChange | None]]:
        """The records in runs, each with the change that is learned after it."""
        begin = 0
        for change in self.changes:
            end = bisect_right(self.records, change.learned_ms, key=lambda record: record.received_ms)
            yield self.records[begin:end], change
            begin = end
        yield self.records[begin:], None


def days(scenario: Scenario, *, shuffled: bool = False) -> Iterator[Day]:
    """The days on which anything is received; all that lies before the scenario's beginning counts as one.

    `shuffled`: every event comes late by chance, up to `LATEST_MS`.
    """
    draw = chance(scenario.seed, "lateness")
    arrivals = [(event["date"] + (draw.randint(0, LATEST_MS) if shuffled else 0), event) for event in scenario]
    if shuffled:
        arrivals.sort(key=lambda each: each[0])
    window = Window(2 * DAY_MS)
    upcoming = list(scenario.surroundings[1:])
    changes = list(scenario.directory_changes)
    today: list[Keyed] = []
    start_ms = 0
    past_ms = scenario.start_ms - DAY_MS
    for received_ms, events in _polls(arrivals):
        day_ms = max(past_ms, received_ms // DAY_MS * DAY_MS)
        if day_ms != start_ms:
            if today:
                yield Day(start_ms, today, _due(upcoming, start_ms), _learned(changes, start_ms + DAY_MS))
            start_ms, today = day_ms, []
        today += _keyed(events, received_ms, window)
    if today:
        yield Day(start_ms, today, _due(upcoming, start_ms), _learned(changes, start_ms + DAY_MS))


def _polls(arrivals: Iterable[tuple[int, RawEvent]]) -> Iterator[tuple[int, list[RawEvent]]]:
    """What each poll finds, with its time."""
    found: list[RawEvent] = []
    poll_ms = 0
    for at_ms, event in arrivals:
        due_ms = (at_ms // POLL_MS + 1) * POLL_MS
        if due_ms != poll_ms and found:
            yield poll_ms, found
            found = []
        poll_ms = due_ms
        found.append(event)
    if found:
        yield poll_ms, found


def _keyed(events: Sequence[RawEvent], received_ms: int, window: Window) -> Iterator[Keyed]:
    taken = take(CONNECTOR, [msgspec.json.encode(event) for event in events], window, received_ms)
    if taken.repeats or taken.dead_letters:
        raise RuntimeError(f"the scenario has {taken.repeats} events twice and {taken.dead_letters} that are none")
    window.keep(taken.admission, {})
    for record in taken.records:
        yield Keyed(partition_of(record.key, PARTITIONS), record.key, record.value, list(record.headers), received_ms)


def _learned(changes: list[DirectoryChange], before_ms: int) -> list[DirectoryChange]:
    """The first of `changes`, learned before `before_ms`; they are taken out."""
    count = bisect_left(changes, before_ms, key=lambda change: change.learned_ms)
    learned = changes[:count]
    del changes[:count]
    return learned


def _due(upcoming: list[Surroundings], start_ms: int) -> Surroundings | None:
    """The newest of `upcoming` that holds on the day that begins at `start_ms`; it and those before are taken out."""
    due = None
    while upcoming and upcoming[0].at_ms <= start_ms:
        due = upcoming.pop(0)
    return due
