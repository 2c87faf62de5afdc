"""What an agent brings, and what it is given: records in, outputs and state out. No network, no clock.

`Handler.handle` is called once for each record of a chunk, in order, and must not await. It reads and changes state
through `State` and writes through `Outputs`; both are kept back until the whole chunk is committed, and thrown away
if it is not.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from schemas.dead_letter import DeadLetter, kept
from streams.cluster import NO_HEADERS, Headers, Record, TopicPartition

T = TypeVar("T")
NO_STAGES: frozenset[str] = frozenset()


class Codec(Generic[T]):
    """How an agent's state travels: `schema` is raised whenever the meaning of stored values changes, and so they are
    learned anew."""

    def __init__(
        self, schema: int, new: Callable[[], T], encode: Callable[[T], bytes], decode: Callable[[bytes], T]
    ) -> None:
        self.schema = schema
        self.new = new
        self.encode = encode
        self.decode = decode

    @cached_property
    def blank(self) -> bytes:
        """A value that says nothing: it is never stored."""
        return self.encode(self.new())


class State(Generic[T]):
    """The state of one chunk: an overlay on what is committed. Values are decoded on first touch and encoded once, at
    the end."""

    __slots__ = ("_codec", "_committed", "_decoded", "_dropped", "touched")

    def __init__(
        self, committed: "dict[bytes, bytes] | Overlaid", codec: Codec[T], decoded: dict[bytes, T] | None = None
    ) -> None:
        """`decoded`: values that are already decoded. Those that are touched leave it: should the chunk fail, they are
        decoded anew from what is committed."""
        self._committed = committed
        self._codec = codec
        self._decoded = {} if decoded is None else decoded
        self._dropped: set[bytes] = set()
        self.touched: dict[bytes, T] = {}

    def load(self, key: bytes) -> T:
        """The value of `key`, new where there is none; changes made to it are kept."""
        value = self.touched.get(key)
        if value is None:
            value = self._decoded.pop(key, None)
            if value is None:
                stored = None if key in self._dropped else self._committed.get(key)
                value = self._codec.new() if stored is None else self._codec.decode(stored)
            self.touched[key] = value
        return value

    def drop(self, asked: Callable[[bytes], bool], done: Callable[[T], bool]) -> None:
        """Removes the keys that `asked` wants looked at and of whose values `done` says that they are of no more use.

        Neither may change anything. It looks at every key of the partition: ask for a part of them at a time.
        """
        for key, stored in self._committed.items():
            if key not in self.touched and asked(key) and key not in self._dropped and done(self._codec.decode(stored)):
                self._dropped.add(key)
                self._decoded.pop(key, None)
        for key in [key for key, value in self.touched.items() if asked(key) and done(value)]:
            del self.touched[key]
            self._dropped.add(key)

    def changes(self) -> dict[bytes, bytes | None]:
        """Each touched key whose value differs from what is committed, encoded; None for what is to be removed, as are
        values that say nothing any more: else what is stored would hang on where chunks end.
        """
        encode, committed = self._codec.encode, self._committed
        changed: dict[bytes, bytes | None] = {}
        for key, value in self.touched.items():
            encoded, stored = encode(value), committed.get(key)
            if encoded == self._codec.blank:
                if stored is not None:
                    changed[key] = None
            elif encoded != stored:
                changed[key] = encoded
        for key in self._dropped:
            if key not in self.touched and committed.get(key) is not None:
                changed[key] = None
        return changed


class Overlaid:
    """Committed values under changes that are not committed yet: what one record sees of the records before it in its
    chunk."""

    __slots__ = ("_below", "changes")

    def __init__(self, below: dict[bytes, bytes]) -> None:
        self._below = below
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The newest value of `key`."""
        return self.changes[key] if key in self.changes else self._below.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """The newest values of all keys."""
        newest = {**self._below, **self.changes}
        return [(key, value) for key, value in newest.items() if value is not None]


class Outputs(Protocol):
    """Where a handler writes. Nothing leaves before the transaction commits."""

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        headers: Headers = NO_HEADERS,
        partition: int | None = None,
    ) -> None:
        """One record to `topic`; without `partition` to the number of the input's, which keeps one writer per
        partition."""
        ...

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        """`record` could not be processed by `stage`, for the reason `error`."""
        ...


class Handler(Protocol):
    """One agent's work on one record."""

    def handle(self, record: Record, state: Any, out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        """Judge `record`, leaving out the stages in `skip`. May raise `StageFailed` or anything else: see
        `streams.unit`."""
        ...


def dead_letter_of(record: Record, tp: TopicPartition, stage: str, error: str) -> tuple[bytes | None, bytes, Headers]:
    """Key, value and headers of the dead letter for `record`."""
    letter = DeadLetter.of(
        record.value, topic=tp.topic, partition=tp.partition, offset=record.offset, stage=stage, error=error
    )
    return record.key, kept(record.value), list(letter.to_headers())
