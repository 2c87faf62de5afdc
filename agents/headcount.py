"""Counting distinct users by day, exactly, in any order of arrival, in bounded space. Pure.

A user's days with a value are a bit mask. A new bit tells which windows of 30 days the user newly belongs to, and those
are raised by one in the value's `Headcount`. So no set of users is kept, and nothing is ever counted again.
"""

import msgspec
from msgspec import field

from schemas.profile import WINDOW_DAYS

KEPT_DAYS = 2 * WINDOW_DAYS
"""Of a user: the window that a late activity belongs to, and the one before it. Well below the 90 days from which state
is learned anew."""
_MASK = (1 << KEPT_DAYS) - 1


class Days(msgspec.Struct, array_like=True, gc=False):
    """On which days a user was seen: bit i of `mask` is the day `last` - i."""

    last: int
    mask: int

    def mark(self, day: int) -> range | None:
        """Notes `day`; returns the last days of the windows that the user did not belong to before (none, between two
        days that were near). None where the day was known, or is too old to be noted."""
        back = self.last - day
        if back < 0:
            before = self.last
            self.mask = (self.mask << -back | 1) & _MASK if -back < KEPT_DAYS else 1
            self.last = day
            return range(max(day, before + WINDOW_DAYS), day + WINDOW_DAYS)
        bit = 1 << back
        if back >= KEPT_DAYS or self.mask & bit:
            return None
        older = self.mask >> (back + 1)
        before = day - (older & -older).bit_length() if older else day - WINDOW_DAYS
        after = self.last - (self.mask & (bit - 1)).bit_length() + 1
        self.mask |= bit
        return range(max(day, before + WINDOW_DAYS), min(day + WINDOW_DAYS, after))

    def forget(self, day: int) -> bool:
        """Drops what is too old on `day`, so that what is left follows from the last days alone. True where nothing
        is."""
        back = self.last - (day - KEPT_DAYS + 1)
        if back < 0:
            return True
        self.mask &= (1 << (back + 1)) - 1
        return False


def first_seen(day: int) -> tuple[Days, range]:
    """A user's first day, and the windows that it belongs to."""
    return Days(day, 1), range(day, day + WINDOW_DAYS)


class Headcount(msgspec.Struct, array_like=True, gc=False):
    """Distinct users of a value: see `schemas.profile.ProfileRecord`."""

    first_day: int = 0
    days: list[int] = field(default_factory=list)
    users: list[int] = field(default_factory=list)

    @property
    def last_day(self) -> int:
        """The newest day on which anybody was seen."""
        return self.first_day + len(self.days) - 1

    def add(self, day: int, windows: range) -> None:
        """One more user on `day`, who newly belongs to `windows`."""
        if not self.days:
            self.first_day = day
        if day < self.first_day:
            if day < self.last_day - WINDOW_DAYS:
                return
            missing = self.first_day - day
            self.days[:0] = [0] * missing
            self.users[:0] = [0] * missing
            self.first_day = day
        self.days += [0] * (day - self.last_day)
        self.users += [0] * (windows.stop - self.first_day - len(self.users))
        self.days[day - self.first_day] += 1
        for end in windows:
            self.users[end - self.first_day] += 1
        old = self.last_day - WINDOW_DAYS - self.first_day
        if old > 0:
            del self.days[:old], self.users[:old]
            self.first_day += old
