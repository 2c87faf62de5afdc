"""Searches that people keep, each their own: in the archive's file, and carried over when that is set aside."""

from typing import Final

import msgspec

from console.archive.database import Database
from streams.errors import Refused

MOST: Final = 100
"""For one person."""
NAME_CHARS: Final = 80
QUERY_CHARS: Final = 4_000


class Saved(msgspec.Struct, frozen=True):
    """One search. `query`: as in the address of its page."""

    name: str
    query: str


def of(database: Database, owner: str) -> list[Saved]:
    """Those of `owner`, by name."""
    found = database.read("SELECT name, query FROM saved_searches WHERE owner = ? ORDER BY lower(name), name", (owner,))
    return [Saved(name, query) for name, query in found]


def keep(database: Database, owner: str, search: Saved) -> None:
    """Keeps `search`, in the place of one of the same name. Raises Refused where it can't be kept, ArchiveError."""
    name = "".join(each for each in search.name if each.isprintable()).strip()
    if not 1 <= len(name) <= NAME_CHARS:
        raise Refused(f"a search is kept under a name of 1 to {NAME_CHARS} characters")
    if len(search.query) > QUERY_CHARS:
        raise Refused(f"the search has {len(search.query):,} characters, at most {QUERY_CHARS:,} are kept")
    others = [each.name for each in of(database, owner) if each.name != name]
    if len(others) >= MOST:
        raise Refused(f"you keep {MOST} searches already: forget one first")
    database.change("INSERT OR REPLACE INTO saved_searches VALUES (?, ?, ?)", (owner, name, search.query))


def forget(database: Database, owner: str, name: str) -> None:
    """Forgets the search of that name, where there is one. Raises ArchiveError."""
    database.change("DELETE FROM saved_searches WHERE owner = ? AND name = ?", (owner, name))
