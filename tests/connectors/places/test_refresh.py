"""Databases and lists that change while they are in use: the new one is taken into use, a broken one refused."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.places import Places, Refreshed
from streams.settings import PlacesSettings
from tests.connectors.places.databases import LONDON, LONDON_PLACE, PARIS, PARIS_PLACE, touch, write


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
