"""A phone whose carrier takes it to the Internet in another city of the same country."""

from typing import Final

from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import Behaviour, Role, Staged


def stage(role: Role) -> Staged:
    """A day with the laptop at home and the phone seen hundreds of kilometres away."""
    draw, person = role.draw, role.person
    today = role.workday()
    others = [city for city in role.organisation.atlas.within(person.city.country) if city != person.city]
    exit_city = max(others, key=person.city.distance_km)
    stretch = role.all_day(today, (person.home_ip,), exit_city.mobile(draw))
    about = f"the phone of {person.name} in {person.city.name} is seen in {exit_city.name}"
    return Staged(start_ms=stretch.start_ms, end_ms=stretch.end_ms, stretches=(stretch,), about=about)


def fits(person: Person, organisation: Organisation) -> bool:
    """Their country has a second city."""
    return len(organisation.atlas.within(person.city.country)) > 1


CARRIER: Final = Behaviour(kind="carrier_exit", policy="impossible_travel", malicious=False, stage=stage, fits=fits)
