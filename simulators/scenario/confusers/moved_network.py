"""The same address, suddenly placed on another continent by a new city database."""

import ipaddress
from typing import Final

from simulators.scenario.atlas import address_in
from simulators.scenario.role import DAY_MS, Behaviour, Role, Staged, midnight
from simulators.scenario.surroundings import Move
from simulators.scenario.whereabouts import Stretch


def stage(role: Role) -> Staged:
    """Somebody who always works from home, and whose provider's network moves in the database; the phone does not."""
    draw, person = role.draw, role.person
    network = _own_part(person.city.odd.moving, person.number)
    there = draw.choice(role.organisation.atlas.far_from(person.city))
    moved_ms = midnight(role.at(role.workday(), 12))
    stretch = Stretch(
        start_ms=role.begins_ms - DAY_MS,
        end_ms=role.last_ms + DAY_MS,
        desk=(address_in(network, draw),),
        mobile=person.mobile_ip,
    )
    return Staged(
        start_ms=moved_ms,
        end_ms=role.last_ms,
        stretches=(stretch,),
        surroundings=(Move(at_ms=moved_ms, network=network, city=there.name),),
        about=f"a new database places the home line of {person.name} in {there.name}",
    )


def _own_part(network: str, number: int) -> str:
    """One of the eight parts of `network`, so that neighbours don't move as well."""
    return str(list(ipaddress.ip_network(network).subnets(prefixlen_diff=3))[number % 8])


MOVED: Final = Behaviour(
    kind="moved_in_database",
    policy="impossible_travel",
    malicious=False,
    stage=stage,
    per_400=2,
    also=("infrequent_country",),
)
