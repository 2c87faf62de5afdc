"""An agent, as the streams see it: names, handler, state."""

from collections.abc import Callable
from typing import Any

import msgspec

from streams.cluster import Record
from streams.handler import Codec, Handler
from streams.withdrawal import Withdrawals

Apply = Callable[[Record], None]
"""Takes one record of a cache's topic; the value None is a tombstone. The same record may come twice. Raises ValueError
for a record that is none of this topic's."""


class Cache(msgspec.Struct, frozen=True):
    """A compacted topic that an agent's handler knows by heart: every worker holds all of it, by `apply`."""

    topic: str
    apply: Apply


class AgentSpec(msgspec.Struct, frozen=True):
    """What makes an agent. Topics are full names.

    `changelog`: where its state stands; None for a stateless agent, which names in `lineage` the topic whose records
    carry the input offset they were made from, so that it can refuse to write them twice. `caches`: read to their end
    before the first chunk is taken. `withdrawals`: how what a replay does not publish again is withdrawn; None where
    nothing is.
    """

    name: str
    group: str
    source: str
    dead_letters: str
    handler: Handler
    codec: Codec[Any]
    changelog: str | None = None
    lineage: str | None = None
    reset_instead: str = ""
    caches: tuple[Cache, ...] = ()
    withdrawals: Withdrawals | None = None


def _nothing_to_keep() -> None:
    raise RuntimeError("a stateless agent has no state")


STATELESS: Codec[None] = Codec(0, _nothing_to_keep, lambda value: b"", lambda stored: None)
"""The codec of an agent without state."""
