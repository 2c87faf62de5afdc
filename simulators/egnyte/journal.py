"""The journal: every request that came, and what it got."""

from collections import deque
from typing import Final

import msgspec

KEPT: Final = 200_000
"""Requests kept; at a token's 1,000 a day more than half a year."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request and its answer. `at_ms`: when it came, by the simulator's clock. `token`: its last four characters.
    `events`: how many were in the answer; `job`: the report's; `error`: what was said instead. `grant_type`: what the
    token endpoint was asked with. `fault`: the kind of fault that struck.
    """

    number: int
    at_ms: int
    method: str
    path: str
    status: int
    token: str = ""
    start_date: str = ""
    end_date: str = ""
    audit_types: tuple[str, ...] = ()
    cursor: str = ""
    next_cursor: str = ""
    events: int = 0
    more: bool = False
    job: str = ""
    error: str = ""
    retry_after_s: int = 0
    grant_type: str = ""
    fault: str = ""


class Journal:
    """The last `KEPT` requests."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._total = 0

    @property
    def total(self) -> int:
        """Requests ever seen; also the number of the next one."""
        return self._total

    def write(self, record: Record) -> None:
        """Adds `record`."""
        self._records.append(record)
        self._total += 1

    def records(self, since: int = 0) -> list[Record]:
        """Records whose number is at least `since`, oldest first."""
        return [record for record in self._records if record.number >= since]
