"""What the streams need of Kafka, and no more: the port behind which stand a real cluster and the one of
`streams.testing`.

The producer's methods are aiokafka's own, so that the hot path has no wrapper around it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Headers = list[tuple[str, bytes]]
"""A list, because aiokafka's record builder takes nothing else."""
NO_HEADERS: Headers = []


class TopicPartition(NamedTuple):
    """A topic and one of its partitions; equal to aiokafka's and Faust's tuples of the same name."""

    topic: str
    partition: int


class Record(Protocol):
    """One record as read: times in ms since the epoch, UTC."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Committed(NamedTuple):
    """A group's committed offset of one partition, and the words that the committer left beside it."""

    offset: int
    metadata: str


class Batch(Protocol):
    """Records on their way to one partition. `append` returns None when the batch is full."""

    def append(
        self, *, timestamp: int, key: bytes | None, value: bytes | None, headers: Headers = NO_HEADERS
    ) -> Any: ...
    def record_count(self) -> int: ...


class Delivered(Protocol):
    """Where a batch was written: the offset of its first record."""

    @property
    def offset(self) -> int: ...


class Offsets(NamedTuple):
    """The offsets that a producer's transactions commit: of which group and input partition. `was_committed`: asked,
    for the partitions of a transaction that a broker has left open, whether it had been decided to commit it."""

    group: str
    source: TopicPartition
    was_committed: Callable[[Sequence[TopicPartition]], Awaitable[bool]]


class Producer(Protocol):
    """A transactional producer. `start` fences every earlier producer of the same transactional id.

    Each method raises `Fenced` (or what `is_fenced` tells) when a later one has been started, and Kafka's errors
    otherwise.
    """

    @property
    def has_aborted(self) -> bool:
        """Whether `start` has aborted a transaction that an earlier producer may have been told was committed: what
        that one knew is not so."""
        ...

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def begin_transaction(self) -> None: ...
    def create_batch(self) -> Any: ...
    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Awaitable[Any]: ...
    async def send_offsets_to_transaction(self, offsets: Mapping[Any, Any], group_id: str) -> None: ...
    async def commit_transaction(self) -> None: ...
    async def abort_transaction(self) -> None: ...


class Cluster(Protocol):
    """Kafka, as far as one agent needs it. Readers see committed records only."""

    def producer(self, transactional_id: str, offsets: Offsets | None = None) -> Producer:
        """A producer, not started. `offsets`: what its transactions commit, if they do."""
        ...

    async def committed(self, group: str, tp: TopicPartition) -> Committed | None:
        """What `group` has committed for `tp`, None where nothing."""
        ...

    async def undecided(self, tp: TopicPartition) -> Sequence[Record]:
        """What stands behind the last stable offset, whatever becomes of it."""
        ...

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """The first offset of the log and the end (last stable offset)."""
        ...

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        """The first offset whose record is not older than `time_ms`, None where there is none."""
        ...

    def read(self, tp: TopicPartition, start: int) -> AsyncGenerator[Sequence[Record], None]:
        """Committed records from `start` (or the log's beginning) to the end as of the call. Waits for transactions
        that are open there: what they hold may have been committed, and not be marked so yet."""
        ...
