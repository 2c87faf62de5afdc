from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.places.records import CITY_RADIUS_KM, kinds_of, place_of, provider_of, tags_of
from schemas.activity import Place
from tests.connectors.places.databases import LONDON


def without(record: dict[str, Any], *path: str) -> dict[str, Any]:
    key, *deeper = path
    kept = {name: value for name, value in record.items() if name != key}
    return {**kept, key: without(record[key], *deeper)} if deeper else kept


def test_geoip2_with_its_accuracy_radius() -> None:
    assert place_of(LONDON) == Place("GB", "England", "London", 51.5142, -0.0931, 10.0, "city")


def test_a_city_without_radius_is_fifty_km_wide() -> None:
    record = without(LONDON, "location", "accuracy_radius")
    assert place_of(record) == Place("GB", "England", "London", 51.5142, -0.0931, CITY_RADIUS_KM, "city")


def test_without_radius_and_city_it_is_the_country_only() -> None:
    record = without(without(LONDON, "location", "accuracy_radius"), "city")
    assert place_of(record) == Place("GB", "England", precision="country")


def test_a_radius_makes_up_for_the_city() -> None:
    assert place_of(without(LONDON, "city")) == Place("GB", "England", "", 51.5142, -0.0931, 10.0, "city")


@pytest.mark.parametrize(
    "location",
    [
        {}, {"accuracy_radius": 10}, {"latitude": 51.5, "accuracy_radius": 10},
        {"latitude": 0.0, "longitude": 0.0}, {"latitude": 91.0, "longitude": 0.5},
        {"latitude": 51.5, "longitude": -181.0},
        {"latitude": "", "longitude": ""}, {"latitude": float("nan"), "longitude": 1.0},
        {"latitude": True, "longitude": True}, {"latitude": [], "longitude": 1},
    ],
)  # fmt: skip
def test_without_coordinates_a_named_city_is_no_end_of_travel(location: dict[str, Any]) -> None:
    assert place_of({**LONDON, "location": location}) == Place("GB", "England", "London", precision="country")


def test_the_country_is_the_registered_one_where_no_other_is_known() -> None:
    assert place_of(without(LONDON, "country")).country == "US"
    assert place_of({"registered_country": {"iso_code": "US"}}) == Place("US", precision="country")


@pytest.mark.parametrize("code", ["ZZ", "EU", "AP", "", "GBR", "A1", None, 44])
def test_what_is_no_country_makes_no_place(code: object) -> None:
    assert place_of({**without(LONDON, "registered_country"), "country": {"iso_code": code}}) == Place()


def test_country_codes_are_upper_case() -> None:
    assert place_of({"country": {"iso_code": "gb"}}).country == "GB"


def test_names_are_english_else_any() -> None:
    assert place_of({**LONDON, "city": {"names": {"ja": "ロンドン", "fr": "Londres"}}}).city == "Londres"
    assert place_of({**LONDON, "city": {"names": {}}}).city == ""


FLAT = {
    "city": "Mountain View",
    "country_code": "US",
    "latitude": 37.4223,
    "longitude": -122.085,
    "postcode": "",
    "state1": "California",
    "state2": "Santa Clara County",
    "timezone": "",
}
"""As ip-location-db packs DB-IP City Lite."""


def test_flat_dbip() -> None:
    assert place_of(FLAT) == Place("US", "California", "Mountain View", 37.4223, -122.085, CITY_RADIUS_KM, "city")


def test_flat_dbip_without_a_city() -> None:
    assert place_of({**FLAT, "city": ""}) == Place("US", "California", precision="country")
    assert place_of({"country_code": "us"}) == Place("US", precision="country")


def test_other_words_for_the_same() -> None:
    record = {"country": "US", "region": "California", "city": "Mountain View", "lat": "37.4", "lng": "-122.1"}
    assert place_of(record) == Place("US", "California", "Mountain View", 37.4, -122.1, CITY_RADIUS_KM, "city")


@pytest.mark.parametrize(
    ("record", "provider"),
    [
        (
            {"autonomous_system_number": 14593, "autonomous_system_organization": "SPACEX-STARLINK"},
            (14593, "SPACEX-STARLINK"),
        ),
        ({"asn": "AS14593", "name": "Starlink"}, (14593, "Starlink")),
        ({"asn": "14593", "as_name": "Starlink"}, (14593, "Starlink")),
        ({"traits": {"autonomous_system_number": 3320, "autonomous_system_organization": "DTAG"}}, (3320, "DTAG")),
        ({"autonomous_system_number": 14593}, (14593, "")),
        ({"autonomous_system_number": 0, "autonomous_system_organization": "-"}, (0, "")),
        ({"asn": "AS4294967296"}, (0, "")),
        ({"asn": "ASx", "name": "x"}, (0, "")),
        ({}, (0, "")),
    ],
)
def test_providers(record: dict[str, Any], provider: tuple[int, str]) -> None:
    assert provider_of(record) == provider


@pytest.mark.parametrize(
    ("record", "tags"),
    [
        ({"is_anonymous": True, "is_tor_exit_node": True}, {"anonymous", "tor"}),
        ({"is_anonymous_vpn": True, "is_hosting_provider": True}, {"anonymous_vpn", "hosting"}),
        ({"is_public_proxy": True, "is_residential_proxy": True}, {"anonymous_proxy", "residential_proxy"}),
        ({"traits": {"is_satellite_provider": True, "is_anonymous_proxy": True}}, {"satellite", "anonymous_proxy"}),
        ({"traits": {"user_type": "cellular", "connection_type": "Cellular"}}, {"mobile"}),
        ({"traits": {"user_type": "consumer_privacy_network"}}, {"relay"}),
        ({"is_anonymous": False, "is_legitimate_proxy": True, "user_count": 3}, set()),
        ({"is_anonymous": 1}, set()),
    ],
)
def test_tags(record: dict[str, Any], tags: set[str]) -> None:
    assert set(tags_of(record)) == tags


def test_kinds() -> None:
    assert kinds_of(LONDON) == kinds_of(FLAT) == {"city"}
    assert kinds_of({"country_code": "US"}) == {"country"}
    assert kinds_of({"asn": "AS1", "name": "x"}) == {"asn"}
    assert kinds_of({"is_anonymous": True}) == {"anonymous"}
    assert kinds_of({"domain": "example.com"}) == set()


KEYS = st.sampled_from(
    ["country", "city", "location", "subdivisions", "traits", "registered_country", "iso_code", "names", "en",
     "latitude", "longitude", "accuracy_radius", "country_code", "state1", "asn", "name", "is_anonymous", "user_type"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_no_record_is_so_odd_that_it_breaks_something(record: dict[str, Any]) -> None:
    place = place_of(record)
    provider_of(record)
    tags_of(record)
    kinds_of(record)
    assert (place.precision == "none") == (place.country == "")
    assert (place.precision == "city") == (place.radius_km > 0) == ((place.latitude, place.longitude) != (0, 0))
