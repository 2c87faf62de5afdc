"""What a person says about an address or a network: an event of source `mark` on `egnyte.events`, for the audit
trail.

Key: `KEY`, one for all, so that marks stay in the order in which they were set. Record timestamp: when it was said.
What holds is in the list file that the mark was written to (see `connectors.places.marks`), which `enrich` reads.
"""

from typing import Final, Literal

import msgspec

from schemas.verdict import BY_CHARS

SCHEMA: Final = 1
CONNECTOR: Final = "console"
KEY: Final = f"{CONNECTOR}/marks"
WHY_CHARS: Final = 500
BLOCK_CHARS: Final = 49
"""The longest IPv6 text with a prefix length."""

Category = Literal["", "corporate", "vpn", "risky"]
CATEGORIES: Final[tuple[Category, ...]] = ("corporate", "vpn", "risky")


class Mark(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One mark. `block`: an address or CIDR block in canonical form. `category`: what it is from now on; empty: the
    mark is taken away. `by`: who says it. `why`: in their words."""

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    block: str
    category: Category = ""
    by: str
    why: str = ""


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Mark)


def encode(mark: Mark) -> bytes:
    """The value of a mark's event (JSON). The same mark gives the same bytes."""
    return _encoder.encode(mark)


def decode(value: bytes) -> Mark:
    """The mark out of its event's value; unknown fields are ignored.

    Raises msgspec.ValidationError, naming the field, for what is none, and msgspec.DecodeError.
    """
    mark = _decoder.decode(value)
    if not 1 <= len(mark.block) <= BLOCK_CHARS:
        raise msgspec.ValidationError(f"`block` must have 1 to {BLOCK_CHARS} characters")
    if not 1 <= len(mark.by) <= BY_CHARS or len(mark.why) > WHY_CHARS:
        raise msgspec.ValidationError(f"`by` must have 1 to {BY_CHARS} characters, `why` at most {WHY_CHARS:,}")
    return mark
