"""`egnyte.dead-letters`: what could not be processed, with its reason. Nothing is dropped without one.

Key and partition as the record came; value: its first 64 kB; the rest in headers.
"""

import hashlib
from typing import Final

import msgspec

SCHEMA: Final = 1
KEPT_BYTES: Final = 64 * 1024
"""How much of the value is kept: enough to see what it was, too little to fill a disk."""
ERROR_CHARS: Final = 1_000

Headers = tuple[tuple[str, bytes], ...]


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """The headers of one dead letter.

    `topic`, `partition`, `offset`: where it came from (partition and offset are -1 for what never was on a topic,
    such as an answer of Egnyte's). `stage`: which step refused it (`fetch`, `decode`, `enrich`, or a policy id).
    `error`: why, in one line. `length`, `sha256`: of the whole value.
    """

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    length: int
    sha256: str
    schema: int = SCHEMA

    @classmethod
    def of(
        cls, value: bytes | None, *, topic: str, partition: int, offset: int, stage: str, error: str
    ) -> "DeadLetter":
        """The dead letter for `value`; `error` is cut to one line of `ERROR_CHARS` characters."""
        whole = value or b""
        line = " ".join(error.split())[:ERROR_CHARS]
        return cls(topic, partition, offset, stage, line, len(whole), hashlib.sha256(whole).hexdigest())

    def to_headers(self) -> Headers:
        """The record headers, in a fixed order."""
        return tuple((field, str(getattr(self, field)).encode(errors="replace")) for field in self.__struct_fields__)

    @classmethod
    def from_headers(cls, headers: "Headers | list[tuple[str, bytes]]") -> "DeadLetter":
        """The dead letter out of a record's headers. Raises msgspec.ValidationError for what is not one."""
        return msgspec.convert({name: value.decode(errors="replace") for name, value in headers}, cls, strict=False)


def kept(value: bytes | None) -> bytes:
    """What a dead letter keeps of `value`."""
    return (value or b"")[:KEPT_BYTES]
