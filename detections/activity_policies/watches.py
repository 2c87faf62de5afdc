"""How often a policy matched lately, for one user: N within a span of time, and the incidents that grow from it.

Which times are kept follows from event times alone, whether or not something was raised. Up to `EXACT` each match has
its own time; of more, the span is cut into `SLOTS` slots, of which only whole ones count: a slot's worth of matches at
the window's old end may be left out, none from outside it is counted in.
"""

import zlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final, NamedTuple

from detections.model import DAY_MS, LATENESS_MS
from detections.state import ID_CHARS, ActivityPolicies, Incident, Watch, goes_on
from schemas.activity import Activity

EXACT: Final = 64
SLOTS: Final = 60
MAX_TIMES: Final = 2 * EXACT
"""Of one watch: the window, and as much again for what comes late."""
MAX_WATCHES: Final = 24
MAX_ALL_TIMES: Final = 256
"""Of one user over all policies, about 3 kB. Of more, the watch that was silent for longest is dropped."""
_LOOK_EVERY: Final = 8
"""Times that a watch may grow by before all are counted again."""
MAX_INCIDENTS: Final = 3
KEPT_MS: Final = DAY_MS + LATENESS_MS
"""The longest span, and as much again as an activity may come late."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """`count` matches within `within_ms`, its ends included. `unique_targets`: each target counts once.
    `per_client`: the matches of each client count by themselves."""

    count: int
    within_ms: int
    unique_targets: bool = False
    per_client: bool = False

    @property
    def mark(self) -> str:
        """CRC-32 of it. What one rule counted is not read by another, to which times and marks mean something else."""
        fields = (self.count, self.within_ms, self.unique_targets, self.per_client)
        return f"{zlib.crc32(repr(fields).encode()):08x}"


class Growth(NamedTuple):
    """What a match led to: an incident that begins, or one that grew enough to be told again."""

    begins: bool
    incident: Incident


def grown(kept: ActivityPolicies, key: str, activity: Activity, rule: Repeated) -> Growth | None:
    """Counts `activity` in under `key`, the policy's id with the rule's mark. Returns what is worth telling: an
    incident that begins, or has twice as many matches as when last told."""
    time_ms = activity.time_ms
    if rule.per_client:
        key = f"{key}/{zlib.crc32(activity.client.lower().encode(errors='replace')):08x}"
    watch = kept.watches.get(key)
    if watch is None:
        watch = kept.watches[key] = Watch()
    _end_incidents(watch, time_ms, rule.within_ms)
    count, first_ms = _count_in(watch, activity, rule)
    if len(kept.watches) > MAX_WATCHES or len(watch.times) % _LOOK_EVERY == 1:
        _bound(kept, key)
    if not count:
        return None
    for incident in watch.incidents:
        if incident.first_ms - rule.within_ms <= time_ms <= incident.last_ms + rule.within_ms and goes_on(
            incident.anchor_ms, time_ms
        ):
            incident.count += 1
            incident.first_ms = min(incident.first_ms, time_ms)
            incident.last_ms = max(incident.last_ms, time_ms)
            return Growth(False, incident) if incident.count & (incident.count - 1) == 0 else None
    if count < rule.count:
        return None
    incident = Incident("", activity.event_id[:ID_CHARS], time_ms, first_ms, time_ms, count, [])
    watch.incidents.append(incident)
    if len(watch.incidents) > MAX_INCIDENTS:
        watch.incidents.remove(min(watch.incidents, key=lambda each: (each.last_ms, each.anchor)))
    return Growth(True, incident)


def forget(kept: ActivityPolicies, time_ms: int) -> None:
    """Drops what is too old at `time_ms` for any policy."""
    for key, watch in list(kept.watches.items()):
        watch.incidents = [each for each in watch.incidents if each.last_ms >= time_ms - KEPT_MS]
        if not watch.incidents and (not watch.times or watch.times[-1] < time_ms - KEPT_MS):
            del kept.watches[key]


def _count_in(watch: Watch, activity: Activity, rule: Repeated) -> tuple[int, int]:
    """How many matches the fullest window around `activity` has, with its first time; none where its target has
    been counted already, or where it comes too late to be counted."""
    time_ms, times = activity.time_ms, watch.times
    if rule.count == 1:
        return 1, time_ms  # every match is one too many: no times are needed
    if times and time_ms < times[-1] - rule.within_ms - LATENESS_MS:
        return 0, 0
    if rule.count > EXACT:
        return _count_in_slot(watch, time_ms, rule.within_ms)
    if rule.unique_targets:
        mark = _target(activity)
        if mark in watch.marks:
            at = watch.marks.index(mark)
            if times[at] >= time_ms - rule.within_ms:
                if times[at] < time_ms:  # counted, and now by its latest time
                    del times[at], watch.marks[at]
                    at = bisect_right(times, time_ms)
                    times.insert(at, time_ms)
                    watch.marks.insert(at, mark)
                return 0, 0
            del times[at], watch.marks[at]
        watch.marks.insert(bisect_right(times, time_ms), mark)
    at = bisect_right(times, time_ms)
    times.insert(at, time_ms)
    _drop_old(watch, times[-1] - rule.within_ms - LATENESS_MS)
    return _fullest(times, time_ms, rule.within_ms)


def _fullest(times: list[int], time_ms: int, within_ms: int) -> tuple[int, int]:
    low = bisect_left(times, time_ms - within_ms)
    if times[-1] == time_ms:  # nothing later: one window
        return len(times) - low, times[low]
    starts = range(low, bisect_right(times, time_ms))
    return max(
        ((bisect_right(times, times[start] + within_ms) - start, times[start]) for start in starts),
        key=lambda each: (each[0], -each[1]),
        default=(0, 0),
    )


def _count_in_slot(watch: Watch, time_ms: int, within_ms: int) -> tuple[int, int]:
    times, marks = watch.times, watch.marks
    width = max(within_ms // SLOTS, 1)
    slot = time_ms - time_ms % width
    at = bisect_left(times, slot)
    if at < len(times) and times[at] == slot:
        marks[at] += 1
    else:
        times.insert(at, slot)
        marks.insert(at, 1)
    _drop_old(watch, times[-1] - within_ms - LATENESS_MS)
    best = (0, 0)
    for start in range(bisect_left(times, slot - within_ms + width), bisect_right(times, slot)):
        end = bisect_left(times, times[start] + within_ms)
        found = sum(marks[start:end])
        if found > best[0]:
            best = found, times[start]
    return best


def _drop_old(watch: Watch, oldest_ms: int) -> None:
    drop = max(bisect_left(watch.times, oldest_ms), len(watch.times) - MAX_TIMES)
    if drop > 0:
        del watch.times[:drop], watch.marks[:drop]


def _end_incidents(watch: Watch, time_ms: int, within_ms: int) -> None:
    over = time_ms - within_ms - LATENESS_MS
    if watch.incidents and any(each.last_ms < over for each in watch.incidents):
        watch.incidents = [each for each in watch.incidents if each.last_ms >= over]


def _bound(kept: ActivityPolicies, key: str) -> None:
    """Where there is too much, drops what was silent for longest until a quarter is free."""
    watches = kept.watches
    total = sum(len(watch.times) for watch in watches.values())
    if len(watches) <= MAX_WATCHES and total <= MAX_ALL_TIMES:
        return
    for name in sorted((each for each in watches if each != key), key=lambda each: (_latest(watches[each]), each)):
        if len(watches) <= MAX_WATCHES * 3 // 4 and total <= MAX_ALL_TIMES * 3 // 4:
            return
        total -= len(watches.pop(name).times)


def _latest(watch: Watch) -> int:
    latest = watch.times[-1] if watch.times else 0
    return max(latest, *(each.last_ms for each in watch.incidents)) if watch.incidents else latest


def _target(activity: Activity) -> int:
    """CRC-32 of what the activity was done to: the file or folder, else the person, else the group."""
    subject = activity.subject
    target = activity.path or (subject and (subject.email or subject.name)) or activity.group
    return zlib.crc32(target.lower().encode(errors="replace"))
