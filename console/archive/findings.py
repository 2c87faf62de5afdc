"""Findings out of the archive: lists by filter, one with all that was said about it, counts for the overview."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from console.archive.database import Database
from console.archive.filters import Condition
from schemas import finding as findings
from schemas.finding import Finding
from streams.errors import Refused
from streams.sections import DAY_MS

PAGE: Final = 50
MAX_RECORDS: Final = 500
"""Of one finding, newest last, on its page."""
_COLUMNS: Final = (
    "uid", "title", "policy", "severity_id", "is_alert", "connector", "user_key", "time_ms", "start_ms", "end_ms",
    "count", "suppressed", "message", "step", "open",
)  # fmt: skip
_LIST: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
Row = dict[str, Any]
KINDS: Final[Mapping[str, str]] = {
    "alert": "is_alert AND suppressed = ''",
    "behavior": "NOT is_alert AND suppressed = ''",
    "suppressed": "suppressed <> ''",
}
STATES: Final[Mapping[str, str]] = {"open": "open", "closed": "NOT open"}
RAISED: Final = "suppressed = ''"


class Record(NamedTuple):
    """One record of a finding: what it says, and whether a replay wrote it."""

    finding: Finding
    replay: bool


class FindingSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; empty: all. `kind`: of `KINDS`; `state`: of `STATES`; `severity`: OCSF's id, at least.
    `user`: a part of the user key. `before`: the place after the last row of the page before."""

    kind: str = ""
    state: str = ""
    severity: str = ""
    policy: str = ""
    user: str = ""
    before: str = ""

    def condition(self) -> Condition:
        """As SQL. Raises Refused, naming what is wrong."""
        parts, values = ["true"], list[object]()
        for given, known, name in ((self.kind, KINDS, "kind"), (self.state, STATES, "state")):
            if given:
                if given not in known:
                    raise Refused(f"{name} is {given!r}: expected one of {', '.join(known)}")
                parts.append(f"({known[given]})")
        if self.severity:
            if self.severity not in ("1", "2", "3", "4", "5"):
                raise Refused(f"severity is {self.severity!r}: expected 1 (informational) to 5 (critical)")
            parts.append("severity_id >= ?")
            values.append(int(self.severity))
        if self.policy:
            parts.append("policy = ?")
            values.append(self.policy)
        if self.user:
            parts.append("contains(lower(user_key), ?)")
            values.append(self.user.lower())
        if self.before:
            when, _, uid = self.before.partition("-")
            if not when.isdecimal() or len(when) > 15:
                raise Refused("`before` is no place in this list: take it from the page before, as it is")
            parts.append("(time_ms, uid) < (?, ?)")
            values += [int(when), uid]
        return Condition(" AND ".join(parts), tuple(values))


def search(database: Database, asked: FindingSearch, limit: int = PAGE) -> tuple[list[Row], str]:
    """Findings as they stand, newest first, and where the next page begins, empty at the end. Raises Refused."""
    condition = asked.condition()
    found = database.read(
        f"SELECT {_LIST} FROM findings WHERE {condition.sql} ORDER BY time_ms DESC, uid DESC LIMIT {limit + 1}",  # noqa: S608
        condition.values,
    )
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in found[:limit]]
    return rows, f"{rows[-1]['time_ms']}-{rows[-1]['uid']}" if len(found) > limit else ""


def records(database: Database, uid: str) -> list[Record]:
    """All that was said about a finding, oldest first, the latest is how it stands; empty where there is none."""
    found = database.read(
        "SELECT body, replay FROM finding_records WHERE uid = ? ORDER BY time_ms DESC, position DESC LIMIT ?",
        (uid, MAX_RECORDS),
    )
    return [Record(findings.decode(body.encode()), replay) for body, replay in reversed(found)]


def of_user(
    database: Database, user_key: str, from_ms: int, until_ms: int, kind: str = "", limit: int = PAGE
) -> list[Row]:
    """Findings about a user in a span of time, newest first; of one `kind` only, where one is given."""
    found = database.read(
        f"SELECT {_LIST} FROM findings WHERE user_key = ? AND end_ms >= ? AND start_ms < ? "  # noqa: S608
        f"AND ({KINDS[kind] if kind else 'true'}) ORDER BY time_ms DESC, uid LIMIT ?",
        (user_key, from_ms, until_ms, limit),
    )
    return [dict(zip(_COLUMNS, row, strict=True)) for row in found]


def policies(database: Database) -> list[Row]:
    """Every policy that ever said something here: how many findings are open, closed, and were not raised."""
    names = ("policy", "title", "open", "closed", "suppressed", "latest_ms")
    found = database.read(
        f"SELECT policy, max(title), count(*) FILTER (open AND {RAISED}), count(*) FILTER (NOT open AND {RAISED}), "  # noqa: S608
        "count(*) FILTER (suppressed <> ''), max(time_ms) FROM findings GROUP BY policy ORDER BY policy"
    )
    return [dict(zip(names, row, strict=True)) for row in found]


def open_by_severity(database: Database) -> dict[int, int]:
    """How many alerts are open, by OCSF's severity id."""
    query = "SELECT severity_id, count(*) FROM findings WHERE open AND is_alert AND suppressed = '' GROUP BY 1"
    return dict(database.read(query))


def raised_by_day(database: Database, now_ms: int, days: int = 14) -> list[tuple[int, int]]:
    """Of the last days (UTC), each with its start (ms): how many alerts began."""
    first = (now_ms // DAY_MS - days + 1) * DAY_MS
    query = (
        "SELECT start_ms // ? * ?, count(*) FROM findings WHERE is_alert AND suppressed = '' AND start_ms >= ? "
        "GROUP BY 1"
    )
    counts = dict(database.read(query, (DAY_MS, DAY_MS, first)))
    return [(day, counts.get(day, 0)) for day in range(first, now_ms + 1, DAY_MS)]


def top_users(database: Database, limit: int = 10) -> list[tuple[str, int, int]]:
    """Users with open alerts: key, how many, the highest severity; the worst first."""
    query = (
        "SELECT user_key, count(*), max(severity_id) FROM findings WHERE open AND is_alert AND suppressed = '' "
        "AND user_key <> '' GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT ?"
    )
    return [(key, number, worst) for key, number, worst in database.read(query, (limit,))]
