"""What a person says about a finding: an event of source `verdict` on `egnyte.events`, so that replays repeat it.

Key: the finding's user key (for a finding about a network or a link, the key that it is judged by), which takes it to
whoever judges that. Record timestamp: when it was said.
"""

from typing import Final, Literal

import msgspec

from schemas.finding import Finding

SCHEMA: Final = 1

Said = Literal["close", "reopen"]
Opinion = Literal["true-positive", "benign", "false-positive"]
OPINIONS: Final[tuple[Opinion, ...]] = ("true-positive", "benign", "false-positive")
BY_CHARS: Final = 256
COMMENT_CHARS: Final = 2_000


class Verdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One verdict. `said`: what is to become of the finding. `opinion`: for `close` only: `true-positive` (an attack),
    `benign` (it happened, and is allowed), `false-positive` (it did not happen so). `by`: who says it. `comment`: in
    their words. `finding`: as it stood when they said it; a close repeats it, so that whoever closes need not keep it.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    said: Said
    opinion: Opinion | None = None
    by: str
    comment: str = ""
    finding: Finding


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Verdict)


def encode(verdict: Verdict) -> bytes:
    """The value of a verdict's event (JSON). The same verdict gives the same bytes."""
    return _encoder.encode(verdict)


def decode(value: bytes) -> Verdict:
    """The verdict out of its event's value; unknown fields are ignored.

    Raises msgspec.ValidationError, naming the field, for what is none, and msgspec.DecodeError. Texts that are too long
    are refused, and a close without an opinion.
    """
    verdict = _decoder.decode(value)
    if len(verdict.by) > BY_CHARS or len(verdict.comment) > COMMENT_CHARS or not verdict.by:
        raise msgspec.ValidationError(f"`by` must have 1 to {BY_CHARS} characters, `comment` at most {COMMENT_CHARS:,}")
    if (verdict.said == "close") != (verdict.opinion is not None):
        raise msgspec.ValidationError("`opinion` goes with `close`, and only with it")
    return verdict
