"""What the pipeline knows of networks: databases and lists made from the scenario, as an organisation would have them.

The city database holds the networks of the scenario's places, in the layout of GeoIP2, where the whole DB-IP City Lite
has them; but for those that a new edition misplaces.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from simulators.scenario import Scenario
from simulators.scenario.atlas import City, Places
from simulators.scenario.providers import owners
from simulators.scenario.surroundings import Surroundings
from streams.sections import PlacesSettings

CITY_DB: Final = "city.mmdb"
ASN_DB: Final = "asn.mmdb"
LISTS: Final = "lists"


class World:
    """The files of a scenario in `folder`. `settings` name them."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self._folder = folder
        self._atlas = scenario.organisation.atlas
        (folder / LISTS).mkdir(parents=True)
        providers = {network: _provider(*owner) for network, owner in owners(self._atlas)}
        _write(folder / ASN_DB, "DBIP-ASN-Lite", providers)
        self.show(scenario.surroundings[0])
        self.settings = PlacesSettings(
            city_db=str(folder / CITY_DB), asn_db=str(folder / ASN_DB), lists_dir=str(folder / LISTS)
        )

    def show(self, surroundings: Surroundings) -> None:
        """From now on the files say what `surroundings` do. Each is replaced whole."""
        _write(self._folder / CITY_DB, "DBIP-City-Lite", _cities(self._atlas, surroundings.moved))
        for name, text in surroundings.lists.items():
            path = self._folder / LISTS / name
            if not path.exists() or path.read_text() != text:
                new = path.with_suffix(".new")
                new.write_text(text)
                os.replace(new, path)


def _cities(atlas: Places, moved: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    records = {network: _record(city) for city in atlas.cities for network in (*city.ipv4, *city.ipv6)}
    return records | {network: _record(atlas.city(name)) for network, name in moved.items()}


def _record(city: City) -> dict[str, Any]:
    return {
        "city": {"names": {"en": city.name}},
        "continent": {"code": city.continent},
        "country": {"iso_code": city.country},
        "location": {"latitude": city.latitude, "longitude": city.longitude},
    }


def _provider(asn: int, name: str) -> dict[str, Any]:
    return {"autonomous_system_number": asn, "autonomous_system_organization": name}


def _write(path: Path, kind: str, records: Mapping[str, dict[str, Any]]) -> None:
    writer = MMDBWriter(6, kind, ["en"], "networks of a scenario", ipv4_compatible=True, int_type="u32")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    new = path.with_suffix(".new")
    writer.to_db_file(str(new))
    os.replace(new, path)
