"""What the archive's tables hold: each column with its DuckDB type and, for activities, where it is read from."""

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from detections.activity_policies.attributes import groups_of
from schemas.activity import Account, Activity, Person

SCHEMA: Final = 2
"""Of the tables. An archive of another one is set aside and filled anew from the topics."""

NOBODY: Final = Person(kind="unknown")
UNKNOWN: Final = Account()


class Column(NamedTuple):
    """One column of the activities: its name, its DuckDB type, and how it is read from an activity."""

    name: str
    type: str
    read: Callable[[Activity], Any]


@lru_cache(maxsize=65_536)
def address_key(ip: str) -> str:
    """`ip` as 32 hexadecimal digits, IPv4 as mapped into IPv6, so that blocks are ranges of text; empty where it is
    none."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    number = int(address)
    return f"{number if address.version == 6 else number + (0xFFFF << 32):032x}"


def _account(name: str) -> Callable[[Activity], Any]:
    return lambda activity: None if activity.account is None else getattr(activity.account, name)


ACTIVITY_COLUMNS: Final = (
    Column("time_ms", "BIGINT", attrgetter("time_ms")),
    Column("received_ms", "BIGINT", attrgetter("received_ms")),
    Column("connector", "VARCHAR", attrgetter("connector")),
    Column("event_id", "VARCHAR", attrgetter("event_id")),
    Column("source", "VARCHAR", attrgetter("source")),
    Column("audit_source", "VARCHAR", attrgetter("audit_source")),
    Column("action", "VARCHAR", attrgetter("action")),
    Column("type", "VARCHAR", attrgetter("type")),
    Column("outcome", "VARCHAR", attrgetter("outcome")),
    Column("administrative", "BOOLEAN", attrgetter("administrative")),
    Column("interactive", "BOOLEAN", attrgetter("interactive")),
    Column("actor_kind", "VARCHAR", attrgetter("actor.kind")),
    Column("actor_email", "VARCHAR", attrgetter("actor.email")),
    Column("actor_name", "VARCHAR", attrgetter("actor.name")),
    Column("actor_id", "VARCHAR", attrgetter("actor.user_id")),
    Column("subject_email", "VARCHAR", lambda a: (a.subject or NOBODY).email),
    Column("subject_name", "VARCHAR", lambda a: (a.subject or NOBODY).name),
    Column("subject_id", "VARCHAR", lambda a: (a.subject or NOBODY).user_id),
    Column("group_name", "VARCHAR", attrgetter("group")),
    Column("path", "VARCHAR", attrgetter("path")),
    Column("target_path", "VARCHAR", attrgetter("target_path")),
    Column("info", "VARCHAR", attrgetter("info")),
    Column("client", "VARCHAR", attrgetter("client")),
    Column("ip", "VARCHAR", attrgetter("ip")),
    Column("ip_key", "VARCHAR", lambda a: address_key(a.ip)),
    Column("country", "VARCHAR", attrgetter("place.country")),
    Column("region", "VARCHAR", attrgetter("place.region")),
    Column("city", "VARCHAR", attrgetter("place.city")),
    Column("latitude", "DOUBLE", lambda a: a.place.latitude if a.place.precision == "city" else None),
    Column("longitude", "DOUBLE", lambda a: a.place.longitude if a.place.precision == "city" else None),
    Column("radius_km", "DOUBLE", attrgetter("place.radius_km")),
    Column("prefix", "VARCHAR", attrgetter("network.prefix")),
    Column("asn", "BIGINT", attrgetter("network.asn")),
    Column("organisation", "VARCHAR", attrgetter("network.organisation")),
    Column("ip_category", "VARCHAR", attrgetter("network.category")),
    Column("ip_tags", "VARCHAR[]", attrgetter("network.tags")),
    Column("country_users", "BIGINT", attrgetter("knowledge.country_users")),
    Column("asn_users", "BIGINT", attrgetter("knowledge.asn_users")),
    Column("client_users", "BIGINT", attrgetter("knowledge.client_users")),
    Column("external", "BOOLEAN", _account("external")),
    Column("guest", "BOOLEAN", _account("guest")),
    Column("privileged", "BOOLEAN", _account("privileged")),
    Column("user_type", "VARCHAR", lambda a: (a.account or UNKNOWN).user_type),
    Column("auth_type", "VARCHAR", lambda a: (a.account or UNKNOWN).auth_type),
    Column("groups", "VARCHAR[]", groups_of),
    Column("flags", "VARCHAR[]", attrgetter("flags")),
    Column("raw", "VARCHAR", lambda a: bytes(a.raw).decode(errors="replace")),
)
"""In this order in the table; before them stand `user_key`, and `partition` and `position`, the record's own place in
`egnyte.activities`: with the time they give every row an order that stays."""

PLACE_OF_RECORD: Final = {"user_key": "VARCHAR", "partition": "SMALLINT", "position": "BIGINT"}
ACTIVITY_TYPES: Final = PLACE_OF_RECORD | {column.name: column.type for column in ACTIVITY_COLUMNS}

FINDING_TYPES: Final = {
    "uid": "VARCHAR",
    "topic": "VARCHAR",
    "partition": "SMALLINT",
    "position": "BIGINT",
    "replay": "BOOLEAN",
    "step": "VARCHAR",
    "policy": "VARCHAR",
    "title": "VARCHAR",
    "severity_id": "TINYINT",
    "status_id": "TINYINT",
    "is_alert": "BOOLEAN",
    "connector": "VARCHAR",
    "user_key": "VARCHAR",
    "time_ms": "BIGINT",
    "start_ms": "BIGINT",
    "end_ms": "BIGINT",
    "count": "BIGINT",
    "suppressed": "VARCHAR",
    "message": "VARCHAR",
    "body": "VARCHAR",
}
"""One row for each record of `egnyte.alerts` and `egnyte.behaviors`: what was said when. `position`: its offset.
`body`: the record itself."""

GOVERNANCE_TYPES: Final = {
    "uid": "VARCHAR",
    "partition": "SMALLINT",
    "position": "BIGINT",
    "time_ms": "BIGINT",
    "body": "VARCHAR",
}
"""One row for each record of `egnyte.governance`."""

TABLES: Final = {"activities": ACTIVITY_TYPES, "finding_records": FINDING_TYPES, "governance": GOVERNANCE_TYPES}


OFFSETS: Final = """
    CREATE TABLE IF NOT EXISTS offsets (
        topic VARCHAR, partition SMALLINT, next BIGINT, PRIMARY KEY (topic, partition)
    )"""
FACTS: Final = "CREATE TABLE IF NOT EXISTS facts (name VARCHAR PRIMARY KEY, value VARCHAR)"
SEARCHES: Final = """
    CREATE TABLE IF NOT EXISTS saved_searches (
        owner VARCHAR, name VARCHAR, query VARCHAR, PRIMARY KEY (owner, name)
    )"""
"""What people keep for themselves. No topic has it, so it outlives a change of `SCHEMA`: don't change its columns."""
FINDINGS: Final = """
    CREATE OR REPLACE VIEW findings AS
    SELECT * EXCLUDE (newest), (status_id NOT IN (3, 4)) AS open
    FROM (
        SELECT *, row_number() OVER (PARTITION BY uid ORDER BY time_ms DESC, position DESC) AS newest
        FROM finding_records
    )
    WHERE newest = 1"""
"""The latest record of each finding. By when it was said first: a finding may change its topic, and offsets of two
don't compare; of what was said at one time, as a withdrawal is, the later in the log. Not by `end_ms`: a verdict
repeats the finding as somebody saw it, which may be older than an update that came before the verdict."""


def definitions() -> list[str]:
    """The statements that make the tables and views, where they are not there yet."""
    made = []
    for table, columns in TABLES.items():
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        made.append(f"CREATE TABLE IF NOT EXISTS {table} ({listed})")
    return [*made, OFFSETS, FACTS, SEARCHES, FINDINGS]
