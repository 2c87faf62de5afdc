"""Infrequent country: somebody logs in from a country where the user never was, while the user is on holiday and
nothing contradicts it.
"""

from datetime import timedelta
from typing import Final

from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.events import login_event
from simulators.scenario.role import DAY_MS, HOUR_MS, Behaviour, Role, Staged, silence

AWAY_DAYS: Final = 4


def stage(role: Role) -> Staged:
    """Four quiet days, and a login on the third."""
    draw, victim = role.draw, role.person
    first = role.workday(AWAY_DAYS)
    lair = draw.choice(role.organisation.atlas.far_from(victim.city))
    ip = lair.address(draw)
    start_ms = min(role.at(first + timedelta(days=2), draw.uniform(2, 22)), role.last_ms - 2 * HOUR_MS)
    events = (
        login_event(victim, start_ms, "Login", ip=ip),
        *plundering(role, start_ms + draw.randint(20_000, 90_000), ip),
    )
    return Staged(
        start_ms=start_ms,
        end_ms=events[-1]["date"],
        events=events,
        stretches=(silence(role.at(first, 0), role.at(first, 0) + AWAY_DAYS * DAY_MS),),
        about=f"{victim.name} is on holiday; a thief logs in from {lair.name}",
    )


HOLIDAY: Final = Behaviour(
    kind="login_from_afar_on_holiday",
    policy="infrequent_country",
    malicious=True,
    stage=stage,
    per_400=6,
    also=("impossible_travel", "mass_download"),
)
