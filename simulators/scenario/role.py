"""What every attack and every confuser is made of: a role that a person plays, and what it leaves behind."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from simulators.scenario.events import RawEvent
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.whereabouts import Stretch, local_ms

MONDAY: Final = 0


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one incident. `policy`: the one that must fire for a malicious one, and must stay quiet
    otherwise; `also`: others that rightly may fire. `user`: e-mail. From `start_ms` to `end_ms`; `events`: the
    attack's own, none for a confuser that is only a way of living.
    """

    incident: str
    kind: str
    policy: str
    user: str
    malicious: bool
    start_ms: int
    end_ms: int
    events: tuple[RawEvent, ...] = ()
    also: tuple[str, ...] = ()
    about: str = ""


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """What a role adds: `events` of its own, and `stretches` that change where its person is. `about`: the story in a
    line.
    """

    start_ms: int
    end_ms: int
    events: tuple[RawEvent, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    about: str = ""


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """`person` plays it, some time between `first_ms` and `last_ms`; all chance comes from `draw`."""

    incident: str
    person: Person
    organisation: Organisation
    draw: random.Random
    first_ms: int
    last_ms: int

    def workdays(self) -> list[date]:
        """The working days that lie wholly in the time for the role, on the person's clock."""
        first, last = (datetime.fromtimestamp(at_ms / 1_000, UTC).date() for at_ms in (self.first_ms, self.last_ms))
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [
            day
            for day in days
            if day.weekday() < 5 and self.first_ms <= self.at(day, 0) and self.at(day, 24) <= self.last_ms
        ]

    def workday(self) -> date:
        """One of them."""
        return self.draw.choice(self.workdays())

    def at(self, day: date, hours: float) -> int:
        """Ms since the epoch of `hours` after midnight of `day`, on the person's clock."""
        return local_ms(day, hours, self.person.city.zone)

    def all_day(self, day: date, desk: tuple[str, ...], mobile: str = "", days: int = 1) -> Stretch:
        """A stretch of `days` whole days on the person's clock; the phone is their own where none is given."""
        last = day + timedelta(days=days - 1)
        return Stretch(
            start_ms=self.at(day, 0), end_ms=self.at(last, 24), desk=desk, mobile=mobile or self.person.mobile_ip
        )


def anybody(person: Person, organisation: Organisation) -> bool:
    """Anybody can play it."""
    return True


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of attack or confuser: `stage` plays one role of it, by somebody who `fits`, `per_50` of every fifty
    users.
    """

    kind: str
    policy: str
    malicious: bool
    stage: Callable[[Role], Staged]
    fits: Callable[[Person, Organisation], bool] = anybody
    per_50: int = 2
    also: tuple[str, ...] = ()

    def label(self, role: Role, staged: Staged) -> Label:
        """The truth about `staged`."""
        return Label(
            incident=role.incident,
            kind=self.kind,
            policy=self.policy,
            user=role.person.email,
            malicious=self.malicious,
            start_ms=staged.start_ms,
            end_ms=staged.end_ms,
            events=staged.events,
            also=self.also,
            about=staged.about,
        )
