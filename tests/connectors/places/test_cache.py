"""What is remembered of addresses that were asked for: enough, and no more."""

from pathlib import Path

from connectors.places import Places
from streams.settings import PlacesSettings


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
