"""Somebody who is seen in two countries that border each other, by turns: near a border, or by a provider that spans
it.
"""

from typing import Final

from simulators.scenario.atlas import City
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import Behaviour, Role, Staged

BORDERING: Final = {
    "BR": ("AR", "CO"),
    "DE": ("FR", "BE", "NL", "CH", "AT", "PL"),
    "GB": ("IE",),
    "PL": ("DE",),
    "PT": ("ES",),
    "US": ("CA", "MX"),
}


def stage(role: Role) -> Staged:
    """A day with the laptop at home and the phone beyond the border."""
    draw, person = role.draw, role.person
    today = role.workday()
    there = draw.choice(_beyond(person, role.organisation))
    stretch = role.all_day(today, (person.home_ip,), there.mobile(draw))
    about = f"{person.name} is seen in {person.city.name} and in {there.name} by turns"
    return Staged(start_ms=stretch.start_ms, end_ms=stretch.end_ms, stretches=(stretch,), about=about)


def _beyond(person: Person, organisation: Organisation) -> list[City]:
    countries = BORDERING.get(person.city.country, ())
    return [city for country in countries for city in organisation.atlas.within(country)]


def _fits(person: Person, organisation: Organisation) -> bool:
    return bool(_beyond(person, organisation))


NEIGHBOURS: Final = Behaviour(
    kind="neighbouring_countries",
    policy="impossible_travel",
    malicious=False,
    stage=stage,
    fits=_fits,
    also=("infrequent_country",),
)
