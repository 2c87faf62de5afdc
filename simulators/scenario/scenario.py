"""An organisation over some weeks: its ordinary days, the attacks on it, what only looks like one, and the truth
about all of them.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from simulators.clock import from_iso
from simulators.scenario import administration, routine
from simulators.scenario.atlas import Places
from simulators.scenario.attacks import ATTACKS
from simulators.scenario.casting import cast, wanted_of
from simulators.scenario.chance import chance
from simulators.scenario.confusers import CONFUSERS
from simulators.scenario.directory import DirectoryChange
from simulators.scenario.events import RawEvent
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import Behaviour, Label, Role, Staged
from simulators.scenario.surroundings import Surroundings, history
from simulators.scenario.whereabouts import Stretch, Whereabouts

DAY_MS: Final = 86_400_000
FARTHEST_ZONE_MS: Final = 14 * 3_600_000
"""No place is further ahead of UTC."""
QUIET_DAYS: Final = 9
"""Nothing unusual happens in the first days, so that everybody's habits are known: learning takes seven days and ten
logins.
"""
DEFAULT_BEHAVIOURS: Final = (*ATTACKS, *CONFUSERS)
DEFAULT_START_MS: Final = from_iso("2025-11-03")


class Scenario:
    """`users` people over `days` days from `start_ms` (ms since the epoch, UTC): the same for the same arguments, on
    every machine.

    Iterating yields Egnyte's raw events in order of time; of those who were long silent some lie before `start_ms`.
    `labels` is the truth about what was staged, `organisation` says who works there. `surroundings` are its IP list
    files and the mistakes of its city database, as they change; `lists` the files as of the beginning.
    `directory_changes` are in the order in which they are learned.

    `behaviours` says what is staged, everyday life apart; each person plays one role at most. Where people are too few
    for all roles, some are left out, the second ones of a kind first; `left_out` names the kinds that are not staged
    at all. Raises ValueError where the days are too few.
    """

    def __init__(
        self,
        seed: int,
        users: int = 400,
        days: int = 30,
        start_ms: int = DEFAULT_START_MS,
        behaviours: Sequence[Behaviour] = DEFAULT_BEHAVIOURS,
        atlas: Places | None = None,
    ) -> None:
        self.seed = seed
        self.start_ms = start_ms
        self.end_ms = start_ms + days * DAY_MS
        self.organisation = Organisation(seed, users, atlas)
        staged = [(behaviour.label(role, part), role, part) for behaviour, role, part in self._staged(behaviours)]
        self.labels: tuple[Label, ...] = tuple(
            sorted((label for label, _, _ in staged), key=lambda label: (label.start_ms, label.incident))
        )
        self.left_out = tuple(
            behaviour.kind for behaviour in behaviours if not any(label.kind == behaviour.kind for label in self.labels)
        )
        self.directory_changes: tuple[DirectoryChange, ...] = tuple(
            sorted((change for _, _, part in staged for change in part.directory), key=lambda each: each.learned_ms)
        )
        self.surroundings: tuple[Surroundings, ...] = history(
            start_ms, self.organisation.lists, [change for _, _, part in staged for change in part.surroundings]
        )
        self._staged_events = [event for _, _, part in staged for event in (*part.past, *part.events)]
        stretches: dict[str, tuple[Stretch, ...]] = {}
        for _, role, part in staged:
            stretches[role.person.email] = part.stretches
            stretches.update(part.elsewhere)
        self._whereabouts = {
            person.email: Whereabouts(person, self.organisation.office_ip(person.city), stretches.get(person.email, ()))
            for person in self.organisation.people
        }

    @property
    def lists(self) -> dict[str, str]:
        """The organisation's IP list files as of the beginning: name and text."""
        return dict(self.surroundings[0].lists)

    def __iter__(self) -> Iterator[RawEvent]:
        """All events, in order of time."""
        past = sorted((event for event in self._staged_events if event["date"] < self.start_ms), key=_date)
        yield from past
        waiting = [event for event in self._staged_events if self.start_ms <= event["date"] < self.end_ms]
        for today in self._dates():
            waiting += (event for event in self._day(today) if self.start_ms <= event["date"] < self.end_ms)
            waiting.sort(key=_date)
            tomorrow_ms = round(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp() * 1_000) + DAY_MS
            ripe = sum(1 for event in waiting if event["date"] < tomorrow_ms - FARTHEST_ZONE_MS)
            yield from waiting[:ripe]
            del waiting[:ripe]
        yield from waiting

    def _dates(self) -> Iterator[date]:
        """Every date that any place of the Earth has during the scenario."""
        today = datetime.fromtimestamp(self.start_ms / 1_000, UTC).date() - timedelta(days=1)
        last = datetime.fromtimestamp(self.end_ms / 1_000, UTC).date() + timedelta(days=1)
        while today <= last:
            yield today
            today += timedelta(days=1)

    def _day(self, today: date) -> Iterator[RawEvent]:
        for person in self.organisation.people:
            yield from routine.day(person, self._whereabouts[person.email], today, self.seed)
            yield from administration.approval_day(person, self.organisation, today, self._reachable)
            if person.is_admin:
                yield from administration.admin_day(person, self.organisation, today, self._reachable)

    def _reachable(self, person: Person, at_ms: int) -> bool:
        return self._whereabouts[person.email].reachable(at_ms)

    def _staged(self, behaviours: Sequence[Behaviour]) -> Iterator[tuple[Behaviour, Role, Staged]]:
        for behaviour, number, people in cast(behaviours, self.organisation):
            role = Role(
                incident=f"{behaviour.kind}-{number + 1}",
                number=number,
                of=wanted_of(behaviour, len(self.organisation.people)),
                person=people[0],
                company=people[1:],
                organisation=self.organisation,
                draw=chance(self.seed, behaviour.kind, number),
                begins_ms=self.start_ms,
                first_ms=self.start_ms + QUIET_DAYS * DAY_MS,
                last_ms=self.end_ms,
            )
            if not role.workdays():
                raise ValueError(f"the scenario is too short: no working day is left after the first {QUIET_DAYS} days")
            yield behaviour, role, behaviour.stage(role)


def _date(event: RawEvent) -> int:
    at_ms: int = event["date"]
    return at_ms
