"""How long to wait before asking again: as Graph says, or longer each time, at random."""

import random
from collections.abc import Callable
from typing import Final, Protocol

from connectors.entra.refusals import Malformed, NoAnswer, ServerFault, Throttled, Unreachable

FIRST_S: Final = 1.0
LONGEST_S: Final = 60.0
"""Pauses double from the first to the longest; each is drawn between half of it and all."""
LEAST_S: Final = 0.05
"""And so they double, from here, where Graph wants less: a Retry-After of nothing must not become a storm."""
DOUBLINGS: Final = 6


class Clock(Protocol):
    """What this package needs of a clock."""

    def now_ms(self) -> int:
        """The time, ms since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns when `seconds` of this clock have passed."""
        ...


class Patience:
    """The retries of one call: `within_s` in all, by `clock`. `draw`: random, 0 to 1."""

    def __init__(self, clock: Clock, within_s: float, draw: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._until_ms = clock.now_ms() + round(within_s * 1_000)
        self._draw = draw
        self.tries = 1

    async def pause(self, error: NoAnswer) -> None:
        """Waits before the next try. Raises `error` where another try is of no use, or would come too late."""
        if not isinstance(error, Throttled | ServerFault | Unreachable | Malformed):
            raise error
        told_s = getattr(error, "retry_after_s", None)
        grown = 2 ** min(self.tries - 1, DOUBLINGS)
        backoff_s = min(FIRST_S * grown, LONGEST_S) * (0.5 + self._draw() / 2)
        wait_s = backoff_s if told_s is None else max(told_s, LEAST_S * grown)
        if self._clock.now_ms() + round(wait_s * 1_000) > self._until_ms:
            raise error
        self.tries += 1
        await self._clock.sleep(wait_s)
