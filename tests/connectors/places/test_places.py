import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.places import Located, Places, PlacesError
from schemas.activity import Network, Place
from streams.settings import PlacesSettings
from tests.connectors.places.databases import LONDON, LONDON_PLACE, write


@pytest.mark.parametrize(
    ("ip", "country", "city"),
    [
        ("8.8.8.8", "US", "Mountain View"),
        ("81.2.69.142", "GB", "London"),
        ("1.1.1.1", "AU", "Sydney"),
        ("2001:4860:4860::8888", "CA", "Montreal"),
        ("2a02:2e0::1", "DE", "Frankfurt am Main (Innenstadt I)"),
        ("::ffff:8.8.8.8", "US", "Mountain View"),
    ],
)
def test_the_real_dbip_city_lite(dbip: Places, ip: str, country: str, city: str) -> None:
    place = dbip.locate(ip).place
    assert (place.country, place.city, place.radius_km, place.precision) == (country, city, 50.0, "city")
    assert -90 <= place.latitude <= 90
    assert dbip.stamp.city_db == "DBIP-City-Lite 2023-04-01T00:26:17Z"


def test_an_address_and_all_about_it(tmp_path: Path, city: Path, shipped: Path) -> None:
    asn = write(
        tmp_path / "asn.mmdb",
        {"81.2.69.0/24": {"autonomous_system_number": 20712, "autonomous_system_organization": "Andrews & Arnold"}},
        kind="GeoLite2-ASN",
    )
    anonymous = write(tmp_path / "anonymous.mmdb", {"81.2.69.0/25": {"is_anonymous": True}}, kind="GeoIP2-Anonymous-IP")
    settings = PlacesSettings(city_db=str(city), asn_db=str(asn), anonymous_db=str(anonymous))
    places = Places(settings, shipped)
    assert places.locate("81.2.69.9:443") == Located(
        "81.2.69.9", LONDON_PLACE, Network("81.2.69.0/24", 20712, "Andrews & Arnold", "", ("anonymous",), ""), ""
    )
    tor = Network("81.2.69.0/24", 20712, "Andrews & Arnold", "risky", ("tor",), "tor-exits")
    assert places.locate("81.2.69.142") == Located("81.2.69.142", LONDON_PLACE, tor, "")
    assert places.stamp.asn_db.startswith("GeoLite2-ASN 20")
    assert places.stamp.anonymous_db.startswith("GeoIP2-Anonymous-IP 20")


@pytest.mark.parametrize(("kind", "version", "ip"), [("city ipv4", 4, "81.2.69.142"), ("city ipv6", 6, "2a02:2e0::1")])
def test_a_flat_database_of_one_family(tmp_path: Path, kind: str, version: int, ip: str) -> None:
    record = {"country_code": "GB", "state1": "England", "city": "London", "latitude": 51.5, "longitude": -0.125}
    network = "81.2.69.0/24" if version == 4 else "2a02:2e0::/32"
    path = write(tmp_path / "city.mmdb", {network: record}, kind=kind, version=version, float_type="f32")
    places = Places(PlacesSettings(city_db=str(path)))
    assert places.locate(ip).place == Place("GB", "England", "London", 51.5, -0.125, 50.0, "city")
    for other in ("8.8.8.8", "2001:4860::1", "::ffff:8.8.8.8"):
        assert places.locate(other).place == Place()


def test_a_flat_asn_database_has_its_number_as_text(tmp_path: Path, shipped: Path) -> None:
    path = write(
        tmp_path / "asn.mmdb", {"98.97.0.0/16": {"asn": "AS14593", "name": "Starlink"}}, kind="ipinfo asn.mmdb"
    )
    network = Places(PlacesSettings(asn_db=str(path)), shipped).locate("98.97.1.2").network
    assert network == Network("98.97.1.0/24", 14593, "Starlink", "", ("satellite",), "asn-tags")


def test_traits_of_a_city_database_tell_of_the_network(tmp_path: Path, shipped: Path) -> None:
    traits = {
        "autonomous_system_number": 16509,
        "autonomous_system_organization": "AMAZON-02",
        "is_anonymous_proxy": True,
    }
    path = write(tmp_path / "city.mmdb", {"3.0.0.0/8": {**LONDON, "traits": traits}}, kind="GeoIP2-Enterprise")
    network = Places(PlacesSettings(city_db=str(path)), shipped).locate("3.1.2.3").network
    assert network == Network("3.1.2.0/24", 16509, "AMAZON-02", "cloud", ("anonymous_proxy", "hosting"), "asn-tags")


@pytest.mark.parametrize(
    ("ip", "prefix"),
    [
        ("10.1.2.3", "10.1.2.0/24"), ("127.0.0.1", "127.0.0.0/24"), ("169.254.0.9", "169.254.0.0/24"), ("::1", "::/48"),
        ("100.64.0.1", "100.64.0.0/24"), ("fe80::1%eth0", "fe80::/48"), ("fd00:1:2:3::4", "fd00:1:2::/48"),
        ("224.0.0.1", "224.0.0.0/24"), ("8.8.8.8", "8.8.8.0/24"),
    ],
)  # fmt: skip
def test_private_and_unknown_addresses_have_a_network_but_no_place(city: Path, ip: str, prefix: str) -> None:
    located = Places(PlacesSettings(city_db=str(city))).locate(ip)
    assert (located.place, located.network, located.flag) == (Place(), Network(prefix), "")


@pytest.mark.parametrize(("text", "flag"), [("N/A", "no_ip"), ("", "no_ip"), (None, "no_ip"), ("not-an-ip", "bad_ip")])
def test_no_address_is_flagged(city: Path, text: str | None, flag: str) -> None:
    assert Places(PlacesSettings(city_db=str(city))).locate(text) == Located("", Place(), Network(), flag)


def test_nothing_set_is_nothing_known() -> None:
    places = Places(PlacesSettings())
    assert places.locate("8.8.8.8") == Located("8.8.8.8", Place(), Network("8.8.8.0/24"), "")
    assert (places.stamp.city_db, places.stamp.asn_db, places.stamp.anonymous_db) == ("", "", "")
    assert len(places.stamp.lists) == 16


def test_custom_blocks_hide_shipped_ones_and_the_as_stands_beside_them(
    tmp_path: Path, lists: Path, shipped: Path
) -> None:
    starlink, amazon = {"asn": "AS14593", "name": "Starlink"}, {"asn": "AS16509", "name": "Amazon"}
    asn = write(tmp_path / "asn.mmdb", {"185.220.0.0/16": starlink, "3.0.0.0/8": amazon}, kind="asn")
    (lists / "corporate.txt").write_text("185.220.101.0/24\n10.0.0.0/8\n")
    (lists / "ours.csv").write_text("asn,category,tags\n16509,vpn,egress\n")
    settings = PlacesSettings(asn_db=str(asn), lists_dir=str(lists))
    without = Places(PlacesSettings(asn_db=str(asn)), shipped)
    places = Places(settings, shipped)
    tor = Network("185.220.101.0/24", 14593, "Starlink", "risky", ("satellite", "tor"), "tor-exits")
    assert without.locate("185.220.101.1").network == tor
    ours = Network("185.220.101.0/24", 14593, "Starlink", "corporate", ("satellite",), "corporate")
    assert places.locate("185.220.101.1").network == ours
    assert places.locate("3.1.2.3").network == Network("3.1.2.0/24", 16509, "Amazon", "vpn", ("egress",), "ours")
    assert places.locate("10.1.2.3").network == Network("10.1.2.0/24", category="corporate", listed_by="corporate")
    assert places.stamp.lists.startswith(f"{without.stamp.lists}+")


@pytest.mark.parametrize("field", ["city_db", "asn_db", "anonymous_db"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "can't be read: No such file or directory"),
        (lambda path: path.mkdir(), "can't be read: Is a directory"),
        (lambda path: path.write_text("hello\n" * 100), "is no MaxMind DB file, or is damaged or cut short"),
        (lambda path: path.write_bytes(b""), "is no MaxMind DB file, or is damaged or cut short"),
        (lambda path: path.write_bytes(gzip.compress(b"x")), "is compressed (gzip)"),
        (lambda path: write(path, {}), "no record in it tells of a place or a network"),
        (lambda path: write(path, {"1.0.0.0/8": {"domain": "example.com"}}), "no record in it tells of a place"),
    ],
)
def test_a_database_that_does_not_open(tmp_path: Path, field: str, make: Callable[[Path], Any], reason: str) -> None:
    path = tmp_path / "db.mmdb"
    make(path)
    with pytest.raises(PlacesError) as raised:
        Places(msgspec.structs.replace(PlacesSettings(), **{field: str(path)}))
    assert raised.value.path == str(path)
    assert reason in raised.value.reason
    assert field in raised.value.advice or "Unpack" in raised.value.advice


def test_a_database_of_another_kind_is_refused(city: Path) -> None:
    with pytest.raises(PlacesError, match=r"GeoLite2-City: is of another kind \(city, not asn\)"):
        Places(PlacesSettings(asn_db=str(city)))


def test_a_lists_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlacesError, match="Create the folder"):
        Places(PlacesSettings(lists_dir=str(tmp_path / "gone")))


TEXTS = st.one_of(
    st.text(max_size=200),
    st.ip_addresses().map(str),
    st.ip_addresses(v=4).map(lambda ip: f"{ip}:443"),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}%1]:443"),
)


@given(st.lists(TEXTS, max_size=20))
def test_any_text_is_located_the_same_however_often(dbip: Places, texts: list[str]) -> None:
    first = [dbip.locate(text) for text in texts]
    assert [dbip.locate(text) for text in texts] == first
    for located in first:
        assert (located.ip == "") == (located.flag != "") == (located.network.prefix == "")
        if located.ip:
            assert dbip.locate(located.ip) == located


def test_a_record_that_turns_out_damaged_has_no_place(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import maxminddb

    places = Places(PlacesSettings(city_db=str(city)))
    assert places._city is not None

    class Damaged:
        def get(self, ip: str) -> None:
            raise maxminddb.InvalidDatabaseError(f"bad data at {ip}")

    monkeypatch.setattr(places._city.value, "_reader", Damaged())
    assert places.locate("81.2.69.142") == Located("81.2.69.142", Place(), Network("81.2.69.0/24"), "")
