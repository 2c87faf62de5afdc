"""The meta record: one per changelog partition, written in every transaction of that partition.

It says up to where the state beside it is true, so that state and input can never disagree unnoticed. Key: `META_KEY`.
"""

from typing import Final, Literal

import msgspec

META_KEY: Final = b"\x00meta"
"""No user key begins with NUL."""

Phase = Literal["live", "warming"]


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """Input offsets from `start` until before `end`, replayed in `epoch`."""

    epoch: int
    start: int
    end: int


class Meta(msgspec.Struct, frozen=True, gc=False):
    """State of one changelog partition.

    `next`: the input offset that comes next. `schema`: of the state's values. `epoch`: counts rewinds and upgrades;
    records of older epochs are no longer state. `phase`: `warming` while history is read again without publishing, up
    to `target` (-1 when live). `dirty`: keys of older epochs may still be left and must be tombstoned. `replay_until`:
    what comes out of input below it has been published before (a rewind), and is marked so; -1 when nothing has.
    `replayed`: what of the input has been replayed, or is being, and what was published from it before is not yet
    compared with what is published now (see `streams.withdrawal`).
    """

    next: int
    schema: int
    epoch: int
    phase: Phase = "live"
    target: int = -1
    dirty: bool = False
    replay_until: int = -1
    replayed: tuple[Stretch, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Meta)


def encode(meta: Meta) -> bytes:
    """The value of a meta record (msgpack)."""
    return _encoder.encode(meta)


def decode(value: bytes) -> Meta:
    """The meta record out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(value)
