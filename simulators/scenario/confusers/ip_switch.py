"""A home line that uses IPv4 and IPv6 by turns, located in two cities of one country."""

from typing import Final

from simulators.scenario.confusers.carrier import fits
from simulators.scenario.role import Behaviour, Role, Staged


def stage(role: Role) -> Staged:
    """A day at home, each action by one or the other."""
    draw, person = role.draw, role.person
    today = role.workday()
    others = [city for city in role.organisation.atlas.within(person.city.country) if city != person.city]
    elsewhere = draw.choice(others)
    stretch = role.all_day(today, (person.home_ip, elsewhere.address(draw, 6)))
    about = f"the line of {person.name} is seen in {person.city.name} by IPv4 and in {elsewhere.name} by IPv6"
    return Staged(start_ms=stretch.start_ms, end_ms=stretch.end_ms, stretches=(stretch,), about=about)


IP_SWITCH: Final = Behaviour(kind="ip_switch", policy="impossible_travel", malicious=False, stage=stage, fits=fits)
