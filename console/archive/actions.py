"""Governance out of the archive: actions as they stand, and the whole of one."""

from typing import Final

from agents.governing.ledger import Ledger
from console.archive.database import Database
from schemas import governance
from schemas.governance import GovernanceRecord

PAGE: Final = 100
MAX_RECORDS: Final = 1_000
"""Of one action."""


def latest(
    database: Database, *, origin: str = "", user_key: str = "", limit: int = PAGE, skip: int = 0
) -> list[GovernanceRecord]:
    """Each action as it stands, newest first; `origin`: only those that this finding or request asked for;
    `user_key`: only those about this user."""
    found = database.read(
        "SELECT list(body ORDER BY position) FROM governance WHERE uid IN ("
        "  SELECT uid FROM governance WHERE (? = '' OR json_extract_string(body, '$.origin') = ?)"
        "  AND (? = '' OR json_extract_string(body, '$.connector') || '/' || json_extract_string(body, '$.user') = ?)"
        "  GROUP BY uid ORDER BY max(time_ms) DESC, uid LIMIT ? OFFSET ?"
        ") GROUP BY uid ORDER BY max(time_ms) DESC, uid",
        (origin, origin, user_key, user_key, limit, skip),
    )
    of_each = ([record for body in bodies if (record := _decoded(body))] for (bodies,) in found)
    return [stands for each in of_each if (stands := standing(each)) is not None]


def records(database: Database, uid: str) -> list[GovernanceRecord]:
    """All that was written about an action, in the order of the log; empty where there is none."""
    query = "SELECT body FROM governance WHERE uid = ? ORDER BY position LIMIT ?"
    found = database.read(query, (uid, MAX_RECORDS))
    return [record for (body,) in found if (record := _decoded(body)) is not None]


def standing(found: list[GovernanceRecord]) -> GovernanceRecord | None:
    """How an action stands by all its records, as governance itself reads them: what does not follow is left out."""
    ledger = Ledger()
    for record in found:
        ledger.apply(record)
    return ledger.get(found[0].uid) if found else None


def _decoded(body: str) -> GovernanceRecord | None:
    try:
        return governance.decode(body.encode())
    except (ValueError, RecursionError):
        return None  # the archive keeps whatever was in the log; governance itself leaves this out
