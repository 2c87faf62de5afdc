"""Where a person is, and by which address they are seen, at any time."""

import random
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from simulators.scenario.events import MOBILE
from simulators.scenario.people import Person


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """From `start_ms` to `end_ms` a person is seen elsewhere than usual: at a desk by one of `desk`, on the phone by
    `mobile`. No address means no activity. `zone`: the time zone that they live by, where it is not their own.
    """

    start_ms: int
    end_ms: int
    desk: tuple[str, ...] = ()
    mobile: str = ""
    zone: str = ""


class Whereabouts:
    """The usual places of `person` (home, office, phone), and the stretches in which it is otherwise."""

    def __init__(self, person: Person, office_ip: str, stretches: Iterable[Stretch] = ()) -> None:
        self._person = person
        self._office_ip = office_ip
        self._stretches = sorted(stretches, key=lambda stretch: stretch.start_ms)

    def stretch(self, at_ms: int) -> Stretch | None:
        """The stretch that `at_ms` lies in."""
        for stretch in self._stretches:
            if stretch.start_ms <= at_ms < stretch.end_ms:
                return stretch
        return None

    def address(self, at_ms: int, client: str, in_office: bool, draw: random.Random) -> str:
        """The address by which the person is seen; empty where they are out of reach."""
        stretch = self.stretch(at_ms)
        if stretch is not None:
            usual = stretch.mobile if client == MOBILE else ""
            return usual or (draw.choice(stretch.desk) if stretch.desk else "")
        if client == MOBILE:
            return self._person.mobile_ip
        return self._office_ip if in_office else self._person.home_ip

    def reachable(self, at_ms: int) -> bool:
        """Whether the person can do anything at `at_ms`."""
        stretch = self.stretch(at_ms)
        return stretch is None or bool(stretch.desk or stretch.mobile)

    def zone(self, day: date) -> str:
        """The time zone that the person lives by on `day`."""
        stretch = self.stretch(local_ms(day, 12, self._person.city.zone))
        return stretch.zone if stretch is not None and stretch.zone else self._person.city.zone

    def is_arranged(self, day: date) -> bool:
        """Whether something was arranged for `day`: nobody takes a holiday then."""
        return self.stretch(local_ms(day, 12, self._person.city.zone)) is not None


def local_ms(day: date, hours: float, zone: str) -> int:
    """Ms since the epoch of `hours` after midnight, on the clock of `zone`."""
    midnight = datetime.combine(day, time(), ZoneInfo(zone))
    return round((midnight + timedelta(hours=hours)).timestamp() * 1_000)
