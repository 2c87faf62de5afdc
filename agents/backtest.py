"""Judges a stretch of history by other policies, beside the live pipeline: its handlers, units and state, in memory.

It takes part in no group, has no changelog and writes to no live topic: it reads what is kept, as any reader may, and
what the policies say goes to topics of its own. `docs/adr/0008-backtest.md` has the reasons.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final

import msgspec
import structlog

from agents import detect, networks
from agents.withdrawing import FindingsWithdrawn
from detections.policies import PolicySet
from schemas.meta import Meta
from streams.cluster import NO_HEADERS, Cluster, Headers, Record, TopicPartition
from streams.outbox import Muted
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.state import PartitionState
from streams.topics import PARTITIONS
from streams.unit import UnitOfWork

log = structlog.get_logger(__name__)
AGENTS: Final[dict[str, Callable[[Settings, PolicySet], AgentSpec]]] = {
    detect.NAME: detect.spec,
    networks.NAME: networks.spec,
}
"""Those that judge by policies."""


class Stretch(msgspec.Struct, frozen=True):
    """What of one partition is judged: the offsets from `first` until before `end`, after all from `warm` on was
    learned."""

    tp: TopicPartition
    warm: int
    first: int
    end: int


class Said(msgspec.Struct, frozen=True, gc=False):
    """One record that the policies would have published."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int
    headers: Headers
    partition: int


class Collected:
    """Outputs, kept for whoever asked. `letters`: how many records could not be judged whole, by stage."""

    def __init__(self, partition: int) -> None:
        self.said: list[Said] = []
        self.letters: dict[str, int] = {}
        self._partition = partition

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
        where = self._partition if partition is None else partition
        self.said.append(Said(topic, key or b"", value or b"", timestamp_ms, headers, where))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        """See `streams.handler.Outputs`."""
        self.letters[stage] = self.letters.get(stage, 0) + 1


async def stretch_of(
    cluster: Cluster, spec: AgentSpec, partition: int, from_ms: int, to_ms: int, lookback_ms: int
) -> Stretch:
    """Which records of a partition are of the time from `from_ms` until before `to_ms`: as `replay` counts, from the
    first one that is not older, on."""
    tp = TopicPartition(spec.source, partition)
    _, end = await cluster.bounds(tp)
    found = [await cluster.offset_at(tp, time_ms) for time_ms in (from_ms - lookback_ms, from_ms, to_ms)]
    warm, first, last = (end if offset is None else offset for offset in found)
    return Stretch(tp, min(warm, first), first, max(first, last))


class Backtest:
    """One agent's policies over history. `judged`: records, by now; `letters`: see `Collected`."""

    def __init__(self, cluster: Cluster, spec: AgentSpec, chunk_records: int) -> None:
        self.judged = 0
        self.letters: dict[str, int] = {}
        self._cluster = cluster
        self._spec = spec
        self._chunk_records = chunk_records

    async def run(self, stretch: Stretch) -> AsyncIterator[Said]:
        """What the policies say to one stretch, in order. Raises Kafka's errors."""
        if stretch.first >= stretch.end:
            return
        meta = Meta(next=stretch.warm, schema=self._spec.codec.schema, epoch=0)
        unit = UnitOfWork(self._spec, stretch.tp, _NO_PRODUCER, PartitionState(), meta)
        async with aclosing(self._cluster.read(stretch.tp, stretch.warm)) as chunks:
            async for fetched in chunks:
                for at in range(0, len(fetched), self._chunk_records):
                    part = fetched[at : at + self._chunk_records]
                    for said in self._judge(unit, stretch, part):
                        yield said
                if fetched[-1].offset >= stretch.end - 1:
                    return

    def _judge(self, unit: UnitOfWork, stretch: Stretch, records: Any) -> list[Said]:
        learned = [record for record in records if record.offset < stretch.first]
        if learned:
            _, changes, _ = unit.judge(learned, Muted)
            unit.state.take(changes)
        judged = [record for record in records if stretch.first <= record.offset < stretch.end]
        if not judged:
            return []
        out, changes, _ = unit.judge(judged, lambda: Collected(stretch.tp.partition))
        unit.state.take(changes)
        self.judged += len(judged)
        for stage, count in out.letters.items():
            self.letters[stage] = self.letters.get(stage, 0) + count
        return out.said


async def live(cluster: Cluster, spec: AgentSpec, stretches: dict[int, Stretch]) -> AsyncIterator[tuple[str, Record]]:
    """What the live agent has published from the same input, with its topic, in order by topic and partition; also
    what a replay published again. Raises Kafka's errors."""
    told = FindingsWithdrawn(spec.name, (), lambda: "")
    for topic in spec.withdrawals.topics if spec.withdrawals is not None else ():
        for partition in range(PARTITIONS):
            stretch = stretches[partition]
            async with aclosing(cluster.read(TopicPartition(topic, partition), 0)) as chunks:
                async for chunk in chunks:
                    for record in chunk:
                        statement = told.read(record)
                        if statement is not None and stretch.first <= statement.offset < stretch.end:
                            yield topic, record


class _NoProducer:
    """Nothing is written through a unit here."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a backtest has no producer to {name}")


_NO_PRODUCER: Final[Any] = _NoProducer()
