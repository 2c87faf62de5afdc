"""How often Egnyte may be asked: so many requests a minute and an hour, and not before it said.

Pure: the time is given. The times of past requests are kept with the cursor, so that a connector that is killed and
started again and again asks no more often than one that runs.
"""

from collections.abc import Iterable
from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
LONGEST_PAUSE_MS: Final = 24 * HOUR_MS
"""Egnyte may ask for a pause until its day ends; for a longer one only by mistake."""

EXHAUSTED_HOUR_MS: Final = 300_000
"""Pause when Egnyte says that nothing is left of the hour, which others may have used up. It does not say when the hour
ends.
"""


class Limiter:
    """Counts requests in sliding windows: never more than the limit in any minute or hour, wherever Egnyte's windows
    begin.
    """

    def __init__(
        self, per_minute: int, per_hour: int, *, requests_ms: Iterable[int] = (), not_before_ms: int = 0
    ) -> None:
        self._limits = ((MINUTE_MS, per_minute), (HOUR_MS, per_hour))
        self._requests_ms = sorted(requests_ms)
        self.not_before_ms = not_before_ms

    @property
    def requests_ms(self) -> tuple[int, ...]:
        """The requests that still count, oldest first."""
        return tuple(self._requests_ms)

    def wait_ms(self, now_ms: int) -> int:
        """How long to wait before the next request; 0 when it may go."""
        self._forget(now_ms)
        self.not_before_ms = ready_ms = min(self.not_before_ms, now_ms + LONGEST_PAUSE_MS)
        for window_ms, limit in self._limits:
            if len(self._requests_ms) >= limit:
                ready_ms = max(ready_ms, self._requests_ms[-limit] + window_ms)
        return max(0, ready_ms - now_ms)

    def spend(self, now_ms: int) -> None:
        """A request goes out."""
        self._forget(now_ms)
        self._requests_ms.append(now_ms)

    def pause(self, now_ms: int, for_ms: int) -> None:
        """Egnyte asks for a pause, of a day at most."""
        self.not_before_ms = max(self.not_before_ms, now_ms + min(for_ms, LONGEST_PAUSE_MS))

    def told(self, now_ms: int, minute_left: int | None, hour_left: int | None) -> None:
        """What an answer says is left of the minute and of the hour, where it says so. Others may use the same
        quota.
        """
        if minute_left is not None and minute_left <= 0:
            self.pause(now_ms, MINUTE_MS)
        if hour_left is not None and hour_left <= 0:
            self.pause(now_ms, EXHAUSTED_HOUR_MS)

    def _forget(self, now_ms: int) -> None:
        # A clock that was set back must not leave requests in the future, which would block for long; nor a pause.
        self._requests_ms = [min(then, now_ms) for then in self._requests_ms if now_ms - then < HOUR_MS]
