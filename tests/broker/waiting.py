"""Waiting for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE_S = 120
"""For what takes some seconds on a quiet machine: the tests of a busy one must not fail for its being busy."""
LOOK_AGAIN_S = 0.1


async def until(condition: Callable[[], Awaitable[bool]], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Returns when `condition` holds. Raises TimeoutError that says `what` did not come."""
    give_up = time.monotonic() + deadline_s
    while not await condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not within {deadline_s:g} s: {what}")
        await asyncio.sleep(LOOK_AGAIN_S)
