"""Impossible travel: somebody with the password logs in on another continent, while its owner works at home."""

from typing import Final

from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.events import login_event
from simulators.scenario.role import Behaviour, Role, Staged


def stage(role: Role) -> Staged:
    """A login from afar in the middle of the victim's working day, and a folder that is taken."""
    draw, victim = role.draw, role.person
    today = role.workday()
    start_ms = role.at(today, draw.uniform(10.5, 15.5))
    lair = draw.choice(role.organisation.atlas.far_from(victim.city))
    ip = lair.address(draw)
    login = login_event(victim, start_ms, "Login", ip=ip)
    events = (login, *plundering(role, start_ms + draw.randint(20_000, 90_000), ip))
    return Staged(
        start_ms=start_ms,
        end_ms=events[-1]["date"],
        events=events,
        stretches=(role.all_day(today, (victim.home_ip,)),),
        about=f"{victim.name} works in {victim.city.name}; a thief logs in from {lair.name}",
    )


STOLEN_PASSWORD: Final = Behaviour(
    kind="stolen_password",
    policy="impossible_travel",
    malicious=True,
    stage=stage,
    also=("infrequent_country", "mass_download"),
)
