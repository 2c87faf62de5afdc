"""Who owns the networks: the AS database that an organisation would have.

Private relays, clouds, gateways and satellites have the AS numbers that they have in truth. Access providers are made
up, with numbers that RFC 6996 keeps for private use: of each country some fixed lines, two carriers and one for
business.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from simulators.scenario.atlas import City, Places

FIRST_ASN: Final = 4_200_000_000
LINES: Final = ("Telecom", "Cable", "Fibre")
CARRIERS: Final = ("Mobile", "Wireless")
BUSINESS: Final = "Business"
TOR: Final = (14061, "DigitalOcean")
ANONYMOUS_VPN: Final = (9009, "M247")
RELAY: Final = (36183, "Akamai")
CLOUD: Final = (16509, "Amazon")
SATELLITE: Final = (64294, "Panasonic Avionics")
GATEWAY: Final = (22616, "Zscaler")


class Provider(NamedTuple):
    """An autonomous system: its number, and the name that it is registered by."""

    asn: int
    name: str


def owners(atlas: Places) -> Iterator[tuple[str, Provider]]:
    """Every network of `atlas` with its provider; none overlaps another."""
    for city in atlas.cities:
        yield from _of_city(city, atlas)


def carriers(atlas: Places, country: str) -> tuple[Provider, ...]:
    """The mobile carriers of `country`."""
    return tuple(_national(atlas, country, name) for name in CARRIERS)


def _of_city(city: City, atlas: Places) -> Iterator[tuple[str, Provider]]:
    def national(name: str) -> Provider:
        return _national(atlas, city.country, name)

    for network in city.ipv4[:2]:
        yield network, national(BUSINESS)
    for number, network in enumerate(city.ipv4[2:7]):
        yield network, national(LINES[number % len(LINES)])
    for network, name in zip(city.ipv4[7:9], CARRIERS, strict=True):
        yield network, national(name)
    yield city.ipv4[9], national(LINES[0])
    for network, owner in zip(city.hosting, (TOR, ANONYMOUS_VPN, RELAY, CLOUD), strict=True):
        yield network, Provider(*owner)
    yield city.odd.satellite, Provider(*SATELLITE)
    yield city.odd.gateway, Provider(*GATEWAY)
    yield city.odd.hub, national(CARRIERS[0])
    yield city.odd.moving, national(LINES[0])
    for number, network in enumerate(city.ipv6):
        yield network, national(LINES[number % len(LINES)])


def _national(atlas: Places, country: str, name: str) -> Provider:
    names = (*LINES, *CARRIERS, BUSINESS)
    countries = list(dict.fromkeys(city.country for city in atlas.cities))
    number = FIRST_ASN + countries.index(country) * len(names) + names.index(name)
    return Provider(number, f"{country} {name}")
