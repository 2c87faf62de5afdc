"""Where a lane begins: what its logs and its group say, read and compared once it has fenced every earlier owner.

`streams.startup` decides; this reads what the decision is made from, and refuses where going on would harm.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from streams.cluster import Cluster, Committed, Record, TopicPartition
from streams.errors import Refused, StreamError
from streams.forgotten import OFFSETS
from streams.spec import AgentSpec
from streams.startup import EARLIEST, OURS, Start, decide
from streams.state import PartitionState, restore
from streams.unit import INPUT_OFFSET

log = structlog.get_logger(__name__)
STALE_OFFSET_TRIES = 20
STALE_OFFSET_WAIT_S = 0.25
"""An offset that a unit committed may be seen a moment late: aiokafka 0.14 fetches offsets without `require_stable`.
So may the end of a log, after its leader has changed. Where an offset of ours and what was written with it disagree
both are read again, for 5 s at most."""


class Beginning:
    """Of one input partition `tp` of one agent."""

    def __init__(self, cluster: Cluster, spec: AgentSpec, tp: TopicPartition) -> None:
        self._cluster = cluster
        self._spec = spec
        self._tp = tp

    async def found(self, known: PartitionState | None) -> tuple[PartitionState, Start]:
        """The state as it stands, and where to go on. `known`: what this process still holds of it. Raises Refused
        where a stateless agent would write twice, and Kafka's errors."""
        return await (self._stateful(known) if self._spec.changelog is not None else self._stateless())

    async def was_committed(self, left_open: Sequence[TopicPartition]) -> bool:
        """Whether the unit of which `left_open` is left was decided to be committed.

        Its offset, its state (or its lineage) and its outputs stand or fall together. Where the offset is decided and
        where the own log is, the other one tells; where both are open it has not happened, and is done again; where
        both are decided only outputs are open: those are committed, for a record that is there twice does less harm
        than one that is lost.
        """
        spec, tp = self._spec, self._tp
        log_of_unit = TopicPartition(spec.changelog or spec.lineage or "", tp.partition)
        offset_open = any(each.topic == OFFSETS for each in left_open)
        if offset_open and log_of_unit in left_open:
            return False
        found = await self._cluster.committed(spec.group, tp)
        committed = 0 if found is None else found.offset
        if log_of_unit in left_open:
            following = _following(await self._cluster.undecided(log_of_unit))
            return following is not None and committed >= following
        if not offset_open:
            return True
        if spec.changelog is None:
            return await self.last_written() > committed
        state = await restore(self._cluster, log_of_unit)
        return state.meta is not None and state.meta.next > committed

    async def _stateful(self, known: PartitionState | None) -> tuple[PartitionState, Start]:
        spec, tp = self._spec, self._tp
        state = await restore(self._cluster, TopicPartition(spec.changelog or "", tp.partition), known)

        def look(committed: Committed | None) -> Start:
            return decide(committed, state.meta, spec.codec.schema, state.highest_epoch)

        committed = await self._cluster.committed(spec.group, tp)
        for _ in range(STALE_OFFSET_TRIES):
            disagree = state.meta is not None and look(committed).row == "changelog_lost"
            if not disagree or committed is None or not committed.metadata.startswith(OURS):
                break
            await asyncio.sleep(STALE_OFFSET_WAIT_S)
            state = await restore(self._cluster, TopicPartition(spec.changelog or "", tp.partition), state)
            committed = await self._cluster.committed(spec.group, tp)
        return state, look(committed)

    async def _stateless(self) -> tuple[PartitionState, Start]:
        """Resume at the committed offset; refuse one below what was already written, for that would be written
        twice."""
        spec, tp = self._spec, self._tp
        written = await self.last_written()
        committed = await self._cluster.committed(spec.group, tp)
        for _ in range(STALE_OFFSET_TRIES):
            if committed is None or committed.offset >= written or not committed.metadata.startswith(OURS):
                break
            await asyncio.sleep(STALE_OFFSET_WAIT_S)
            committed = await self._cluster.committed(spec.group, tp)
        if committed is not None and committed.offset < written and not committed.metadata.startswith(OURS):
            _, end = await self._cluster.bounds(tp)
            if end < written:  # what that was made from is lost, and a person has said where to go on: see check_end
                log.warning("the input was made anew or has lost its end", agent=spec.name, partition=tp.partition)
                return PartitionState(), Start("resume", Meta(next=committed.offset, schema=0, epoch=0))
        if committed is not None and committed.offset < written and committed.metadata.startswith(OURS):
            return PartitionState(), Start("resume", Meta(next=written, schema=0, epoch=0))  # nobody has moved it
        if committed is not None and committed.offset < written:
            raise Refused(
                f"group {spec.group} was set back to offset {committed.offset} of {tp.topic}/{tp.partition}, but "
                f"{spec.lineage} already holds what came from offsets up to {written - 1}: going on would write the "
                f"audit trail twice. Put it back (kafka-consumer-groups --group {spec.group} "
                f"--topic {tp.topic}:{tp.partition} --reset-offsets --to-offset {written} --execute). "
                f"To judge history again, reset {spec.reset_instead} instead."
            )
        if committed is None and written == 0:
            return PartitionState(), Start("fresh", Meta(next=EARLIEST, schema=0, epoch=0))
        if committed is None:
            return PartitionState(), Start("offsets_expired", Meta(next=written, schema=0, epoch=0))
        return PartitionState(), Start("resume", Meta(next=committed.offset, schema=0, epoch=0))

    def check_end(self, following: int, end: int) -> None:
        """Raises StreamError where the log ends before what comes next: new records would be taken for old ones, and
        left out. An open transaction may hide the end for a while, so this is tried again like Kafka's errors."""
        if following <= end:
            return
        tp, group = self._tp, self._spec.group
        raise StreamError(
            f"{tp.topic}/{tp.partition} ends at offset {end}, but {group} has taken records up to {following - 1}: the "
            "topic was made anew, or its broker has lost the end of it. Say where to go on, with all workers stopped: "
            f"kafka-consumer-groups --group {group} --topic {tp.topic}:{tp.partition} --reset-offsets --execute, with "
            "--to-earliest for a new topic, or --to-latest"
        )

    async def last_written(self) -> int:
        """The input offset after the last one that has an output, 0 where none is known."""
        output = TopicPartition(self._spec.lineage or "", self._tp.partition)
        begin, end = await self._cluster.bounds(output)
        step = 64  # the end is control records and a few outputs, as a rule
        start = end
        while start > begin:
            start = max(begin, end - step)
            found = 0
            async with aclosing(self._cluster.read(output, start)) as chunks:
                async for chunk in chunks:
                    for record in chunk:
                        for name, value in record.headers:
                            if name == INPUT_OFFSET:
                                found = int(value) + 1
            if found:
                return found
            step *= 16
        return 0

    async def lookback_offset(self, target: int, begin: int, lookback_ms: int) -> int:
        """Where warming up begins: `lookback` before the last record below the target, in that record's time."""
        tp = self._tp
        if target <= begin:
            return target
        last_ms = None
        start = target
        while last_ms is None and start > begin:
            start = max(begin, start - 64)
            async with aclosing(self._cluster.read(tp, start)) as chunks:
                async for chunk in chunks:
                    below = [record.timestamp for record in chunk if record.offset < target]
                    if below:
                        last_ms = max(below)
                    if len(below) < len(chunk):
                        break
        if last_ms is None:
            return target
        first = await self._cluster.offset_at(tp, last_ms - lookback_ms)
        return max(begin, min(first if first is not None else target, target))


def _following(records: Sequence[Record]) -> int | None:
    """The input offset after the unit that wrote `records`, its state or its lineage; None where they don't tell."""
    found = None
    for record in records:
        if record.key == META_KEY:
            found = metas.decode(record.value or b"").next
        for name, value in record.headers:
            if name == INPUT_OFFSET:
                found = int(value) + 1
    return found
