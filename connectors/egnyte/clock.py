"""Time, as the connector sees it: given, so that tests pass days of it in a moment."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Clock(Protocol):
    """What the connector needs of a clock."""

    def now_ms(self) -> int:
        """The time, ms since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns when `seconds` of this clock have passed."""
        ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """A context that is cancelled, and raises TimeoutError, when it has lasted `seconds` of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """See `Clock`."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """See `Clock`."""
        return asyncio.timeout(seconds)
