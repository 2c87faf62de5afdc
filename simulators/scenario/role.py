"""What every attack and every confuser is made of: a role that people play, and what it leaves behind."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from simulators.scenario.directory import Account, DirectoryChange
from simulators.scenario.events import RawEvent
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.surroundings import ListLine, Move
from simulators.scenario.whereabouts import Stretch, local_ms

MONDAY: Final = 0
SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
ILL_REPUTE: Final = "suspicious_ip"
"""May fire on every attack: wherever a thief comes from may by chance be listed already."""
NOBODY_ELSE: Final[Mapping[str, tuple[Stretch, ...]]] = {}


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one incident. `policy`: the one that must fire for a malicious one, and must raise no alert
    otherwise; `also`: others that rightly may fire, with the policy itself where a confuser is rightly told as a
    behavior.

    `user`: e-mail of the one whom it is about, `company`: of the others who play in it, `networks` (/24 or /48) and
    `link`: what findings by network or link are about. From `start_ms` to `end_ms`; `events`: the attack's own, none
    for a confuser that is only a way of living.
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
    company: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    link: str = ""


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """What a role adds: `events` of its own, `past` those that only lead to it, `stretches` that change where its
    person is, `elsewhere` those of its company by e-mail, `directory` and `surroundings` what changes around them.
    `about`: the story in a line.
    """

    start_ms: int
    end_ms: int
    events: tuple[RawEvent, ...] = ()
    past: tuple[RawEvent, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    elsewhere: Mapping[str, tuple[Stretch, ...]] = NOBODY_ELSE
    directory: tuple[DirectoryChange, ...] = ()
    surroundings: tuple[ListLine | Move, ...] = ()
    networks: tuple[str, ...] = ()
    link: str = ""
    about: str = ""


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """`person` plays it, with `company`, some time between `first_ms` and `last_ms`; all chance comes from `draw`. The
    scenario itself begins at `begins_ms`. It is the `number`th, from 0 on, of `of` roles of its kind.
    """

    incident: str
    number: int
    of: int
    person: Person
    company: tuple[Person, ...] = ()
    organisation: Organisation
    draw: random.Random
    begins_ms: int
    first_ms: int
    last_ms: int

    def workdays(self, at_least: int = 1) -> list[date]:
        """The working days that lie wholly in the time for the role, on the person's clock; of `at_least` days in a
        row the first ones.
        """
        first, last = (datetime.fromtimestamp(at_ms / 1_000, UTC).date() for at_ms in (self.first_ms, self.last_ms))
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [
            day
            for day in days
            if day.weekday() < 5
            and self.first_ms <= self.at(day, 0)
            and self.at(day + timedelta(days=at_least - 1), 24) <= self.last_ms
        ]

    def workday(self, at_least: int = 1) -> date:
        """One of them."""
        days = self.workdays(at_least) or self.workdays()
        return self.draw.choice(days)

    def workday_apart(self) -> date:
        """One that is more than a day away from those that other roles of the kind get."""
        days = self.workdays()
        mine = days[self.number * len(days) // self.of : (self.number + 1) * len(days) // self.of]
        return self.draw.choice(mine[:-1] or mine or days)

    def at(self, day: date, hours: float) -> int:
        """Ms since the epoch of `hours` after midnight of `day`, on the person's clock."""
        return local_ms(day, hours, self.person.city.zone)

    def all_day(self, day: date, desk: tuple[str, ...], mobile: str = "", days: int = 1) -> Stretch:
        """A stretch of `days` whole days on the person's clock; the phone is their own where none is given."""
        last = day + timedelta(days=days - 1)
        return Stretch(
            start_ms=self.at(day, 0), end_ms=self.at(last, 24), desk=desk, mobile=mobile or self.person.mobile_ip
        )

    def at_home(self, day: date) -> Stretch:
        """A day at the person's own desk at home."""
        return self.all_day(day, (self.person.home_ip,))

    def moments(self, start_ms: int, length_ms: int, count: int) -> list[int]:
        """`count` times within `length_ms` from `start_ms` on, in order, the first at its beginning."""
        return sorted([start_ms, *(start_ms + self.draw.randint(0, length_ms) for _ in range(count - 1))])

    def change(
        self, at_ms: int, learned_ms: int, *, deleted: bool = False, enabled: bool = True, leaves_ms: int | None = None
    ) -> DirectoryChange:
        """A change of the person's account."""
        account = msgspec.structs.replace(
            Account.of(self.person), deleted=deleted, enabled=enabled, leaves_ms=leaves_ms
        )
        return DirectoryChange(at_ms=at_ms, learned_ms=learned_ms, account=account)


def silence(start_ms: int, end_ms: int) -> Stretch:
    """Nothing is heard of the person."""
    return Stretch(start_ms=start_ms, end_ms=end_ms)


def midnight(at_ms: int) -> int:
    """The last midnight (UTC) before or at `at_ms`."""
    return at_ms - at_ms % DAY_MS


def anybody(person: Person, organisation: Organisation) -> bool:
    """Anybody can play it."""
    return True


def not_admin(person: Person, organisation: Organisation) -> bool:
    """Whoever does not administer the domain."""
    return not person.is_admin


def together_with_anybody(person: Person, other: Person) -> bool:
    """Anybody can be of the company."""
    return True


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of attack or confuser: `stage` plays one role of it, by somebody who `fits`, with `company` others of
    whom each is a fitting mate; `per_400` of every four hundred users, one at least, `most` at most.
    """

    kind: str
    policy: str
    malicious: bool
    stage: Callable[[Role], Staged]
    fits: Callable[[Person, Organisation], bool] = not_admin
    per_400: int = 4
    most: int = 10_000
    also: tuple[str, ...] = ()
    company: int = 0
    mate: Callable[[Person, Person], bool] = together_with_anybody

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
            also=(*self.also, ILL_REPUTE) if self.malicious else self.also,
            about=staged.about,
            company=tuple(mate.email for mate in role.company),
            networks=staged.networks,
            link=staged.link,
        )
