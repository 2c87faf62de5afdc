"""Loops that run beside a worker's agents, and outlive whatever goes wrong within them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)
PAUSE_S: Final = 10.0
"""Before a loop that ended begins again: the longest turn of those that look at files."""


async def keep_going(what: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Runs `loop`, which is meant to run for ever, until cancelled. What it raises is told, and after `PAUSE_S` it
    begins again: the agents go on without it, and nobody would learn that it has ended. `what` it does, for the log.
    """
    told = ""
    while True:
        try:
            await loop()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if reason == told:
                log.warning("a side task failed again, and begins again", task=what, reason=reason)
            else:
                log.exception("a side task failed, and begins again", task=what, reason=reason)
            told = reason
        await asyncio.sleep(PAUSE_S)
