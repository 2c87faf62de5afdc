import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.places import Located, Places, PlacesError, Refreshed
from schemas.activity import Network, Place
from streams.settings import PlacesSettings
from tests.connectors.places.databases import DBIP_CITY_LITE, LONDON, write

LONDON_PLACE = Place("GB", "England", "London", 51.5142, -0.0931, 10.0, "city")
PARIS = {
    "country": {"iso_code": "FR"},
    "city": {"names": {"en": "Paris"}},
    "location": {"latitude": 48.9, "longitude": 2.4},
}
PARIS_PLACE = Place("FR", "", "Paris", 48.9, 2.4, 50.0, "city")


def touch(path: Path) -> None:
    """Makes the file look written anew, however coarse the clock of the file system is."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return write(tmp_path / "city.mmdb", {"81.2.69.0/24": LONDON, "2a02:2e0::/32": LONDON, "10.0.0.0/8": LONDON})


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    path = tmp_path / "lists"
    path.mkdir()
    return path


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    path = tmp_path / "shipped"
    path.mkdir()
    (path / "asn-tags.csv").write_text("asn,category,tags\n14593,,satellite\n16509,cloud,hosting\n")
    (path / "tor-exits.txt").write_text("81.2.69.142\n185.220.101.1\n")
    return path


@pytest.fixture(scope="module")
def dbip() -> Places:
    return Places(PlacesSettings(city_db=str(DBIP_CITY_LITE)))


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


def test_the_cache_is_bounded_and_takes_addresses_only(city: Path) -> None:
    places = Places(PlacesSettings(city_db=str(city), cache_size=100))
    for number in range(1_000):
        places.locate(f"81.2.{number // 250}.{number % 250}")
        assert places.view.remembered <= 100
    assert places.view.remembered > 50
    before = places.view.remembered
    for number in range(1_000):
        places.locate(f"made up {number}")
        places.locate(f"81.2.3.249:{number}")
        places.locate("N/A")
    assert places.view.remembered == before


def test_what_is_used_again_is_kept(city: Path) -> None:
    places = Places(PlacesSettings(city_db=str(city), cache_size=10))
    first = places.locate("81.2.69.142")
    for number in range(100):
        places.locate(f"1.2.3.{number}")
        if number % 3 == 0:
            assert places.locate("81.2.69.142") is first
    for number in range(100):
        places.locate(f"1.2.3.{number}")
    assert places.locate("81.2.69.142") is not first


def test_a_cache_of_one_remembers_nothing(city: Path) -> None:
    places = Places(PlacesSettings(city_db=str(city), cache_size=1))
    assert places.locate("81.2.69.142") == places.locate("81.2.69.142")
    assert places.view.remembered == 0


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


def test_nothing_changed_nothing_done(city: Path, lists: Path) -> None:
    places = Places(PlacesSettings(city_db=str(city), lists_dir=str(lists)))
    view = places.view
    assert places.refresh() == []
    assert places.view is view


@pytest.mark.parametrize("way", ["moved into place", "overwritten", "linked anew"])
def test_a_new_database_is_taken_into_use(tmp_path: Path, city: Path, way: str) -> None:
    link = tmp_path / "link.mmdb"
    link.symlink_to(city)
    places = Places(PlacesSettings(city_db=str(link)))
    assert places.locate("81.2.69.142").place == LONDON_PLACE
    new = write(tmp_path / "new.mmdb", {"81.2.69.0/24": PARIS}, kind="DBIP-City")
    if way == "moved into place":
        new.replace(city)
    elif way == "overwritten":
        city.write_bytes(new.read_bytes())
        touch(city)
    else:
        link.unlink()
        link.symlink_to(new)
    (refreshed,) = places.refresh()
    assert (refreshed.path, refreshed.ok) == (str(link), True)
    assert refreshed.reason == places.stamp.city_db
    assert refreshed.reason.startswith("DBIP-City 20")
    assert places.locate("81.2.69.142").place == PARIS_PLACE
    assert places.refresh() == []


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def no_metadata(path: Path) -> None:
    path.write_text("<html>404 Not Found</html>")


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"London") - 1] = 0xFF  # a string's head: now a map of many more bytes than there are
    content[200:400] = b"\xee" * 200
    path.write_bytes(content)


def another_kind(path: Path) -> None:
    write(path, {"81.2.69.0/24": {"asn": "AS1", "name": "x"}}, kind="asn")


@pytest.mark.parametrize("spoil", [cut_short, no_metadata, damaged, another_kind, Path.unlink])
def test_a_broken_new_database_is_refused_once_and_the_old_one_stays(city: Path, spoil: Callable[[Path], None]) -> None:
    good = city.read_bytes()
    places = Places(PlacesSettings(city_db=str(city)))
    view = places.view
    spoil(city)
    if city.exists():
        touch(city)
    (refused,) = places.refresh()
    assert (refused.path, refused.ok) == (str(city), False)
    assert refused.reason
    assert places.refresh() == []
    assert places.view is view
    assert places.locate("81.2.69.77").place == LONDON_PLACE  # never asked before: read from the old database
    if city.exists():
        touch(city)
        assert places.refresh() == [refused]
    city.write_bytes(good)
    touch(city)
    assert [change.ok for change in places.refresh()] == [True]


def test_a_file_that_shrinks_under_the_reader_hurts_nobody(tmp_path: Path) -> None:
    path = write(tmp_path / "city.mmdb", {f"{first}.0.0.0/8": LONDON for first in range(11, 99)})
    places = Places(PlacesSettings(city_db=str(path), cache_size=1))
    os.truncate(path, 0)
    assert places.locate("81.2.69.142").place == LONDON_PLACE


def test_a_file_that_is_still_being_written_waits(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(PlacesSettings(city_db=str(city)))
    assert places._city is not None
    read, good = places._city._read, city.read_bytes()

    def read_while_it_grows(path: Path) -> Any:
        try:
            return read(path)
        finally:
            city.write_bytes(good)
            touch(city)

    cut_short(city)
    monkeypatch.setattr(places._city, "_read", read_while_it_grows)
    assert places.refresh() == []
    monkeypatch.setattr(places._city, "_read", read)
    assert [change.ok for change in places.refresh()] == [True]


def test_lists_are_read_again(lists: Path, shipped: Path) -> None:
    places = Places(PlacesSettings(lists_dir=str(lists)), shipped)
    stamp = places.stamp
    assert places.locate("198.51.100.7").network.category == ""
    (lists / "vpn.txt").write_text("198.51.100.7")
    assert places.refresh() == [Refreshed(str(lists), True, "list files: 1, lines of data: 1")]
    assert places.locate("198.51.100.7").network.category == "vpn"
    assert places.stamp != stamp
    (lists / "risky.txt").write_text("198.51.100.0/24")
    (refused,) = places.refresh()
    assert (refused.path, refused.ok) == (str(lists / "vpn.txt"), False)
    assert refused.reason == "vpn.txt line 1 (198.51.100.7, vpn) overlaps risky.txt line 1 (198.51.100.0/24, risky)"
    assert places.refresh() == []
    assert places.locate("198.51.100.8").network.category == ""
    (lists / "vpn.txt").unlink()
    assert [change.ok for change in places.refresh()] == [True]
    assert places.locate("198.51.100.7").network.category == "risky"
    (shipped / "tor-exits.txt").write_text("not-an-ip")
    assert [(change.path, change.ok) for change in places.refresh()] == [(str(shipped / "tor-exits.txt"), False)]
    (lists / "risky.txt").unlink()
    lists.rmdir()
    assert [(change.path, change.ok) for change in places.refresh()] == [(str(lists), False)]
    assert places.locate("198.51.100.9").network.category == "risky"


def test_readers_see_the_old_or_the_new_and_its_stamp(tmp_path: Path, city: Path) -> None:
    new = write(tmp_path / "new.mmdb", {"81.2.69.0/24": PARIS}, kind="DBIP-City").read_bytes()
    old = city.read_bytes()
    places = Places(PlacesSettings(city_db=str(city), cache_size=4))
    kinds = {"GB": "GeoLite2-City", "FR": "DBIP-City"}
    wrong: list[object] = []
    seen: set[str] = set()
    stop, both = threading.Event(), threading.Event()

    def read() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            view = places.view
            place = view.locate(f"81.2.69.{number % 256}").place
            seen.add(place.country)
            if len(seen) == 2:
                both.set()
            if view.stamp.city_db.split()[0] != kinds.get(place.country):
                wrong.append((place, view.stamp))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(20):
            city.write_bytes(new if turn % 2 == 0 else old)
            touch(city)
            assert [change.ok for change in places.refresh()] == [True]
        assert both.wait(30)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert seen == {"GB", "FR"}


def test_a_record_that_turns_out_damaged_has_no_place(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import maxminddb

    places = Places(PlacesSettings(city_db=str(city)))
    assert places._city is not None

    class Damaged:
        def get(self, ip: str) -> None:
            raise maxminddb.InvalidDatabaseError(f"bad data at {ip}")

    monkeypatch.setattr(places._city.value, "_reader", Damaged())
    assert places.locate("81.2.69.142") == Located("81.2.69.142", Place(), Network("81.2.69.0/24"), "")
