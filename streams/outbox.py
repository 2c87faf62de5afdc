"""Where a handler's outputs go until their transaction commits: into batches, nowhere, or aside."""

from collections.abc import Callable
from typing import Any

from streams.cluster import NO_HEADERS, Headers, Record, TopicPartition
from streams.handler import Outputs, dead_letter_of
from streams.spec import AgentSpec
from streams.withdrawal import REPLAY


class Outbox:
    """The batches of one transaction, filled as the handler writes."""

    def __init__(
        self, spec: AgentSpec, tp: TopicPartition, create_batch: Callable[[], Any], replay: bytes | None
    ) -> None:
        self._partition = tp.partition
        self._tp = tp
        self._dead_letters = spec.dead_letters
        self._create = create_batch
        self._replay = [(REPLAY, replay)] if replay is not None else []
        self._open: dict[tuple[str, int], Any] = {}
        self.filled: list[tuple[tuple[str, int], Any]] = []

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        headers: Headers = NO_HEADERS,
        partition: int | None = None,
    ) -> None:
        """See `streams.handler.Outputs`."""
        if self._replay:
            headers = [*headers, *self._replay]
        slot = (topic, self._partition if partition is None else partition)
        batch = self._open.get(slot)
        if batch is None or batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
            batch = self._open[slot] = self._create()
            self.filled.append((slot, batch))
            batch.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        """See `streams.handler.Outputs`."""
        key, value, headers = dead_letter_of(record, self._tp, stage, error)
        self.send(self._dead_letters, key, value, record.timestamp, headers)


class Muted:
    """Outputs while warming up: history is learned from, not published again."""

    def __init__(self) -> None:
        self.filled: list[tuple[tuple[str, int], Any]] = []

    def send(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        """Nothing: it has its dead letter already."""


class Kept:
    """What one record writes, kept back until it is known that its handler did not raise."""

    def __init__(self) -> None:
        self.sends: list[tuple[Any, ...]] = []
        self.letters: list[tuple[Record, str, str]] = []

    def send(self, *args: Any, **kwargs: Any) -> None:
        """Kept."""
        self.sends.append((args, kwargs))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        """Kept."""
        self.letters.append((record, stage, error))

    def release(self, out: Outputs) -> None:
        """Write to `out` what was kept. Raises what the record builder does for an output that is no record, such as
        one whose time does not fit into 64 bits."""
        for args, kwargs in self.sends:
            out.send(*args, **kwargs)
        for letter in self.letters:
            out.dead_letter(*letter)
