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
from simulators.scenario.chance import chance
from simulators.scenario.confusers import CONFUSERS
from simulators.scenario.events import RawEvent
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import Behaviour, Label, Role, Staged
from simulators.scenario.whereabouts import Whereabouts

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

    Iterating yields Egnyte's raw events in order of time. `labels` is the truth about what was staged, `organisation`
    says who works there and `lists` are its IP list files. `behaviours` says what is staged, everyday life apart;
    each person plays one role at most. Raises ValueError where days or users are too few for that.
    """

    def __init__(
        self,
        seed: int,
        users: int = 50,
        days: int = 14,
        start_ms: int = DEFAULT_START_MS,
        behaviours: Sequence[Behaviour] = DEFAULT_BEHAVIOURS,
        atlas: Places | None = None,
    ) -> None:
        self.seed = seed
        self.start_ms = start_ms
        self.end_ms = start_ms + days * DAY_MS
        self.organisation = Organisation(seed, users, atlas)
        staged = list(self._cast(behaviours))
        self.labels: tuple[Label, ...] = tuple(
            sorted((label for label, _, _ in staged), key=lambda label: label.start_ms)
        )
        self._staged_events = [event for _, _, part in staged for event in part.events]
        stretches = {person.email: part.stretches for _, person, part in staged}
        self._whereabouts = [
            (person, Whereabouts(person, self.organisation.office_ip(person.city), stretches.get(person.email, ())))
            for person in self.organisation.people
        ]

    @property
    def lists(self) -> dict[str, str]:
        """The organisation's IP list files: name and text."""
        return self.organisation.lists

    def __iter__(self) -> Iterator[RawEvent]:
        """All events, in order of time."""
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
        for person, where in self._whereabouts:
            yield from routine.day(person, where, today, self.seed)
            yield from administration.approval_day(person, self.organisation, today)
            if person.is_admin:
                yield from administration.admin_day(person, self.organisation, today)

    def _cast(self, behaviours: Sequence[Behaviour]) -> Iterator[tuple[Label, Person, Staged]]:
        first_ms = self.start_ms + QUIET_DAYS * DAY_MS
        free = list(self.organisation.people)
        chance(self.seed, "casting").shuffle(free)
        for behaviour in behaviours:
            for number in range(max(1, round(behaviour.per_50 * len(self.organisation.people) / 50))):
                person = next((one for one in free if behaviour.fits(one, self.organisation)), None)
                if person is None:
                    raise ValueError(
                        f"{len(self.organisation.people)} users are too few: nobody is left to play {behaviour.kind}"
                    )
                free.remove(person)
                role = Role(
                    incident=f"{behaviour.kind}-{number + 1}",
                    person=person,
                    organisation=self.organisation,
                    draw=chance(self.seed, behaviour.kind, number),
                    first_ms=first_ms,
                    last_ms=self.end_ms,
                )
                if not role.workdays():
                    raise ValueError(
                        f"the scenario is too short: no working day is left after the first {QUIET_DAYS} days"
                    )
                staged = behaviour.stage(role)
                yield behaviour.label(role, staged), person, staged


def _date(event: RawEvent) -> int:
    at_ms: int = event["date"]
    return at_ms
