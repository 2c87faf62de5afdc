"""What a database's record says, whatever its layout.

Two families of layouts are read. Nested: MaxMind's GeoIP2 and GeoLite2, and DB-IP's own .mmdb files, which follow it
but give no accuracy radius. Flat: DB-IP's data as ip-location-db packs it (`country_code`, `state1`, `city`,
`latitude`, `longitude`; empty text or missing keys where unknown), and tables with `asn` and `name`. Somebody else
wrote these files, so nothing here relies on a type: what is not as expected counts as unknown.
"""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import Any, Final

from schemas.activity import Place

Record = Mapping[str, Any]

CITY_RADIUS_KM: Final = 50.0
"""Assumed where a database names a city but gives no accuracy radius: about the extent of a metropolitan area."""

NOT_COUNTRIES: Final = frozenset({"AP", "EU", "XX", "ZZ"})
"""Codes that databases use for `Asia/Pacific`, `Europe` and `unknown`."""

TAG_BY_TRAIT: Final = {
    "is_anonymous": "anonymous",
    "is_anonymous_proxy": "anonymous_proxy",
    "is_anonymous_vpn": "anonymous_vpn",
    "is_hosting_provider": "hosting",
    "is_public_proxy": "anonymous_proxy",
    "is_residential_proxy": "residential_proxy",
    "is_satellite_provider": "satellite",
    "is_tor_exit_node": "tor",
}
"""Flags of MaxMind's Anonymous-IP databases and of `traits` in its other ones."""

TAG_BY_USER: Final = {"cellular": "mobile", "consumer_privacy_network": "relay", "hosting": "hosting"}
"""`traits.user_type` (and DB-IP's `connection_type`), in lower case."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_ASN: Final = re.compile(r"(?:AS)?([0-9]{1,10})", re.ASCII | re.IGNORECASE)
_MAX_ASN: Final = 2**32 - 1
_NOTHING: Final[Record] = {}


def place_of(record: Record) -> Place:
    """Where a city or country database puts an address.

    `precision` is `city` only with coordinates and either an accuracy radius or a named city. Coordinates that can't be
    relied upon are left out, so that nobody measures with them.
    """
    country = _country_of(record)
    if not country:
        return Place()
    city = record.get("city")
    city = _name(city) if city else ""
    region = _region_of(record)
    location = record.get("location")
    if not isinstance(location, dict):
        location = record
    radius_km = _number(location.get("accuracy_radius"), math.inf) or 0.0
    if radius_km <= 0 and city:
        radius_km = CITY_RADIUS_KM
    latitude = _number(location.get("latitude", location.get("lat")), 90)
    longitude = _number(location.get("longitude", location.get("lng", location.get("lon"))), 180)
    if latitude is None or longitude is None or radius_km <= 0 or latitude == longitude == 0:  # 0, 0: unknown
        return Place(country, region, city, precision="country")
    return Place(country, region, city, latitude, longitude, radius_km, "city")


def provider_of(record: Record) -> tuple[int, str]:
    """AS number and organisation, 0 and empty where unknown; from an ASN database or from `traits`."""
    traits = _table(record, "traits") or record
    found = _ASN.fullmatch(str(_first(traits, "autonomous_system_number", "asn", "as_number") or ""))
    asn = int(found[1]) if found else 0
    if not 0 < asn <= _MAX_ASN:
        return 0, ""
    names = ("autonomous_system_organization", "name", "as_name", "as_organization", "organization", "org")
    return asn, _name(_first(traits, *names))


def tags_of(record: Record) -> list[str]:
    """What kind of network it is, from an Anonymous-IP database or from `traits`."""
    traits = _table(record, "traits") or record
    tags = [TAG_BY_TRAIT[trait] for trait, value in traits.items() if value is True and trait in TAG_BY_TRAIT]
    for key in ("user_type", "connection_type"):
        kind = traits.get(key)
        if isinstance(kind, str) and kind.lower() in TAG_BY_USER:
            tags.append(TAG_BY_USER[kind.lower()])
    return tags


def kinds_of(record: Record) -> set[str]:
    """What a record tells of: `city`, `country`, `asn`, `anonymous`."""
    kinds = set()
    if _country_of(record):
        kinds.add("city" if place_of(record).precision == "city" else "country")
    if provider_of(record)[0]:
        kinds.add("asn")
    if any(trait in record for trait in TAG_BY_TRAIT):
        kinds.add("anonymous")
    return kinds


def _country_of(record: Record) -> str:
    for key in ("country", "registered_country", "country_code"):
        country = record.get(key)
        code = country.get("iso_code") if isinstance(country, dict) else country
        if isinstance(code, str) and (known := _code(code)):
            return known
    return ""


@lru_cache(maxsize=1_024)  # there are 249 codes, in two cases
def _code(text: str) -> str:
    upper = text.upper()
    return upper if _COUNTRY.fullmatch(upper) and upper not in NOT_COUNTRIES else ""


def _region_of(record: Record) -> str:
    subdivisions = record.get("subdivisions")
    if isinstance(subdivisions, list) and subdivisions:
        return _name(subdivisions[0])
    return _name(_first(record, "state1", "region", "stateprov", "state"))


def _name(value: Any) -> str:
    """A name as such or out of `names`: English, else the first language that has one."""
    if isinstance(value, dict):
        names = value.get("names")
        if not isinstance(names, dict):
            return ""
        value = names.get("en") or next((names[language] for language in sorted(names) if names[language]), "")
    return intern(value) if type(value) is str else ""


def _first(table: Record, *keys: str) -> Any:
    for key in keys:
        value = table.get(key)
        if value is not None and value != "":
            return value
    return None


def _table(record: Record, key: str) -> Record:
    value = record.get(key)
    return value if isinstance(value, dict) else _NOTHING


def _number(value: Any, most: float) -> float | None:
    if type(value) is not float:
        if value is None or isinstance(value, bool) or not isinstance(value, (float, int, str)):
            return None
        try:
            value = float(value)
        except (ValueError, OverflowError):
            return None
    return value if -most <= value <= most and value - value == 0 else None  # neither infinite nor NaN
