"""Bursts: activities of one kind with short gaps, how many different targets they had, and what is usual of them.

Targets are told apart by hashes of the latest ones: who opens the same few files again and again counts each once. For
the window that slides over a burst, time is cut into panes, six to a window; so a window may be up to a sixth shorter
than set. A burst is cut after 24 h and at the turn of the week, as incidents are.
"""

import zlib
from math import sqrt
from typing import Final

import msgspec

from detections.model import DAY_MS, LATENESS_MS, MINUTE_MS
from detections.seen import USUAL_DAYS
from detections.state import INCIDENT_MS, Burst, Pane, Volume, Volumes, week_of

MAX_GAP_MS: Final = 60 * MINUTE_MS
"""No setting allows a longer gap; so long (and an hour for those who come late) a burst may still grow."""
PANES: Final = 6
"""To a window."""
MAX_PANES: Final = 16
KEPT_PANES: Final = 8
"""Of a burst: when there are more than the one they are thinned out to the other."""
MAX_BURSTS: Final = 2
MAX_RECENT: Final = 56
"""Targets told apart: a few more than Defender's 50. The same one again after so many others counts again."""
_FIRST_MARK: Final = 0x10000
_MARK_BITS: Final = 0xFFFFF
"""A target is kept as one character out of a million, for nothing is found faster than a character in a text."""
_DAY_BYTES: Final = 2
_MAX_DAY: Final = (1 << 8 * _DAY_BYTES) - 1


class Baseline(msgspec.Struct, frozen=True, gc=False):
    """What is usual: on how many days there was a burst, mean and standard deviation of each day's largest."""

    days: int
    mean: float
    sigma: float


def add(volume: Volume, time_ms: int, target: str, gap_ms: int, pane_ms: int) -> Burst | None:
    """The burst that an activity with `target` belongs to, with it counted in. None where the target is not new."""
    bursts = volume.bursts
    burst = bursts[-1] if bursts else None
    if (
        burst is None
        or not burst.last_ms <= time_ms <= burst.last_ms + gap_ms
        or time_ms - burst.first_ms >= INCIDENT_MS
        or (time_ms // DAY_MS != burst.last_ms // DAY_MS and week_of(time_ms) != week_of(burst.first_ms))
    ):
        burst = _burst_of(volume, time_ms, gap_ms)
    burst.last_ms = max(burst.last_ms, time_ms)
    if not _is_new(volume, target):
        return None
    burst.count += 1
    number, panes = time_ms // pane_ms, burst.panes
    if panes and panes[-1].number == number:
        panes[-1].count += 1
    else:
        _add_pane(panes, number)
    return burst


def in_window(burst: Burst, time_ms: int, pane_ms: int) -> int:
    """The most different targets within one window around `time_ms`."""
    number, panes, most = time_ms // pane_ms, burst.panes, 0
    if panes and panes[-1].number <= number:  # the common case: nothing later is known
        for pane in reversed(panes):
            if pane.number <= number - PANES:
                break
            most += pane.count
        return most
    for first in panes:
        if number - PANES < first.number <= number:
            most = max(most, sum(each.count for each in panes if first.number <= each.number < first.number + PANES))
    return most


def baseline(volume: Volume, burst: Burst, days: int) -> Baseline:
    """What is usual on the last `days` days until the one on which `burst` began, of bursts that have ended.

    The largest of them is left out: one flood must not hide the next for a month.
    """
    newest = max(0, volume.day - burst.first_ms // DAY_MS)
    kept = volume.days[newest * _DAY_BYTES : (newest + days + 1) * _DAY_BYTES]
    sizes = sorted(size for at in range(0, len(kept), _DAY_BYTES) if (size := kept[at] << 8 | kept[at + 1]))[:-1]
    if not sizes:
        return Baseline(0, 0.0, 0.0)
    mean = sum(sizes) / len(sizes)
    return Baseline(len(sizes), mean, sqrt(max(0.0, sum(size * size for size in sizes) / len(sizes) - mean**2)))


def largest(volume: Volume) -> int:
    """The largest burst that is remembered and has ended; 0 where there is none."""
    kept = volume.days
    return max((kept[at] << 8 | kept[at + 1] for at in range(0, len(kept), _DAY_BYTES)), default=0)


def forget(volume: Volume, time_ms: int) -> None:
    """Counts the bursts that can't grow any more at `time_ms`, and drops days that are too old."""
    for burst in [each for each in volume.bursts if each.last_ms < time_ms - MAX_GAP_MS - LATENESS_MS]:
        _count(volume, burst)
    if not volume.bursts:
        volume.recent = ""
    day = time_ms // DAY_MS
    _age(volume, day)
    rushes = volume.rushes
    if rushes is not None:
        if rushes.last_day < day - USUAL_DAYS - 1:
            volume.rushes = None
        else:
            rushes.mask &= (1 << max(0, rushes.last_day - day + USUAL_DAYS + 2)) - 1


def forget_all(volumes: Volumes, time_ms: int) -> None:
    """`forget` for each of them."""
    for volume in (volumes.downloads, volumes.deletions, volumes.links, volumes.encryptions, volumes.administration):
        if volume.bursts or volume.days or volume.rushes is not None:
            forget(volume, time_ms)


def _is_new(volume: Volume, target: str) -> bool:
    mark = chr(_FIRST_MARK + (zlib.crc32(target.encode("utf-8", "replace")) & _MARK_BITS))
    recent = volume.recent
    if mark in recent:
        return False
    volume.recent = recent[1 - MAX_RECENT :] + mark
    return True


def _burst_of(volume: Volume, time_ms: int, gap_ms: int) -> Burst:
    forget(volume, time_ms)
    fitting = [each for each in volume.bursts if _fits(each, time_ms, gap_ms)]
    if fitting:
        burst = fitting[0]
        for later in fitting[1:]:
            if max(later.last_ms, time_ms) - burst.first_ms < INCIDENT_MS:
                _merge(burst, later)
                volume.bursts.remove(later)
        burst.first_ms = min(burst.first_ms, time_ms)
    else:
        burst = Burst(time_ms, time_ms)
        if not volume.bursts or time_ms > volume.bursts[-1].last_ms:
            volume.recent = ""
        for each in volume.bursts:
            if len(each.panes) > KEPT_PANES:
                _thin(each.panes, each.panes[-1].number)
        volume.bursts.append(burst)
    volume.bursts.sort(key=lambda each: (max(each.last_ms, time_ms) if each is burst else each.last_ms, each.first_ms))
    while len(volume.bursts) > MAX_BURSTS:
        _count(volume, next(each for each in volume.bursts if each is not burst))
    return burst


def _fits(burst: Burst, time_ms: int, gap_ms: int) -> bool:
    first, last = min(burst.first_ms, time_ms), max(burst.last_ms, time_ms)
    return (
        burst.first_ms - gap_ms <= time_ms <= burst.last_ms + gap_ms
        and last - first < INCIDENT_MS
        and week_of(first) == week_of(last)
    )


def _merge(burst: Burst, later: Burst) -> None:
    burst.last_ms = max(burst.last_ms, later.last_ms)
    burst.count += later.count
    for pane in later.panes:
        _add_pane(burst.panes, pane.number, pane.count)
    burst.rushed = burst.rushed or later.rushed
    burst.anchor = burst.anchor or later.anchor
    burst.told = max(burst.told, later.told)
    burst.look = 0


def _add_pane(panes: list[Pane], number: int, count: int = 1) -> None:
    at = len(panes)
    while at and panes[at - 1].number > number:
        at -= 1
    if at and panes[at - 1].number == number:
        panes[at - 1].count += count
        return
    panes.insert(at, Pane(number, count))
    if len(panes) > MAX_PANES:
        _thin(panes, number)


def _thin(panes: list[Pane], touched: int) -> None:
    """Leaves the `KEPT_PANES` of `panes` that have the most targets around them; that with the number `touched` is one.

    So a storm that comes late, mixed with what was done since, grows together all the same.
    """
    density = dict.fromkeys((pane.number for pane in panes), 0)
    for at, pane in enumerate(panes):
        density[pane.number] += pane.count
        for later in panes[at + 1 :]:
            if later.number - pane.number >= PANES:
                break
            density[pane.number] += later.count
            density[later.number] += pane.count
    density[touched] = 1 << 62
    panes.sort(key=lambda each: (density[each.number], each.number))
    del panes[:-KEPT_PANES]
    panes.sort(key=lambda each: each.number)


def _age(volume: Volume, day: int) -> None:
    if not volume.days:
        volume.day = 0
    elif day > volume.day:
        passed = min(day - volume.day, USUAL_DAYS + 2)
        kept = (bytes(passed * _DAY_BYTES) + volume.days)[: (USUAL_DAYS + 2) * _DAY_BYTES].rstrip(b"\0")
        volume.days = kept + b"\0" * (len(kept) % _DAY_BYTES)
        volume.day = day if kept else 0


def _count(volume: Volume, burst: Burst) -> None:
    volume.bursts.remove(burst)
    day = burst.first_ms // DAY_MS
    _age(volume, day)
    if not volume.days:
        volume.day = day
    at = (volume.day - day) * _DAY_BYTES
    if at >= (USUAL_DAYS + 2) * _DAY_BYTES:
        return
    days = volume.days.ljust(at + _DAY_BYTES, b"\0")
    size = max(min(burst.count, _MAX_DAY), days[at] << 8 | days[at + 1])
    volume.days = days[:at] + size.to_bytes(_DAY_BYTES, "big") + days[at + _DAY_BYTES :]
