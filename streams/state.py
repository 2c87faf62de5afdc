"""The state of one partition in memory: encoded values, and the meta record that says up to where they are true."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing

from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from streams.cluster import Cluster, Record, TopicPartition

EPOCH_HEADER = "epoch"
NOWHERE = -1


class PartitionState:
    """Values as they stand in the changelog (bytes: compact, and nobody can change a committed value in place).

    `values`: of the current epoch. `leftovers`: keys of older epochs that a tombstone must still remove. `position`:
    the changelog offset up to which this was read or written. `highest_epoch`: -1 for an empty changelog.
    """

    __slots__ = ("highest_epoch", "leftovers", "meta", "position", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.leftovers: set[bytes] = set()
        self.meta: Meta | None = None
        self.position = 0
        self.highest_epoch = -1

    def begin_epoch(self, meta: Meta) -> None:
        """State of an older epoch is no longer state; its keys are left over."""
        self.leftovers.update(self.values)
        self.values = {}
        self.meta = meta
        self.position = NOWHERE  # until something of the new epoch is committed, the changelog does not say this

    def take(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Changes values; None removes one."""
        for key, value in changes.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value

    def fold(self, changes: dict[bytes, bytes | None], meta: Meta, position: int) -> None:
        """Take over what a transaction has committed."""
        self.take(changes)
        self.leftovers.difference_update(changes)
        self.meta = meta
        self.position = max(self.position, position)
        self.highest_epoch = max(self.highest_epoch, meta.epoch)


async def restore(cluster: Cluster, changelog: TopicPartition, known: PartitionState | None = None) -> PartitionState:
    """The state out of its changelog partition, read to the end.

    `known`: what this process still holds from before a rebalance; only what came after it is read, unless a new
    epoch began.
    """
    if known is not None and known.meta is not None:
        begin, end = await cluster.bounds(changelog)
        if begin <= known.position <= end and await _catch_up(cluster, changelog, known):
            return known
    return await _read_whole(cluster, changelog)


def _epoch(record: Record) -> int:
    for name, value in record.headers:
        if name == EPOCH_HEADER:
            return int(value)
    return 0


async def _catch_up(cluster: Cluster, changelog: TopicPartition, state: PartitionState) -> bool:
    """Apply what others have written meanwhile; False if that cannot be done record by record."""
    news: list[Record] = []
    async with aclosing(cluster.read(changelog, state.position)) as chunks:
        async for chunk in chunks:
            news.extend(chunk)
    for record in news:
        if record.key == META_KEY:
            if metas.decode(record.value or b"").epoch != state.highest_epoch:
                return False
        elif _epoch(record) != state.highest_epoch:
            return False
    for record in news:
        _apply(state, record)
    return True


def _apply(state: PartitionState, record: Record) -> None:
    key = record.key or b""
    state.position = record.offset + 1
    if key == META_KEY:
        state.meta = metas.decode(record.value or b"")
    elif record.value is None:
        state.values.pop(key, None)
        state.leftovers.discard(key)
    else:
        state.values[key] = record.value
        state.leftovers.discard(key)


async def _read_whole(cluster: Cluster, changelog: TopicPartition) -> PartitionState:
    state = PartitionState()
    epochs: dict[bytes, int] = {}
    async with aclosing(cluster.read(changelog, 0)) as chunks:
        async for chunk in chunks:
            _read_chunk(state, epochs, chunk)
    epoch = state.meta.epoch if state.meta is not None else None
    state.leftovers = {key for key, of in epochs.items() if of != epoch and key in state.values}
    for key in state.leftovers:
        del state.values[key]
    return state


def _read_chunk(state: PartitionState, epochs: dict[bytes, int], chunk: Sequence[Record]) -> None:
    for record in chunk:
        _apply(state, record)
        if record.key != META_KEY:
            epoch = epochs[record.key or b""] = _epoch(record)
            state.highest_epoch = max(state.highest_epoch, epoch)
        elif state.meta is not None:
            state.highest_epoch = max(state.highest_epoch, state.meta.epoch)
