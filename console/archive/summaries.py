"""What the archive knows of one user or one address, in numbers, over a span of time."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from console.archive.database import Database
from console.worldmap import Spot
from detections import wording

MOST: Final = 20
"""Rows of one table: the rest has its own search."""

_GROUPS: Final[Mapping[str, str]] = {
    "places": "concat_ws(', ', nullif(city, ''), nullif(country, ''))",
    "networks": "organisation",
    "addresses": "ip",
    "clients": "client",
    "types": "type",
    "users": "user_key",
    "hours": "hour(make_timestamp(time_ms * 1000))::VARCHAR",
}
OF_USER: Final = ("places", "networks", "addresses", "clients", "types", "hours")
OF_ADDRESS: Final = ("users", "types", "clients")


class Count(msgspec.Struct, frozen=True):
    """One value with how often it was seen, and when first and last (ms since the epoch, UTC)."""

    value: str
    number: int
    first_ms: int
    last_ms: int


class Summary(msgspec.Struct, frozen=True):
    """`activities`: how many there are. `counts`: by group, the most frequent first. `spots`: places for a map, at most
    `MOST`. `facts`: what the latest of them says about itself."""

    activities: int
    administrative: int
    counts: dict[str, list[Count]]
    spots: list[Spot]
    facts: dict[str, Any]


_FACTS: Final = (
    "actor_email", "actor_name", "actor_id", "user_type", "guest", "privileged", "external", "groups", "country",
    "city", "prefix", "asn", "organisation", "ip_category", "ip_tags",
)  # fmt: skip


_COUNTED: Final = "user_key, administrative, type, client, ip, country, city, organisation, latitude, longitude"
"""The columns that numbers come from."""
_SUM: Final = "coalesce(sum(number), 0)::BIGINT"


def of_user(database: Database, user_key: str, from_ms: int, until_ms: int) -> Summary:
    """Of one user."""
    return _summary(database, "user_key", user_key, from_ms, until_ms, OF_USER)


def of_address(database: Database, ip: str, from_ms: int, until_ms: int) -> Summary:
    """Of one address."""
    return _summary(database, "ip", ip, from_ms, until_ms, OF_ADDRESS)


def hours_of_user(database: Database, user_key: str, from_ms: int, until_ms: int) -> list[int]:
    """Activities by hour of the day (UTC): 24 numbers."""
    query = (
        f"SELECT {_GROUPS['hours']}, count(*) FROM activities WHERE time_ms >= ? AND time_ms < ? "  # noqa: S608 - ours
        "AND user_key = ? GROUP BY 1"
    )
    found = {int(hour): number for hour, number in database.read(query, (from_ms, until_ms, user_key))}
    return [found.get(hour, 0) for hour in range(24)]


def _summary(
    database: Database, column: str, value: str, from_ms: int, until_ms: int, groups: tuple[str, ...]
) -> Summary:
    with database.cursor() as cursor:
        # Looked for once, however much is asked about them then; what is alike is counted together.
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE own AS SELECT {_COUNTED}, {_GROUPS['hours']} AS hour, "  # noqa: S608 - ours
            "count(*) AS number, min(time_ms) AS first_ms, max(time_ms) AS last_ms "
            f"FROM activities WHERE time_ms >= ? AND time_ms < ? AND {column} = ? GROUP BY ALL",
            (from_ms, until_ms, value),
        )

        def asked(selected: str, rest: str = "") -> list[tuple[Any, ...]]:
            return cursor.execute(f"SELECT {selected} FROM own {rest}").fetchall()  # noqa: S608 - names are ours

        made = _of_own(asked, groups)
        newest_ms = asked("max(last_ms)")[0][0]
    listed = ", ".join(f'"{name}"' for name in _FACTS)
    latest = database.read(
        f"SELECT {listed} FROM activities WHERE time_ms = ? AND {column} = ? ORDER BY position DESC LIMIT 1",  # noqa: S608
        (newest_ms, value),
    )
    return msgspec.structs.replace(made, facts=dict(zip(_FACTS, latest[0], strict=True)) if latest else {})


def _of_own(asked: Callable[..., list[tuple[Any, ...]]], groups: tuple[str, ...]) -> Summary:
    number, administrative = asked(f"{_SUM}, coalesce(sum(number) FILTER (administrative), 0)::BIGINT")[0]
    counts = {
        group: [
            Count(*row)
            for row in asked(
                f"{found} AS found, {_SUM}, min(first_ms), max(last_ms)",
                f"WHERE {found} <> '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {24 if group == 'hours' else MOST}",
            )
        ]
        for group in groups
        for found in ("hour" if group == "hours" else _GROUPS[group],)
    }
    places = asked(
        "latitude, longitude, max(city), max(country)",
        f"WHERE latitude IS NOT NULL GROUP BY 1, 2 ORDER BY {_SUM} DESC LIMIT {MOST}",
    )
    return Summary(
        number,
        administrative,
        counts,
        [Spot(latitude, longitude, wording.place(city, country)) for latitude, longitude, city, country in places],
        {},
    )
