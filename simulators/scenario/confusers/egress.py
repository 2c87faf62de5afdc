"""Exits that are no places: a private relay, a cloud's machine, a security gateway, and Wi-Fi on board of a plane."""

from typing import Final

from simulators.scenario.atlas import City, address_in
from simulators.scenario.confusers.flight import flight_ms
from simulators.scenario.role import HOUR_MS, Behaviour, Role, Staged, silence
from simulators.scenario.whereabouts import Stretch


def stage_relay(role: Role) -> Staged:
    """A day on which the browser goes through a private relay, whose exit changes, and the phone does not."""
    person, today = role.person, role.workday()
    exits = [_far(role).hosting.relay for _ in range(3)]
    stretch = role.all_day(today, tuple(address_in(each, role.draw) for each in exits))
    return _seen(role, (stretch,), f"{person.name} in {person.city.name} uses a private relay")


def stage_cloud(role: Role) -> Staged:
    """A day at a remote desktop in a cloud on another continent; the phone is at home."""
    person, today, there = role.person, role.workday(), _far(role)
    stretch = role.all_day(today, (person.home_ip, address_in(there.hosting.cloud, role.draw)))
    return _seen(role, (stretch,), f"{person.name} works on a remote desktop in {there.name}, and at home")


def stage_gateway(role: Role) -> Staged:
    """Some days behind a security gateway that leaves the Internet far away; the phone does not use it."""
    person, there = role.person, _far(role)
    stretch = role.all_day(role.workday(3), (address_in(there.odd.gateway, role.draw),), days=3)
    return _seen(role, (stretch,), f"{person.name} is behind a security gateway that comes out in {there.name}")


def stage_plane(role: Role) -> Staged:
    """Working on a long flight, by satellite: the ground station is on a third continent."""
    draw, person, there = role.draw, role.person, _far(role)
    ground = draw.choice([city for city in role.organisation.atlas.cities if city.continent != person.city.continent])
    day = role.workday(3)
    leaves_ms = role.at(day, draw.uniform(8, 11))
    length_ms = flight_ms(person.city, there)
    lands_ms = leaves_ms + length_ms
    returns_ms = lands_ms + round(draw.uniform(20, 30) * HOUR_MS)
    cabin = address_in(ground.odd.satellite, draw)
    hotel, roaming = there.public_wifi(draw), there.mobile(draw)
    stretches = (
        silence(leaves_ms - HOUR_MS, leaves_ms + HOUR_MS),
        Stretch(start_ms=leaves_ms + HOUR_MS, end_ms=lands_ms - HOUR_MS, desk=(cabin,), mobile=cabin),
        silence(lands_ms - HOUR_MS, lands_ms),
        Stretch(start_ms=lands_ms, end_ms=returns_ms, desk=(hotel,), mobile=roaming, zone=there.zone),
        silence(returns_ms, returns_ms + length_ms),
    )
    about = f"{person.name} flies to {there.name} and works on board, by a ground station in {ground.name}"
    return _seen(role, stretches, about)


def _far(role: Role) -> City:
    return role.draw.choice(role.organisation.atlas.far_from(role.person.city))


def _seen(role: Role, stretches: tuple[Stretch, ...], about: str) -> Staged:
    return Staged(start_ms=stretches[0].start_ms, end_ms=stretches[-1].end_ms, stretches=stretches, about=about)


RELAY: Final = Behaviour(kind="private_relay", policy="impossible_travel", malicious=False, stage=stage_relay)
CLOUD: Final = Behaviour(kind="cloud_desktop", policy="impossible_travel", malicious=False, stage=stage_cloud)
GATEWAY: Final = Behaviour(kind="security_gateway", policy="impossible_travel", malicious=False, stage=stage_gateway)
PLANE: Final = Behaviour(
    kind="plane_wifi", policy="impossible_travel", malicious=False, stage=stage_plane, also=("infrequent_country",)
)
