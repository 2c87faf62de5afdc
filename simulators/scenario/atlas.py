"""The cities a scenario plays in, each with real networks, and the distances between them."""

import ipaddress
import math
import random
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

PLACES: Final = Path(__file__).with_name("places.json")
EARTH_RADIUS_KM: Final = 6_371.0
HOME_LINES: Final = slice(2, 7)
MOBILE_LINES: Final = slice(7, 9)
"""Of a city's networks."""


class City(msgspec.Struct, frozen=True, kw_only=True):
    """A city. `country`: ISO 3166-1 alpha-2. `continent`: AF, AS, EU, NA, OC or SA. `zone`: IANA time zone.
    `latitude`, `longitude`: degrees, as the database has them. `ipv4`, `ipv6`: /24 and /48 networks that it locates
    here.
    """

    name: str
    country: str
    continent: str
    zone: str
    latitude: float
    longitude: float
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]

    @property
    def office_network(self) -> str:
        """The network kept for a company's office here."""
        return self.ipv4[0]

    @property
    def vpn_network(self) -> str:
        """The network kept for a company's VPN exit here."""
        return self.ipv4[1]

    @property
    def hosting(self) -> "Hosting":
        """What data centres here are used for."""
        return Hosting(*_quarters(self.ipv4[10]))

    @property
    def odd(self) -> "OddNetworks":
        """Networks here that are not what they seem."""
        return OddNetworks(*_quarters(self.ipv4[11]))

    def home(self, draw: random.Random, version: int = 4) -> str:
        """An address of a home line."""
        return address_in(draw.choice(self.ipv4[HOME_LINES] if version == 4 else self.ipv6[:3]), draw)

    def mobile(self, draw: random.Random) -> str:
        """An address of a phone."""
        return address_in(draw.choice(self.ipv4[MOBILE_LINES]), draw)

    def public_wifi(self, draw: random.Random) -> str:
        """An address of a hotel, a café or a conference."""
        return address_in(self.ipv4[9], draw)

    def address(self, draw: random.Random, version: int = 4) -> str:
        """An address here, of a home line or a public Wi-Fi. Of no carrier: what a company has listed as `mobile`
        stands for no place, whoever uses it.
        """
        return address_in(draw.choice((*self.ipv4[HOME_LINES], self.ipv4[9]) if version == 4 else self.ipv6), draw)

    def distance_km(self, other: "City") -> float:
        """Great-circle distance (haversine, mean radius of the Earth)."""
        latitude, far = math.radians(self.latitude), math.radians(other.latitude)
        half = math.sin((far - latitude) / 2) ** 2
        half += math.cos(latitude) * math.cos(far) * math.sin(math.radians(other.longitude - self.longitude) / 2) ** 2
        return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


class Hosting(NamedTuple):
    """Networks in a data centre: exits of Tor, of a VPN service and of a private relay, and a cloud's machines."""

    tor: str
    anonymous_vpn: str
    relay: str
    cloud: str


class OddNetworks(NamedTuple):
    """Networks that say little of where people are: the ground station of a satellite, a security gateway, the hub of
    a foreign carrier; and a home line's that a database will place elsewhere one day.
    """

    satellite: str
    gateway: str
    hub: str
    moving: str


class Places(msgspec.Struct, frozen=True):
    """The data file. `source`: whom to name; `database`: its date."""

    source: str
    database: str
    cities: tuple[City, ...]

    def city(self, name: str) -> City:
        """The city called `name`. Raises KeyError."""
        for city in self.cities:
            if city.name == name:
                return city
        raise KeyError(name)

    def within(self, country: str) -> tuple[City, ...]:
        """The cities of `country`."""
        return tuple(city for city in self.cities if city.country == country)

    def far_from(self, city: City, km: float = 4_000.0) -> tuple[City, ...]:
        """Cities on another continent, at least `km` away."""
        return tuple(
            other for other in self.cities if other.continent != city.continent and city.distance_km(other) >= km
        )


def _quarters(network: str) -> tuple[str, str, str, str]:
    one, two, three, four = ipaddress.ip_network(network).subnets(prefixlen_diff=2)
    return str(one), str(two), str(three), str(four)


def address_in(network: str, draw: random.Random) -> str:
    """A host address in `network`."""
    whole = ipaddress.ip_network(network)
    last = min(whole.num_addresses, 2**64) - 2
    return str(whole[draw.randint(1, last)])


@cache
def places() -> Places:
    """The shipped places."""
    return msgspec.json.decode(PLACES.read_bytes(), type=Places)
