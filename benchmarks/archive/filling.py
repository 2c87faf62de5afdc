"""A month of an organisation, made in DuckDB itself and stored through the archive's own door: people as uneven as they
are, days as long as they are, weekends quiet.

A few people make most of it: the busiest of 5,000 has about 2 in 100 of all activities, half of all people less than 1
in 10,000.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow

from benchmarks.workload import CONNECTOR
from console.archive import rows
from console.archive.database import Database
from console.archive.tables import ACTIVITY_TYPES, address_key
from detections.finding import finding
from detections.impossible_travel import ImpossibleTravel
from detections.model import Candidate, Evidence, Number, Severity, Step
from schemas import finding as findings
from schemas.activity import Person
from simulators import scenario
from streams.sections import DAY_MS, HOUR_MS

USERS: Final = 5_000
DAYS: Final = 30
SKEW: Final = 2.2
"""The power to which chance is taken when a user is drawn: 1 would be even."""
WEEKEND: Final = 0.15
"""Of a working day's activities."""
PIECE: Final = 100_000
"""Rows of one transaction."""
FINDINGS: Final = 6_000
RECORDS_EACH: Final = 3
SHARES: Final = (
    ("view", "FILE_AUDIT", "Preview", 45), ("download", "FILE_AUDIT", "Download", 22),
    ("upload", "FILE_AUDIT", "Upload", 14),
    ("login", "LOGIN_AUDIT", "Login", 8), ("failed_login", "LOGIN_AUDIT", "Failed Login", 3),
    ("move", "FILE_AUDIT", "Move", 3), ("delete", "FILE_AUDIT", "Delete", 2), ("share", "FILE_AUDIT", "Create Link", 3),
)  # fmt: skip
CLIENTS: Final = ("Web UI", "Desktop App", "Mobile App iOS", "Public API")


class Record:
    """A record of `egnyte.alerts` that was never on a broker."""

    def __init__(self, offset: int, value: bytes, key: bytes) -> None:
        self.topic, self.partition, self.offset, self.timestamp = "egnyte.alerts", offset % 12, offset, 0
        self.key, self.value, self.headers = key, value, ()


def fill(database: Database, number: int, now_ms: int) -> None:
    """`number` activities of the last 30 days, and the findings of a bad month."""
    maker = duckdb.connect(config={"threads": "2"})
    maker.register("people", people())
    maker.register("kinds", _kinds())
    maker.execute("SELECT setseed(0.42)").fetchall()
    done, due = 0, 0.0
    for day_ms, share in _days(now_ms):
        due += number * share
        count = round(due) - done
        for piece in range(0, count, PIECE):
            many = min(PIECE, count - piece)
            table = maker.sql(_QUERY, params=[day_ms, piece / count, many / count, many, done]).to_arrow_table()
            database.store({"activities": [table]}, {("egnyte.activities", 0): done + many})
            done += many
    maker.close()
    said = rows.finding_records(list(_findings(now_ms))).table
    database.store({"finding_records": [said]}, {("egnyte.alerts", 0): said.num_rows})


def _days(now_ms: int) -> list[tuple[int, float]]:
    """Each day's start with its share of all."""
    today = now_ms // DAY_MS * DAY_MS
    days = [today - n * DAY_MS for n in range(DAYS, 0, -1)]
    weights = [WEEKEND if (day // DAY_MS + 3) % 7 >= 5 else 1.0 for day in days]  # 1970-01-01 was a Thursday
    return [(day, weight / sum(weights)) for day, weight in zip(days, weights, strict=True)]


def people() -> pyarrow.Table:
    """Each with the place and network that most of their activities come from."""
    cities = json.loads((Path(scenario.__file__).parent / "places.json").read_text())["cities"]
    draw = random.Random(7)  # noqa: S311 - a workload, not a secret
    made: list[dict[str, Any]] = []
    for number in range(USERS):
        city = draw.choice(cities)
        prefix = draw.choice(city["ipv4"]).rpartition(".")[0]
        ip = f"{prefix}.{draw.randrange(1, 255)}"
        made.append(
            {
                "number": number, "email": f"user{number}@example.com", "name": f"First{number} Last{number}",
                "id": str(10_427_000_000 + number), "ip": ip, "ip_key": address_key(ip), "prefix": f"{prefix}.0/24",
                "city": city["name"], "country": city["country"], "latitude": float(city["latitude"]),
                "longitude": float(city["longitude"]), "asn": 64_500 + number % 400,
                "organisation": f"{city['country']} Telecom {number % 7}",
            }
        )  # fmt: skip
    return pyarrow.Table.from_pylist(made)


def _kinds() -> pyarrow.Table:
    drawn = [each for each in SHARES for _ in range(each[3])]
    return pyarrow.table(
        {"n": list(range(len(drawn)))}
        | {name: [each[column] for each in drawn] for column, name in enumerate(("type", "audit_source", "action"))}
    )


_MADE: Final = {
    "user_key": f"'{CONNECTOR}/' || email",
    "partition": "(number % 12)::SMALLINT",
    "position": "i",
    "time_ms": "time_ms",
    "received_ms": "time_ms + 45000",
    "connector": f"'{CONNECTOR}'",
    "event_id": "md5(i::VARCHAR)",
    "source": "'audit'",
    "audit_source": "audit_source",
    "action": "action",
    "type": "type",
    "outcome": "if(type = 'failed_login', 'failure', 'success')",
    "administrative": "false",
    "interactive": "true",
    "actor_kind": "'person'",
    "actor_email": "email",
    "actor_name": "name",
    "actor_id": "id",
    "path": "path",
    "client": f"{list(CLIENTS)}[1 + (number + (r4 * 1.3)::INT) % {len(CLIENTS)}]",
    "ip": "ip",
    "ip_key": "ip_key",
    "country": "country",
    "city": "city",
    "latitude": "latitude",
    "longitude": "longitude",
    "radius_km": "50.0",
    "prefix": "prefix",
    "asn": "asn",
    "organisation": "organisation",
    "ip_tags": "[]::VARCHAR[]",
    "country_users": "20",
    "asn_users": "20",
    "client_users": "20",
    "groups": "[]::VARCHAR[]",
    "flags": "[]::VARCHAR[]",
    "raw": "json_object('date', time_ms, 'sourcePath', path, 'targetPath', 'N/A', 'user', name || ' ( ' || email ||"
    " ' )', 'userId', id, 'action', action, 'access', 'Web UI', 'ipAddress', ip, 'actionInfo', '', 'auditSource',"
    " audit_source)",
}
_BLANK: Final = {"VARCHAR": "''"}
_LISTED: Final = ", ".join(
    f'({_MADE.get(name, _BLANK.get(kind, "NULL"))})::{kind} AS "{name}"' for name, kind in ACTIVITY_TYPES.items()
)
_QUERY: Final = f"""
    WITH drawn AS (
        SELECT i, random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5,
               $1 + (({24 * HOUR_MS} * ($2 + $3 * n / $4)))::BIGINT AS time_ms
        FROM (SELECT unnest(range($4::BIGINT)) AS n, n + $5::BIGINT AS i)
    )
    SELECT {_LISTED}
    FROM (
        SELECT drawn.*, p.*, k.*,
               '/Shared/Projects/Harbor/' || (r3 * 400)::INT || '/plan level ' || (r5 * 900)::INT || '.dwg' AS drawing,
               if(k.audit_source = 'FILE_AUDIT', drawing, '') AS path
        FROM drawn
        JOIN people p ON p.number = least(floor(pow(r1, {SKEW}) * {USERS}), {USERS - 1})::INT
        JOIN kinds k ON k.n = floor(r2 * 100)::INT
    )
    ORDER BY time_ms
"""  # noqa: S608 - our own words


def _findings(now_ms: int) -> Iterator[Record]:
    """What a month of findings says: each is raised and goes on, and most are closed or not raised at all."""
    draw = random.Random(8)  # noqa: S311 - a workload, not a secret
    severities: tuple[Severity, ...] = ("low", "medium", "high")
    offset = 0
    for number in range(FINDINGS):
        user = f"user{draw.randrange(USERS)}@example.com"
        begun = now_ms - draw.randrange(DAYS * DAY_MS)
        steps: tuple[Step, ...] = ("suppress",) if number % 3 == 0 else ("create", "update", "close")[:RECORDS_EACH]
        if number % 10 == 1:
            steps = ("create", "update")
        for later, step in enumerate(steps):
            at_ms = begun + later * HOUR_MS
            ends = tuple(
                Evidence(event_id=f"e{number}-{n}", time_ms=at_ms + n, type="download", ip="198.51.100.7",
                         country="PT", city="Lisbon", latitude=38.72, longitude=-9.14, radius_km=50)
                for n in range(2)
            )  # fmt: skip
            made = finding(
                Candidate(
                    policy="impossible_travel", step=step, anchor=f"a{number}", severity=severities[number % 3],
                    raises="alert", message=f"{user} was in Lisbon, and soon after in Singapore", first_ms=begun,
                    last_ms=at_ms, numbers=(Number("speed", 9_000.0, 800.0, "km/h"),), evidence=ends,
                    suppressed="same_country" if step == "suppress" else "",
                ),
                ImpossibleTravel.metadata, connector=CONNECTOR, user_key=f"{CONNECTOR}/{user}",
                actor=Person(email=user), set_hash="0", product_version="0",
            )  # fmt: skip
            yield Record(offset, findings.encode(made), made.finding_info.uid.encode())
            offset += 1
