"""Dormant account: nobody used it for more than two months, and somebody does."""

from typing import Final

from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.confusers.leave import past_life
from simulators.scenario.events import login_event
from simulators.scenario.role import DAY_MS, Behaviour, Role, Staged, silence


def stage(role: Role) -> Staged:
    """Ten days of work long ago, 62 to 74 days of silence, and a login from near the owner's home."""
    draw, owner = role.draw, role.person
    start_ms = role.at(role.workday(), draw.uniform(1, 22))
    last_ms = start_ms - draw.randint(62, 74) * DAY_MS
    ip = owner.city.address(draw)
    thief = (login_event(owner, start_ms, "Login", ip=ip), *plundering(role, start_ms + 60_000, ip))
    return Staged(
        start_ms=start_ms,
        end_ms=thief[-1]["date"],
        events=thief,
        past=tuple(past_life(role, last_ms)),
        stretches=(silence(role.begins_ms - DAY_MS, role.last_ms + DAY_MS),),
        about=f"the forgotten account of {owner.name} is used again",
    )


AWAKENING: Final = Behaviour(kind="awakening", policy="dormant_account", malicious=True, stage=stage, per_400=5)
