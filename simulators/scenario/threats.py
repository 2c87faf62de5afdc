"""Addresses of ill repute, as lists of threats know them: most of them are never met."""

from collections.abc import Collection
from typing import Final

import msgspec

from simulators.scenario.atlas import City, Places, address_in
from simulators.scenario.chance import chance

LISTED: Final = 80
"""Of each kind, all over the world."""
ILL_REPUTE: Final = ("botnet", "brute_force", "phishing", "c2")


class Threats(msgspec.Struct, frozen=True):
    """`tor`, `anonymous_vpn`, `ill_repute`: addresses, each with its city. `files`: the same as list files."""

    tor: tuple[tuple[str, City], ...]
    anonymous_vpn: tuple[tuple[str, City], ...]
    ill_repute: tuple[tuple[str, City], ...]
    files: dict[str, str]


def known_threats(seed: int, atlas: Places, innocent: Collection[str]) -> Threats:
    """The threats of a scenario; no address of `innocent` is among them."""
    draw = chance(seed, "threats")
    cities = [draw.choice(atlas.cities) for _ in range(3 * LISTED)]
    tor = {address_in(city.hosting.tor, draw): city for city in cities[:LISTED]}
    vpn = {address_in(city.hosting.anonymous_vpn, draw): city for city in cities[LISTED : 2 * LISTED]}
    bad = {ip: city for city in cities[2 * LISTED :] if (ip := city.home(draw)) not in innocent}
    head = "cidr,category,tags\n"
    files = {
        "tor-exits.txt": "# Exits of the Tor network\n" + "".join(f"{ip}\n" for ip in tor),
        "anonymous-vpns.csv": head + "".join(f"{ip},risky,anonymous_vpn\n" for ip in vpn),
        "ill-repute.csv": head + "".join(f"{ip},risky,{draw.choice(ILL_REPUTE)}\n" for ip in bad),
    }
    return Threats(tuple(tor.items()), tuple(vpn.items()), tuple(bad.items()), files)
