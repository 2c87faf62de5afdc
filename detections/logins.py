"""Takes logins into account, by source: who failed there without being known there, and who got in.

Whoever got in from a network within the last two weeks, or earlier on the same day, is known there, and nothing that
is said of strangers is said of him: people who forgot their password over the weekend are at their own desk. Among all
logins of a domain it is the network that is known, once anybody got in from it; one that several strangers fail at
does not become known by a success.
"""

from typing import Final

from detections.model import DAY_MS
from detections.sources import (
    BITS,
    KNOWN_DAYS,
    MASK_PANES,
    MAX_ACCOUNTS,
    MAX_GUESSED,
    MAX_KNOWN,
    MAX_NAMED,
    MAX_PREFIXES,
    PANE_MS,
    RECENT_PANES,
    USER_CHARS,
    WEEK_DAYS,
    Failing,
    Known,
    Logins,
    Week,
    hashed,
    mark,
)
from detections.state import ADDRESS_CHARS, goes_on
from schemas.attempt import Attempt

DAY_PANES: Final = DAY_MS // PANE_MS
TEACHABLE: Final = 2
"""From a network that so many strangers fail at, one success teaches nothing: it may be what they were after."""
_MASK: Final = (1 << MASK_PANES) - 1
_KNOWN_MASK: Final = (1 << (KNOWN_DAYS + 1)) - 1


def observe(kept: Logins, attempt: Attempt) -> bool:
    """Takes `attempt` in. True where it is worth judging: a stranger failed, or one who had failed got in."""
    return _succeeded(kept, attempt) if attempt.type == "login" else _failed(kept, attempt)


def forget(kept: Logins, time_ms: int) -> None:
    """Drops what no attempt from `time_ms` on, or as late as allowed, can meet."""
    oldest = time_ms // PANE_MS - RECENT_PANES
    for entries in (kept.accounts, kept.guessed):
        for user in [user for user, each in entries.items() if each.pane < oldest]:
            del entries[user]
            kept.names.pop(user, None)
    if kept.prefixes:
        there = {each.network for entries in (kept.accounts, kept.guessed) for each in entries.values()}
        kept.prefixes = {number: prefix for number, prefix in kept.prefixes.items() if number in there}
    kept.marks = [each for each in kept.marks if each.number >= oldest]
    kept.assaults = {name: each for name, each in kept.assaults.items() if goes_on(each.first.first_ms, time_ms)}
    if kept.lost_pane < oldest:
        kept.lost_pane = -1
    forget_known(kept, time_ms // DAY_MS)


def forget_known(kept: Logins, day: int) -> None:
    """Drops those known, and their days, that are too old on `day`."""
    for user in [user for user, each in kept.known.items() if each.day < day - KNOWN_DAYS]:
        del kept.known[user]
    for known in kept.known.values():
        known.mask &= (1 << (known.day - day + KNOWN_DAYS + 1)) - 1 if known.day <= day else _KNOWN_MASK


def is_known(kept: Logins, attempt: Attempt) -> bool:
    """Whether whoever made `attempt` was known there before it."""
    day = attempt.time_ms // DAY_MS
    if attempt.by == "connector":
        bit = hashed(attempt.prefix) % BITS
        week = day // WEEK_DAYS
        return any(_has(kept.weeks.get(number), bit) for number in (week, week - 1))
    known = kept.known.get(hashed(attempt.user))
    if known is None:
        return False
    if known.day == day and known.first < attempt.time_ms % DAY_MS:
        return True
    after = known.day - day  # days from `day` to the newest one, negative where that lies before it
    mask = known.mask >> (after + 1) if after >= 0 else known.mask
    days = KNOWN_DAYS if after >= 0 else KNOWN_DAYS + after + 1
    return bool(mask & ((1 << max(0, days)) - 1))


def _failed(kept: Logins, attempt: Attempt) -> bool:
    pane = attempt.time_ms // PANE_MS
    if pane > kept.pane:
        kept.pane = pane
        forget(kept, attempt.time_ms)
    elif pane < kept.pane - RECENT_PANES:
        return False  # too late to be put beside anything
    if is_known(kept, attempt):
        return False
    user = hashed(attempt.user)
    if attempt.kind == "person":
        if not _place(kept, kept.accounts, MAX_ACCOUNTS, user, pane, attempt):
            return False
        if len(attempt.user) <= USER_CHARS:
            _name(kept.names, user, attempt.user, MAX_NAMED)
    elif not _place(kept, kept.guessed, MAX_GUESSED, user, pane, attempt):
        return False
    if attempt.by == "connector":
        _name(kept.prefixes, hashed(attempt.prefix), attempt.prefix[:ADDRESS_CHARS], MAX_PREFIXES)
    mark(kept.marks, pane, attempt)
    return True


def _place(
    kept: Logins, entries: dict[int, Failing], room: int, user: int, pane: int, attempt: Attempt
) -> Failing | None:
    """The entry of `user`, with this failure in it. Of more than there is room for, those that failed last are kept."""
    network = _network(attempt)
    found = entries.get(user)
    if found is None:
        if len(entries) >= room:
            oldest = min(entries, key=lambda each: (entries[each].pane, each))
            if (pane, user) < (entries[oldest].pane, oldest):
                kept.lost_pane = max(kept.lost_pane, pane)
                return None
            kept.lost_pane = max(kept.lost_pane, entries.pop(oldest).pane)
            kept.names.pop(oldest, None)
        found = entries[user] = Failing(pane, 1, 1, 0, network, _overtaken(kept, user, attempt))
        return found
    days = pane // DAY_PANES - found.pane // DAY_PANES
    if days > 0:
        found.before, found.today = (found.today if days == 1 else 0), 1
    elif days == 0:
        found.today += 1
    elif days == -1:
        found.before += 1
    if pane >= found.pane:
        found.mask = (found.mask << min(pane - found.pane, MASK_PANES) | 1) & _MASK
        found.pane, found.network = pane, network
    elif found.pane - pane < MASK_PANES:
        found.mask |= 1 << (found.pane - pane)
    return found


def _overtaken(kept: Logins, user: int, attempt: Attempt) -> int:
    """When `user` got in after this failure, which came late."""
    known = kept.known.get(user)
    last_ms = known.day * DAY_MS + known.last if known is not None else -1
    return last_ms // 1000 if last_ms >= attempt.time_ms else 0


def _network(attempt: Attempt) -> int:
    """What tells networks apart, where there are several."""
    return hashed(attempt.prefix) if attempt.by == "connector" else 0


def _name(names: dict[int, str], number: int, name: str, room: int) -> None:
    """Keeps the name for as many as are shown: those with the smallest hashes, whatever the order."""
    if number not in names:
        names[number] = name
        if len(names) > room:
            del names[max(names)]


def _succeeded(kept: Logins, attempt: Attempt) -> bool:
    user, network, time_ms = hashed(attempt.user), _network(attempt), attempt.time_ms
    failing = kept.accounts.get(user)
    had_failed = False
    if failing is not None and failing.network == network and failing.pane >= time_ms // PANE_MS - RECENT_PANES:
        first_pane = failing.pane - failing.mask.bit_length() + 1
        if time_ms >= first_pane * PANE_MS:
            had_failed = True
            failing.entered_s = max(failing.entered_s, time_ms // 1000)
        elif attempt.by == "network":  # known before the first failure, as only now is told
            del kept.accounts[user]
            kept.names.pop(user, None)
    unheard_of = had_failed or (bool(kept.assaults) and not is_known(kept, attempt))
    if attempt.by == "connector":
        _teach_network(kept, network, time_ms // DAY_MS)
    else:
        _teach_user(kept, user, time_ms)
    return unheard_of


def _teach_user(kept: Logins, user: int, time_ms: int) -> None:
    day, moment = divmod(time_ms, DAY_MS)
    known = kept.known.get(user)
    if known is None:
        kept.known[user] = Known(day, 1, moment, moment)
        forget_known(kept, max(day, *(each.day for each in kept.known.values())))
        if len(kept.known) > MAX_KNOWN:
            del kept.known[min(kept.known, key=lambda each: (kept.known[each].day, each))]
    elif day > known.day:
        known.mask = (known.mask << min(day - known.day, KNOWN_DAYS + 1) | 1) & _KNOWN_MASK
        known.day, known.first, known.last = day, moment, moment
    elif day == known.day:
        known.first, known.last = min(known.first, moment), max(known.last, moment)
    else:
        known.mask |= 1 << (known.day - day) & _KNOWN_MASK


def _teach_network(kept: Logins, network: int, day: int) -> None:
    number, bit = day // WEEK_DAYS, network % BITS
    week = kept.weeks.get(number)
    if week is None:
        newest = max(kept.weeks, default=number)
        if number < newest - 1:
            return
        week = kept.weeks[number] = Week(day, bytearray(BITS // 8))
        newest = max(newest, number)
        for old in [old for old in kept.weeks if old < newest - 1]:
            kept.weeks[old].bits.clear()
            if old < newest - 2:
                del kept.weeks[old]
    week.first_day = min(week.first_day, day)
    if not week.bits or _has(week, bit):
        return
    oldest = day * DAY_PANES - RECENT_PANES
    if sum(each.network == network and each.pane >= oldest for each in kept.accounts.values()) < TEACHABLE:
        week.bits[bit >> 3] |= 1 << (bit & 7)


def _has(week: Week | None, bit: int) -> bool:
    return week is not None and bool(week.bits) and bool(week.bits[bit >> 3] & 1 << (bit & 7))
