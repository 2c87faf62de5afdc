"""Where an address of a scenario is."""

import ipaddress
from collections.abc import Callable

import pytest

from simulators.scenario.atlas import City, places


@pytest.fixture(scope="session")
def city_of() -> Callable[[str], City]:
    """`city_of(address)`: the city whose networks it belongs to; KeyError for any other."""
    networks = {ipaddress.ip_network(text): city for city in places().cities for text in (*city.ipv4, *city.ipv6)}

    def city(address: str) -> City:
        parsed = ipaddress.ip_address(address)
        return networks[ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False)]

    return city
