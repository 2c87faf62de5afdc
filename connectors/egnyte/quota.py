"""The ordinary quota of a token, which all calls share: so many requests a second, and so many a day.

Pure: the time is given. Egnyte says in each answer how much of the day is used, by whomever; that, or what was counted
here, holds, whichever is more: answers overtake one another, and some say nothing.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

from streams.sections import DAY_MS, MINUTE_MS

SPACING_MS: Final = 600
"""Between two requests. Egnyte allows 2 a second; the rest is for answers that overtake one another on their way."""
STREAM_SHARE: Final = 0.96
"""Of a day, for the audit stream: the rest is left to actions, users and people's own tools."""
KEPT_SHARE: Final = 0.75
"""Of what an even pace would have left of the day: kept from calls that may be any number, such as deleting links."""
AFTER_MIDNIGHT_MS: Final = 5_000
"""The day ends at 00:00 UTC by Egnyte's clock, which need not be ours."""


class Quota:
    """Requests of one token. `per_day`: what the stream may use of a day until Egnyte says how much there is, 0 for no
    limit; `per_minute`: with so many allowed, requests need not be `SPACING_MS` apart.
    """

    def __init__(self, per_day: int, per_minute: int) -> None:
        self._per_day = per_day
        self._spacing_ms = min(SPACING_MS, MINUTE_MS // per_minute)
        self._last_ms = 0
        self._allotted: int | None = None
        self.day = 0
        self.used = 0
        """Requests of `day` (number since the epoch, UTC)."""

    def restore(self, day: int, used: int) -> None:
        """Takes up a count that an earlier process has left."""
        if day > self.day:
            self.day, self.used = day, used
        elif day == self.day:
            self.used = max(self.used, used)

    def spend(self, now_ms: int) -> None:
        """A request goes out."""
        self._turn_day(now_ms)
        self.used += 1
        self._last_ms = now_ms

    def ended(self, now_ms: int) -> None:
        """An answer has come, or is no longer waited for. The next request keeps its distance from this: how long the
        request was on its way to Egnyte, nobody can say.
        """
        self._last_ms = max(self._last_ms, now_ms)

    def told(self, sent_ms: int, now_ms: int, headers: Mapping[str, str]) -> None:
        """What an answer says of the day's quota, where it does; it came `now_ms` to a request of `sent_ms`.

        What was asked so early that by Egnyte's clock it may have been yesterday says nothing of today's use.
        """
        allotted = _whole(headers.get("x-accesstoken-quota-allotted"))
        current = _whole(headers.get("x-accesstoken-quota-current"))
        if not allotted or current is None:
            return
        self._turn_day(now_ms)
        self._allotted = allotted
        if sent_ms >= self.day * DAY_MS + AFTER_MIDNIGHT_MS:
            self.used = max(self.used, current)

    def spacing_ms(self, now_ms: int) -> int:
        """How long until the next request may follow the last; 0 when it may."""
        return min(max(0, self._last_ms + self._spacing_ms - now_ms), self._spacing_ms)

    def stream_left(self, now_ms: int) -> int | None:
        """Requests that the stream may still make today; None where there is no limit."""
        self._turn_day(now_ms)
        share = int(self._allotted * STREAM_SHARE) if self._allotted else self._per_day
        if not self._per_day and not self._allotted:
            return None
        return max(0, share - self.used)

    def to_spare(self, now_ms: int) -> int | None:
        """Requests that may be made now and leave the stream `KEPT_SHARE` of its pace until the day ends; None where
        Egnyte names no limit.
        """
        self._turn_day(now_ms)
        if not self._allotted:
            return None
        rest = (DAY_MS - now_ms % DAY_MS) / DAY_MS
        return max(0, self._allotted - self.used - math.ceil(self._allotted * KEPT_SHARE * rest))

    def wait_ms(self, now_ms: int) -> int:
        """How long before the stream may be asked; 0 when it may be."""
        if self.stream_left(now_ms) == 0:
            return DAY_MS - now_ms % DAY_MS + AFTER_MIDNIGHT_MS
        return self.spacing_ms(now_ms)

    def pace_ms(self, now_ms: int) -> int:
        """The pause between polls that spreads what is left of the day over what is left of it; 0 where there is no
        limit.
        """
        left = self.stream_left(now_ms)
        return 0 if left is None else (DAY_MS - now_ms % DAY_MS) // max(1, left)

    def _turn_day(self, now_ms: int) -> None:
        day = now_ms // DAY_MS
        if day != self.day:
            self.day, self.used = day, 0


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,12}", text) else None
