"""A laptop on the company's VPN, which comes out on another continent, and a phone that is not on it."""

from typing import Final

from simulators.scenario.atlas import City
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import Behaviour, Role, Staged

FAR_KM: Final = 2_500.0


def stage(role: Role) -> Staged:
    """A day on the VPN."""
    today = role.workday()
    city = _exit(role.person, role.organisation)
    stretch = role.all_day(today, (role.organisation.vpn_ip(city, role.person),))
    about = f"{role.person.name} in {role.person.city.name} works through the company's VPN in {city.name}"
    return Staged(start_ms=stretch.start_ms, end_ms=stretch.end_ms, stretches=(stretch,), about=about)


def _exit(person: Person, organisation: Organisation) -> City:
    return max(organisation.vpn_exits, key=person.city.distance_km)


def _fits(person: Person, organisation: Organisation) -> bool:
    return person.city.distance_km(_exit(person, organisation)) > FAR_KM


VPN: Final = Behaviour(kind="company_vpn", policy="impossible_travel", malicious=False, stage=stage, fits=_fits)
