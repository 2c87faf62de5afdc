"""Impossible travel without a login: somebody with a stolen session only takes files, while its owner works at home."""

from typing import Final

from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.role import Behaviour, Role, Staged


def stage(role: Role) -> Staged:
    """Previews and downloads from afar in the middle of the victim's working day; nothing else shows the thief."""
    draw, victim = role.draw, role.person
    today = role.workday()
    lair = draw.choice(role.organisation.atlas.far_from(victim.city))
    events = tuple(plundering(role, role.at(today, draw.uniform(10.5, 15.5)), lair.address(draw)))
    return Staged(
        start_ms=events[0]["date"],
        end_ms=events[-1]["date"],
        events=events,
        stretches=(role.all_day(today, (victim.home_ip,)),),
        about=f"{victim.name} works in {victim.city.name}; a stolen session takes files from {lair.name}",
    )


STOLEN_SESSION: Final = Behaviour(
    kind="stolen_session",
    policy="impossible_travel",
    malicious=True,
    stage=stage,
    also=("infrequent_country", "mass_download"),
)
