"""Cursors: opaque to the reader, complete in themselves, so that they outlive a restart of the simulator.

A cursor says up to where its reader has read, what it asked for at first, and when it was issued. It is sealed with
the domain's name: a cursor of another domain, or one that was tampered with, is no cursor.
"""

import base64
import binascii
import hashlib
from typing import Final

import msgspec

from simulators.egnyte.eventlog import Position

SEAL_BYTES: Final = 6


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in the stream. `position`: delivered up to here. `start_ms`: the startDate, which holds for what was
    visible at `until`, the time of the first request; what came later is delivered whatever its date. `end_ms`:
    end of the initial set, -1 for none or once it was reached. `types`: the audit types asked for, empty for all.
    `issued_ms`: when this cursor was given out.
    """

    issued_ms: int
    position: Position
    start_ms: int
    until: Position
    end_ms: int
    types: tuple[str, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Cursor)


def write(cursor: Cursor, domain: str) -> str:
    """The text that a reader gets: URL-safe base64 without padding."""
    body = _encoder.encode(cursor)
    return base64.urlsafe_b64encode(_seal(body, domain) + body).decode().rstrip("=")


def read(text: str, domain: str) -> Cursor:
    """The cursor out of its text. Raises ValueError for anything that `write` did not write for this domain."""
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("Invalid cursor") from None
    seal, body = whole[:SEAL_BYTES], whole[SEAL_BYTES:]
    if seal != _seal(body, domain):
        raise ValueError("Invalid cursor")
    return _decoder.decode(body)


def _seal(body: bytes, domain: str) -> bytes:
    return hashlib.blake2b(body, digest_size=SEAL_BYTES, key=domain.encode()[:64]).digest()
