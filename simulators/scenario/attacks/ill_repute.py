"""Anonymous and suspicious addresses: a thief logs in through Tor, a VPN service that hides its users, or a computer
of a botnet.
"""

from collections.abc import Sequence
from typing import Final

from simulators.scenario.atlas import City
from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.events import login_event
from simulators.scenario.role import Behaviour, Role, Staged

FOLLOWING: Final = ("impossible_travel", "infrequent_country", "mass_download")


def stage_tor(role: Role) -> Staged:
    """Through an exit of Tor."""
    return _through(role, role.organisation.threats.tor, "Tor")


def stage_vpn(role: Role) -> Staged:
    """Through a VPN service."""
    return _through(role, role.organisation.threats.anonymous_vpn, "an anonymous VPN service")


def stage_botnet(role: Role) -> Staged:
    """Through somebody's infected computer."""
    return _through(role, role.organisation.threats.ill_repute, "an address of ill repute")


def _through(role: Role, addresses: Sequence[tuple[str, City]], what: str) -> Staged:
    draw, victim = role.draw, role.person
    today = role.workday()
    ip, city = draw.choice(addresses)
    start_ms = role.at(today, draw.uniform(0, 22))
    login = login_event(victim, start_ms, "Login", ip=ip)
    events = (login, *plundering(role, start_ms + draw.randint(20_000, 90_000), ip))
    return Staged(
        start_ms=start_ms,
        end_ms=events[-1]["date"],
        events=events,
        stretches=(role.at_home(today),),
        about=f"a thief uses the account of {victim.name} through {what} in {city.name}",
    )


TOR: Final = Behaviour(kind="tor", policy="anonymous_ip", malicious=True, stage=stage_tor, also=FOLLOWING)
ANONYMOUS_VPN: Final = Behaviour(
    kind="anonymous_vpn", policy="anonymous_ip", malicious=True, stage=stage_vpn, also=FOLLOWING
)
BOTNET: Final = Behaviour(
    kind="botnet", policy="suspicious_ip", malicious=True, stage=stage_botnet, per_400=6, also=FOLLOWING
)
