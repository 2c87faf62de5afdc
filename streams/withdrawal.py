"""What had been published from a stretch of input, and was not published again when that was replayed: withdrawn.

At the end of a replay the lane reads its own partition of the agent's outputs. Each says by a header which input record
it was made from, and by the header `replay` of which epoch it is. So nothing needs to be remembered meanwhile but the
stretches themselves, which stand in the meta record until all is withdrawn. `docs/adr/0007-withdrawn.md` has the
reasons.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Literal, NamedTuple, Protocol

import structlog

from schemas.meta import Meta, Stretch
from streams.cluster import NO_HEADERS, Cluster, Headers, Record, TopicPartition
from streams.handler import Outputs

log = structlog.get_logger(__name__)
MOST_STRETCHES: Final = 16
"""Stretches that wait at a time. Each rewind within a replay adds one; of more, the oldest is left as it is."""
BATCH: Final = 500
"""Of one transaction: some MB."""
REPLAY: Final = "replay"

Step = Literal["begun", "told", "ended"]


class Statement(NamedTuple):
    """One output of an agent, as far as this is concerned. `offset`: of the input that it was made from."""

    offset: int
    step: Step


class Withdrawals(Protocol):
    """What an agent says of its own outputs."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Where they are, under keys that stand for what they are about; the partition is the input's."""
        ...

    def read(self, record: Record) -> Statement | None:
        """What `record` says; None for what is not this agent's, or can't be withdrawn."""
        ...

    def withdraw(self, record: Record) -> tuple[bytes, int, Headers]:
        """Value, time and headers of the record that withdraws what `record`, the latest of its key, has said."""
        ...


class Withdrawn(NamedTuple):
    """A record that withdraws another."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int
    headers: Headers

    def send(self, out: Outputs) -> None:
        """Write it to `out`."""
        out.send(self.topic, self.key, self.value, self.timestamp_ms, self.headers)


def with_stretch(pending: tuple[Stretch, ...], added: Stretch) -> tuple[Stretch, ...]:
    """The stretches that wait, once `added` is replayed too: what it covers is judged by it alone."""
    kept = [Stretch(each.epoch, each.start, min(each.end, added.start)) for each in pending if each.start < added.start]
    return (*kept, added)[-MOST_STRETCHES:]


def is_due(meta: Meta) -> bool:
    """Whether all that was replayed has been published again, and the rest is to be withdrawn."""
    return bool(meta.replayed) and meta.phase == "live" and meta.replay_until < 0


async def withdrawn(
    cluster: Cluster, withdrawals: Withdrawals, partition: int, replayed: tuple[Stretch, ...]
) -> AsyncGenerator[Withdrawn, None]:
    """All that is to be withdrawn in `partition`, in the order of the topics. What was withdrawn before is left out, so
    that whoever died halfway can begin again."""
    for topic in withdrawals.topics:
        tp = TopicPartition(topic, partition)
        newest = await _not_said_again(cluster, withdrawals, tp, replayed)
        if not newest:
            continue
        log.info("withdrawing what was not raised again", topic=topic, partition=partition, findings=len(newest))
        async with aclosing(cluster.read(tp, min(newest.values()))) as chunks:
            async for chunk in chunks:
                for record in chunk:
                    key = record.key or b""
                    if newest.get(key) == record.offset:
                        yield Withdrawn(topic, key, *withdrawals.withdraw(record))


async def in_batches(found: AsyncGenerator[Withdrawn, None]) -> AsyncGenerator[tuple[list[Withdrawn], bool], None]:
    """`found` in batches of `BATCH`, each with whether it is the last; there is always a last one, if an empty one."""
    batch: list[Withdrawn] = []
    async for each in found:
        if len(batch) == BATCH:
            yield batch, False
            batch = []
        batch.append(each)
    yield batch, True


async def _not_said_again(
    cluster: Cluster, withdrawals: Withdrawals, tp: TopicPartition, replayed: tuple[Stretch, ...]
) -> dict[bytes, int]:
    """By key, the offset of the latest record of what began in a stretch, has not ended, and was not said again in the
    stretch's epoch or a later one."""
    newest: dict[bytes, int] = {}
    again: set[bytes] = set()
    ended: set[bytes] = set()
    async with aclosing(cluster.read(tp, 0)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                statement = withdrawals.read(record)
                if statement is None:
                    continue
                key = record.key or b""
                stretch = next((each for each in replayed if each.start <= statement.offset < each.end), None)
                published_again = stretch is not None and _epoch(record) >= stretch.epoch
                if key in newest or (stretch is not None and not published_again and statement.step == "begun"):
                    newest[key] = record.offset
                if statement.step == "ended":
                    ended.add(key)
                    continue
                ended.discard(key)
                if published_again:
                    again.add(key)
    return {key: offset for key, offset in newest.items() if key not in again and key not in ended}


def _epoch(record: Record) -> int:
    """The epoch of the replay that `record` was published in, -1 for one that was published for the first time."""
    for name, value in record.headers or NO_HEADERS:
        if name == REPLAY and value and value.isdigit():
            return int(value)
    return -1
