"""Whether a connector is well: what is wrong with it by now, and what is usual for its domain. Pure; times are ms
since the epoch, UTC.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from connectors.egnyte.reach import MARGIN_MS, REACH_MS
from schemas.connector import StatusRecord, TokenFacts, Watch
from streams.sections import DAY_MS, HOUR_MS

Kind = Literal["connector_disconnected", "connector_silent", "token_renewal"]

DISCONNECTED_MS: Final = 2 * HOUR_MS
"""Without a good answer for so long. Microsoft's log collectors warn after the same time."""
SILENT_TIMES: Final = 3
"""Times the longest usual gap."""
SHORTEST_GAP_MS: Final = HOUR_MS
"""A domain that is busy all the time may still have a quiet hour."""
USUAL_DAYS: Final = 28
"""So many days' gaps are what is usual: four week-ends."""
LEARNT_MS: Final = REACH_MS - MARGIN_MS
"""A week has its week-end; the first connection reads as much."""
NOTHING_MS: Final = DAY_MS
"""Without a single event since the domain was connected, and in the week before."""
OLD_TOKEN_MS: Final = 182 * DAY_MS
"""Six months: Microsoft's advice for Egnyte's tokens without an end."""
RENEWAL_MS: Final = 14 * DAY_MS
"""Before a token's end."""
RENEWED_AT: Final = 2
"""A token that can be refreshed is, when one part in so many of its life is left."""
LATE_AT: Final = 3
"""So a refreshment has failed when no more than one part in so many is left."""


class Trouble(NamedTuple):
    """Something that is wrong. `since_ms`: from when; `due_ms`: when that is too long, and is said."""

    kind: Kind
    anchor: str
    since_ms: int
    due_ms: int


def troubles(status: StatusRecord, watch: Watch) -> Iterator[Trouble]:
    """What is, or will by its `due_ms` be, wrong if nothing changes."""
    well_ms = watch.well_ms
    yield Trouble("connector_disconnected", f"well-{well_ms}", well_ms, well_ms + DISCONNECTED_MS)
    if (silent := _silence(status, watch)) is not None:
        yield silent
    if status.token is not None and (due_ms := renewal_due_ms(status.token)) is not None:
        yield Trouble("token_renewal", f"token-{status.token.id}", status.token.issued_ms, due_ms)


def usual_gap_ms(watch: Watch) -> int:
    """The longest time between two events that is usual."""
    return max(max(watch.gaps.values(), default=0), SHORTEST_GAP_MS)


def learn(watch: Watch, newest_ms: int, dates: Iterable[int]) -> Watch:
    """`watch` after a page with events of these `dates`; `newest_ms`: of the newest event before, 0 for none.

    That there was none before the first is a gap, too. What was an episode of silence is not usual.
    """
    gaps = dict(watch.gaps)
    before = newest_ms or watch.from_ms
    skip = "connector_silent" in watch.open
    for date_ms in sorted(dates):
        if date_ms <= before:
            continue
        if not skip:
            day = date_ms // DAY_MS
            gaps[day] = max(gaps.get(day, 0), date_ms - before)
        before, skip = date_ms, False
    if gaps == watch.gaps:
        return watch
    last = max(gaps)
    return replace(watch, gaps={day: gap for day, gap in sorted(gaps.items()) if day > last - USUAL_DAYS})


def renewal_due_ms(token: TokenFacts) -> int | None:
    """When people have to see to the token: when it is old, or ends soon and does not renew itself."""
    old_ms = token.issued_ms + OLD_TOKEN_MS
    if not token.expires_ms:
        return old_ms
    before_ms = RENEWAL_MS
    if token.renews:
        before_ms = min(before_ms, (token.expires_ms - token.issued_ms) // LATE_AT)
    return min(old_ms, token.expires_ms - before_ms)


def refresh_at_ms(issued_ms: int, expires_ms: int) -> int:
    """When a token that can be refreshed is."""
    return expires_ms - (expires_ms - issued_ms) // RENEWED_AT


def _silence(status: StatusRecord, watch: Watch) -> Trouble | None:
    """Only a stream that is read to its end, by good answers, can be silent."""
    if status.state != "following":
        return None
    if not status.newest_ms:
        return Trouble("connector_silent", silence_of(status), watch.from_ms, watch.from_ms + LEARNT_MS + NOTHING_MS)
    due_ms = max(status.newest_ms + SILENT_TIMES * usual_gap_ms(watch), watch.from_ms + LEARNT_MS)
    return Trouble("connector_silent", silence_of(status), status.newest_ms, due_ms)


def silence_of(status: StatusRecord) -> str:
    """Names the silence since the newest event: another event, another silence."""
    return f"event-{status.newest_ms}"
