"""Keeps the IP lists that come from URLs current, in the background of a worker."""

import asyncio
import time
from typing import Final

import structlog

from connectors.places import PlacesError
from connectors.places.fetched import FetchedLists

log = structlog.get_logger(__name__)

LOOK_S: Final = 60
"""Between two looks at whether a list's time has come."""


async def keep_fetched(lists: FetchedLists) -> None:
    """Until cancelled. What fails is told once, and tried again; the list in use stays."""
    told: dict[str, str] = {}
    while True:
        await look(lists, told)
        await asyncio.sleep(LOOK_S)


async def look(lists: FetchedLists, told: dict[str, str]) -> None:
    """Asks for the lists whose time has come. `told`: what has been said already, by list; "" for all of them."""
    try:
        found = await asyncio.to_thread(lists.refresh, time.time_ns() // 1_000_000)
    except (PlacesError, OSError) as error:
        _tell(told, "", str(error), "IP lists can't be fetched")
        return
    told.pop("", None)
    for name, fetch in found.items():
        if fetch.error:
            _tell(told, name, fetch.error, "an IP list was not fetched, the old one stays in use")
        else:
            told.pop(name, None)
            log.info("an IP list is current", list=name, rows=fetch.rows)


def _tell(told: dict[str, str], name: str, reason: str, what: str) -> None:
    if told.get(name) != reason:
        log.error(what, list=name, reason=reason)
    told[name] = reason
