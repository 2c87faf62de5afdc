"""An agent, as the streams see it: names, handler, state."""

from typing import Any

import msgspec

from streams.handler import Codec, Handler


class AgentSpec(msgspec.Struct, frozen=True):
    """What makes an agent. Topics are full names.

    `changelog`: where its state stands; None for a stateless agent, which names in `lineage` the topic whose records
    carry the input offset they were made from, so that it can refuse to write them twice.
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


def _nothing_to_keep() -> None:
    raise RuntimeError("a stateless agent has no state")


STATELESS: Codec[None] = Codec(0, _nothing_to_keep, lambda value: b"", lambda stored: None)
"""The codec of an agent without state."""
