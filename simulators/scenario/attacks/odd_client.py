"""First use of a client: a thief fetches files by FTP or by the API, which the user never did."""

from typing import Final

from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.events import login_event
from simulators.scenario.role import Behaviour, Role, Staged


def stage(role: Role) -> Staged:
    """A login by another client, and a folder that is taken with it, from the user's own city."""
    draw, victim = role.draw, role.person
    today = role.workday()
    client = draw.choice(("FTP", "Public API", "WebDAV"))
    ip = victim.city.address(draw)
    start_ms = role.at(today, draw.uniform(0, 22))
    login = login_event(victim, start_ms, "Login", ip=ip, client=client)
    taken = tuple(event | {"access": client} for event in plundering(role, start_ms + 30_000, ip))
    return Staged(
        start_ms=start_ms,
        end_ms=taken[-1]["date"],
        events=(login, *taken),
        stretches=(role.at_home(today),),
        about=f"somebody takes files of {victim.name} by {client}",
    )


ODD_CLIENT: Final = Behaviour(
    kind="odd_client", policy="new_client", malicious=True, stage=stage, per_400=5, also=("mass_download",)
)
