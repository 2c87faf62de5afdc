"""What was said of addresses, out of the audit trail."""

from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec

from console.archive.database import Database
from schemas import mark as marks
from schemas.mark import KEY, Mark

LOOKED_AT: Final = 2_000
"""The newest marks of all; people set some in a month."""
MOST: Final = 20


class Said(NamedTuple):
    """One mark, and when it was said (ms since the epoch, UTC)."""

    mark: Mark
    at_ms: int


def said(database: Database, blocks: Collection[str]) -> list[Said]:
    """What was said of any of `blocks`, newest first, at most `MOST`."""
    found = database.read(
        "SELECT raw, time_ms FROM activities WHERE user_key = ? ORDER BY time_ms DESC, position DESC LIMIT ?",
        (KEY, LOOKED_AT),
    )
    made = [Said(mark, at_ms) for raw, at_ms in found if (mark := _decoded(raw)) is not None and mark.block in blocks]
    return made[:MOST]


def _decoded(raw: str) -> Mark | None:
    try:
        return marks.decode(raw.encode())
    except msgspec.DecodeError:
        return None  # none that this console wrote
