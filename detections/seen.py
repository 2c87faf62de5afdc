"""On which of the last days something was seen."""

from typing import Final

from detections.state import KEPT_DAYS, Seen

USUAL_DAYS: Final = 30
_MASK: Final = (1 << 32) - 1


def days_seen(seen: Seen | None, day: int) -> int:
    """On how many of the `USUAL_DAYS` days before `day` something was seen."""
    if seen is None:
        return 0
    after = seen.last_day - day  # days from `day` to the newest one, negative where that lies before it
    mask = seen.mask >> (after + 1) if after >= 0 else seen.mask
    oldest = USUAL_DAYS if after >= 0 else USUAL_DAYS + after + 1
    return (mask & ((1 << max(0, oldest)) - 1)).bit_count()


def seen_before(seen: Seen, day: int) -> bool:
    """Whether something was seen on any day before `day` that is remembered."""
    after = seen.last_day - day
    return after < 0 or seen.mask >> (after + 1) > 0


def mark(seen: Seen, day: int) -> None:
    """Notes that it was seen on `day`."""
    if day > seen.last_day:
        seen.mask = (seen.mask << min(day - seen.last_day, 32) | 1) & _MASK
        seen.last_day = day
    else:
        seen.mask |= 1 << (seen.last_day - day) & _MASK


def outdated(seen: Seen, day: int) -> bool:
    """Makes `seen` forget all days that are too old on `day`. True where nothing is left."""
    oldest = day - KEPT_DAYS
    if seen.last_day < oldest:
        return True
    seen.mask &= (1 << (seen.last_day - oldest + 1)) - 1
    return False
