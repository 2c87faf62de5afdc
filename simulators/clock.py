"""The clock of a stand-in: real time, or a virtual time that stands, is moved by hand, or runs at a factor of real
time.

All times are ms since the epoch, UTC. A stand-in asks its clock and nothing else for the time, so that ten days of it
pass in a test as fast as the code under test can work.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a stand-in needs of a clock."""

    def now_ms(self) -> int:
        """The time, ms since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns when `seconds` of this clock have passed."""
        ...


class RealClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """The time, ms since the epoch."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that begins at `start_ms` and runs `factor` times as fast as real time; 0, the default, stands still.

    It is moved with `set` and `advance`, never backwards: what has been seen cannot be unseen. Used from one event
    loop only.
    """

    def __init__(self, start_ms: int, factor: float = 0.0) -> None:
        self._base_ms = start_ms
        self._anchor = time.monotonic()
        self._factor = _checked(factor)
        self._sleepers: dict[asyncio.Event, int] = {}

    @property
    def factor(self) -> float:
        """How many seconds of this clock pass in one real second."""
        return self._factor

    @property
    def next_wake_ms(self) -> int | None:
        """When the first of those who sleep by this clock wakes, None where nobody does."""
        return min(self._sleepers.values(), default=None)

    def now_ms(self) -> int:
        """The virtual time, ms since the epoch."""
        return self._base_ms + int((time.monotonic() - self._anchor) * self._factor * 1_000)

    def set(self, time_ms: int) -> None:
        """Moves the clock to `time_ms`. Raises ValueError for a time that has passed."""
        now_ms = self.now_ms()
        if time_ms < now_ms:
            raise ValueError(f"the clock is at {iso(now_ms)} and cannot be set back to {iso(time_ms)}")
        self._rebase(time_ms)

    def advance(self, seconds: float) -> None:
        """Moves the clock on by `seconds`. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError(f"the clock cannot be moved back by {-seconds:g} s")
        self._rebase(self.now_ms() + round(seconds * 1_000))

    def run(self, factor: float) -> None:
        """From now on the clock runs `factor` times as fast as real time; 0 stops it."""
        now_ms, self._factor = self.now_ms(), _checked(factor)
        self._rebase(now_ms)

    async def sleep(self, seconds: float) -> None:
        """Returns when the clock has come `seconds` further, by running or by being moved."""
        until_ms = self.now_ms() + round(seconds * 1_000)
        moved = asyncio.Event()
        self._sleepers[moved] = until_ms
        try:
            while (left_ms := until_ms - self.now_ms()) > 0:
                real_s = left_ms / 1_000 / self._factor if self._factor else None
                try:
                    async with asyncio.timeout(real_s):
                        await moved.wait()
                except TimeoutError:
                    continue
                moved.clear()
        finally:
            del self._sleepers[moved]

    def _rebase(self, time_ms: int) -> None:
        self._base_ms, self._anchor = time_ms, time.monotonic()
        for moved in self._sleepers:
            moved.set()


def iso(time_ms: int) -> str:
    """`time_ms` as ISO 8601 in UTC, to the millisecond, e.g. 2025-11-24T08:00:00.000Z."""
    moment = datetime.fromtimestamp(time_ms // 1_000, UTC).replace(microsecond=time_ms % 1_000 * 1_000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Ms since the epoch of an ISO 8601 date or time, taken as UTC where it names no zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def _checked(factor: float) -> float:
    if not 0 <= factor <= 1e6:
        raise ValueError(f"a clock runs at 0 to 1,000,000 times real time, not at {factor:g}")
    return factor
