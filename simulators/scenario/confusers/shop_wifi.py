"""The Wi-Fi of a chain of cafés, which comes out hundreds of kilometres away in the same country."""

from typing import Final

from simulators.scenario.confusers.carrier import fits
from simulators.scenario.role import MINUTE_MS, Behaviour, Role, Staged
from simulators.scenario.whereabouts import Stretch


def stage(role: Role) -> Staged:
    """An afternoon in a café after a morning at home."""
    draw, person = role.draw, role.person
    today = role.workday()
    others = [city for city in role.organisation.atlas.within(person.city.country) if city != person.city]
    there = draw.choice(others)
    noon_ms = role.at(today, 13.2)
    wifi = there.public_wifi(draw)
    stretches = (
        Stretch(start_ms=role.at(today, 0), end_ms=noon_ms, desk=(person.home_ip,), mobile=person.mobile_ip),
        Stretch(start_ms=noon_ms + MINUTE_MS, end_ms=role.at(today, 24), desk=(wifi,), mobile=person.mobile_ip),
    )
    about = f"{person.name} is in a café in {person.city.name}, whose Wi-Fi comes out in {there.name}"
    return Staged(start_ms=stretches[0].start_ms, end_ms=stretches[-1].end_ms, stretches=stretches, about=about)


SHOP_WIFI: Final = Behaviour(kind="chain_wifi", policy="impossible_travel", malicious=False, stage=stage, fits=fits)
