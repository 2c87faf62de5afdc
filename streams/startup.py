"""Where a partition starts: the committed offset and the meta record beside the state, compared. Pure.

**The log is the truth, state is a cache of it.** The table of the design, row by row;
`docs/adr/0001-state-and-restart.md` says why.
"""

from typing import Literal

import msgspec

from schemas.meta import Meta, Stretch
from streams.cluster import Committed
from streams.withdrawal import with_stretch

Row = Literal[
    "fresh", "offsets_expired", "resume", "go_on_warming", "rewound", "upgraded", "changelog_lost", "skipped_forward"
]
EARLIEST = -1


class Start(msgspec.Struct, frozen=True):
    """What to do. `meta.next` is the first input offset to take, `EARLIEST` for the log's beginning.

    `warm`: state must be learned anew up to `meta.target`, from `lookback` before it; `meta.next` is not known yet.
    `gap`: how many input records are left out (skipped forward by hand).
    """

    row: Row
    meta: Meta
    warm: bool = False
    gap: int = 0


OURS = "egnyte-watch"
"""Begins the words beside every offset that a unit commits. An offset without it was set by hand."""


def decide(committed: Committed | None, meta: Meta | None, schema: int, highest_epoch: int = -1) -> Start:
    """Which row of the table applies, and what follows from it.

    `schema` is of the running code's state; `highest_epoch` of the records found in a changelog without a meta record
    (-1: none). An offset of ours was committed together with a meta record that says the same, so nobody has moved
    it: state that lags behind it has lost its end (a broker that lost power before it had written to disk), and state
    that is ahead of it is right (the offset of its transaction is not to be seen yet, or was lost).
    """
    if meta is None:
        if committed is None:
            return Start("fresh", Meta(next=EARLIEST, schema=schema, epoch=highest_epoch + 1, dirty=highest_epoch >= 0))
        return _learn_anew("changelog_lost", Meta(next=0, schema=schema, epoch=highest_epoch), schema, committed.offset)
    offset = committed.offset if committed is not None else None
    if meta.schema != schema:
        return _learn_anew("upgraded", meta, schema, meta.next if offset is None else offset)
    if meta.phase == "warming":
        target = meta.target if offset is None else offset
        if target == meta.target:
            return Start("go_on_warming", meta)
        return _learn_anew("rewound", meta, schema, target)
    if offset is None:
        return Start("offsets_expired", meta)
    if offset == meta.next:
        return Start("resume", meta)
    ours = committed is not None and committed.metadata.startswith(OURS)
    if offset < meta.next:
        return Start("resume", meta) if ours else _learn_anew("rewound", meta, schema, offset)
    if ours:
        return _learn_anew("changelog_lost", meta, schema, offset)
    return Start("skipped_forward", msgspec.structs.replace(meta, next=offset), gap=offset - meta.next)


def _learn_anew(row: Row, before: Meta, schema: int, target: int) -> Start:
    """State of a new epoch. What had been published beyond `target` will be published again, marked as a replay."""
    published = before.target if before.phase == "warming" else before.next
    replay_until = max(published, before.replay_until)
    replayed = before.replayed
    if replay_until > target:
        replayed = with_stretch(replayed, Stretch(before.epoch + 1, target, replay_until))
    return Start(
        row,
        Meta(
            next=EARLIEST,
            schema=schema,
            epoch=before.epoch + 1,
            phase="warming",
            target=target,
            dirty=True,
            replay_until=replay_until if replay_until > target else -1,
            replayed=replayed,
        ),
        warm=True,
    )
