"""Databases and lists of a test's own."""

from pathlib import Path

import pytest

from connectors.places import Places
from streams.settings import PlacesSettings
from tests.connectors.places.databases import DBIP_CITY_LITE, LONDON, write


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
