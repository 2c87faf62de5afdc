"""How many strangers failed, within a window or since then."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from detections.model import DAY_MS
from detections.sources import Failing, Logins


class Crowd(NamedTuple):
    """Strangers who failed. `users`: accounts and names that nobody has (`guessed`). `entered`: those who got in
    afterwards. `tries`: failures of all of them in two days. `networks`: that they failed from last. `first_pane`: of
    the window."""

    users: int
    guessed: int
    entered: int
    tries: int
    networks: int
    first_pane: int

    @property
    def outside(self) -> int:
        """How many of them did not get in."""
        return self.users - self.entered


def crowd(kept: Logins, first_pane: int) -> Crowd:
    """All who failed in or after `first_pane`."""
    return _of(kept, first_pane, lambda each: each.pane >= first_pane)


def largest(kept: Logins, pane: int, panes: int) -> Crowd:
    """The crowd of those `panes` panes in a row, one of them `pane`, in which most are still outside; of several the
    earliest."""
    counts = [0] * panes
    for each in _everybody(kept):
        if each.entered_s:
            continue
        # Bit i of `near` is the pane `pane` + panes - 1 - i: all that any of the windows has.
        shift = each.pane - (pane + panes - 1)
        near = each.mask >> shift if shift >= 0 else each.mask << -shift
        if not near & (1 << (2 * panes - 1)) - 1:
            continue
        for window in range(panes):  # from `pane` - panes + 1 + window on
            if near >> (panes - 1 - window) & (1 << panes) - 1:
                counts[window] += 1
    first = pane - panes + 1 + counts.index(max(counts))
    return _of(kept, first, lambda each: _within(each, first, panes))


def got_in(kept: Logins, from_ms: int, to_ms: int) -> int:
    """How many got in at a network between both times, strangers or not; at least so many, where that was long ago."""
    return sum(
        each.day * DAY_MS + each.last >= from_ms and each.day * DAY_MS + each.first <= to_ms
        for each in kept.known.values()
    )


def failures(kept: Logins, first_pane: int, panes: int) -> int:
    """Failures of strangers in a window."""
    return sum(each.count for each in kept.marks if first_pane <= each.number < first_pane + panes)


def full(kept: Logins, first_pane: int) -> bool:
    """Whether some were dropped for want of room since `first_pane`."""
    return kept.lost_pane >= first_pane


def _everybody(kept: Logins) -> Iterable[Failing]:
    yield from kept.accounts.values()
    yield from kept.guessed.values()


def _within(each: Failing, first: int, panes: int) -> bool:
    shift = each.pane - (first + panes - 1)
    near = each.mask >> shift if shift >= 0 else each.mask << -shift
    return bool(near & (1 << panes) - 1)


def _of(kept: Logins, first_pane: int, chosen: Callable[[Failing], bool]) -> Crowd:
    accounts = [each for each in kept.accounts.values() if chosen(each)]
    guessed = [each for each in kept.guessed.values() if chosen(each)]
    everybody = accounts + guessed
    return Crowd(
        users=len(everybody),
        guessed=len(guessed),
        entered=sum(each.entered_s > 0 for each in accounts),
        tries=sum(each.today + each.before for each in everybody),
        networks=len({each.network for each in everybody}),
        first_pane=first_pane,
    )
