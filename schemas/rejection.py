"""The record of rejected policy files, on `egnyte.connectors`: one key, so that one finding stands for one episode.

It is written in the transaction of the finding that it stands behind, by whichever worker is on duty.
"""

from typing import Final

import msgspec

SCHEMA: Final = 1
KEY: Final = b"@policies/rejection"
"""No connector's name begins with `@`."""


class RejectionRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How it stands. Times are ms since the epoch, UTC.

    `episode`: counts them. `content`: SHA-256 (hex) of the files that are rejected, empty where none are. `since_ms`:
    when the episode began. `rejections`: different contents that were rejected in it. `told`: what was said last.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    episode: int = 0
    content: str = ""
    since_ms: int = 0
    rejections: int = 0
    told: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RejectionRecord)


def encode(record: RejectionRecord) -> bytes:
    """The value of the record (JSON)."""
    return _encoder.encode(record)


def decode(value: bytes) -> RejectionRecord:
    """The record out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(value)
