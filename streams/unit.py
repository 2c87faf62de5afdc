"""The unit of work: one chunk of one partition, in one transaction. What makes the pipeline exact.

Each numbered step says what happens if it fails. Kafka's errors leave through `process` as they are; the lane that runs
the unit drops producer and overlay and has the group join again (`streams.lanes`), so there is one way back from all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaTopicPartition

from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from streams.cluster import Producer, Record, TopicPartition
from streams.errors import StageFailed
from streams.handler import NO_STAGES, Outputs, Overlaid, State
from streams.outbox import Kept, Muted, Outbox
from streams.spec import AgentSpec
from streams.startup import OURS
from streams.state import EPOCH_HEADER, PartitionState
from streams.withdrawal import Withdrawn

STEPS: Final = (
    "fenced",
    "restored",
    "prepared",
    "taken",
    "begun",
    "judged",
    "outputs sent",
    "state sent",
    "offsets sent",
    "delivered",
    "committed",
    "folded",
)
"""What a lane and its units pass, in order: the places at which a process may die."""
Probe = Callable[[str], None]
"""Told each of `STEPS` as it is passed."""
Out = TypeVar("Out", bound=Outputs)
INPUT_OFFSET = "input-offset"
"""Header of what a stateless agent writes: the offset of the record that it was made from."""


MOST_DECODED = 2_000
"""Values of one partition that are kept decoded between chunks, beside their bytes: those of the users at work."""


def no_probe(step: str) -> None:
    """Tests put a crash point here."""


class UnitOfWork:
    """Processes the chunks of one input partition, for one agent, in one generation of its group."""

    def __init__(
        self,
        spec: AgentSpec,
        tp: TopicPartition,
        producer: Producer,
        state: PartitionState,
        meta: Meta,
        probe: Probe = no_probe,
    ) -> None:
        self.spec = spec
        self.tp = tp
        self.producer = producer
        self.state = state
        self.meta = meta
        self._probe = probe
        self._decoded: dict[bytes, Any] = {}

    async def process(self, records: Sequence[Record], *, finish_warming: bool = False) -> int:
        """Take `records` (ascending offsets of this partition) through one transaction; returns how many were new.

        `finish_warming`: nothing is left below the target; the state becomes live. Raises Kafka's errors.
        """
        spec, producer, probe = self.spec, self.producer, self._probe
        # 0. Trim what this partition has already taken in. (A chunk of an older generation never gets here: see the
        # lane.)
        records = self.trim(records)
        if not records and not finish_warming:
            return 0
        probe("taken")
        meta = self._next_meta(records, finish_warming)
        warming = self.meta.phase == "warming"
        # 1. Begin. On failure nothing has happened.
        await producer.begin_transaction()
        probe("begun")
        # 2. + 3. Decode and judge on an overlay. What can't be decoded and what raises goes to the dead letters of this
        #    transaction.
        replay = self._replay_of(records)

        def new_out() -> Outbox | Muted:
            return Muted() if warming else Outbox(spec, self.tp, producer.create_batch, replay)

        out, changes, touched = self.judge(records, new_out)
        probe("judged")
        # 4. Send outputs, and each changed key once.
        deliveries: list[Awaitable[Any]] = []
        for (topic, partition), batch in out.filled:
            deliveries.append(await producer.send_batch(batch, topic, partition=partition))
        probe("outputs sent")
        tombstones = self.state.leftovers.difference(changes) if meta.dirty is False and self.meta.dirty else set()
        # 5. State and its meta record, then the input offset; await every delivery; commit. On failure: aborted, or
        #    undecided until the next producer of this partition fences this one; both leave state, outputs and offset
        #    together.
        if spec.changelog is not None:
            written_ms = records[-1].timestamp if records else 0
            deliveries += await self._send_state(spec.changelog, changes, tombstones, meta, written_ms)
            probe("state sent")
        if not warming:
            offsets = {KafkaTopicPartition(*self.tp): OffsetAndMetadata(meta.next, f"{OURS} {meta.next}")}
            await producer.send_offsets_to_transaction(offsets, spec.group)
            probe("offsets sent")
        delivered = await asyncio.gather(*deliveries)
        probe("delivered")
        await producer.commit_transaction()
        probe("committed")
        # 6. Only now is it state.
        self.state.leftovers.difference_update(tombstones)
        position = delivered[-1].offset + 1 if spec.changelog is not None else 0
        self.state.fold(changes, meta, position)
        self._decoded.update(touched)
        if len(self._decoded) > MOST_DECODED:
            self._decoded.clear()
        self.meta = meta
        probe("folded")
        return len(records)

    async def withdraw(self, found: Sequence[Withdrawn], *, last: bool) -> None:
        """Write `found` in a transaction of its own; with the `last` of it, that nothing replayed waits any more.

        Raises Kafka's errors.
        """
        spec, producer = self.spec, self.producer
        if not found and not last:
            return
        await producer.begin_transaction()
        out = Outbox(spec, self.tp, producer.create_batch, b"%d" % self.meta.epoch)
        for each in found:
            each.send(out)
        deliveries = [await producer.send_batch(batch, topic, partition=n) for (topic, n), batch in out.filled]
        meta = self.meta
        if last:
            meta = msgspec.structs.replace(meta, replayed=())
            deliveries += await self._send_state(spec.changelog or "", {}, set(), meta, 0)
        delivered = await asyncio.gather(*deliveries)
        await producer.commit_transaction()
        if last:
            self.state.fold({}, meta, delivered[-1].offset + 1)
            self.meta = meta

    def trim(self, records: Sequence[Record]) -> Sequence[Record]:
        """`records` without what is below the next offset and, while warming, what is at or beyond the target."""
        floor, meta = self.meta.next, self.meta
        if records and records[0].offset < floor:
            records = [record for record in records if record.offset >= floor]
        if records and meta.phase == "warming" and records[-1].offset >= meta.target:
            records = [record for record in records if record.offset < meta.target]
        return records

    def _replay_of(self, records: Sequence[Record]) -> bytes | None:
        """The replay's id where all of `records` has been published before, None where nothing has."""
        if records and self.meta.replay_until > records[0].offset:
            return b"%d" % self.meta.epoch
        return None

    def _next_meta(self, records: Sequence[Record], finish_warming: bool) -> Meta:
        following = records[-1].offset + 1 if records else self.meta.next
        if self.meta.phase == "warming" and (finish_warming or following >= self.meta.target):
            return msgspec.structs.replace(self.meta, next=self.meta.target, phase="live", target=-1, dirty=False)
        replay_until = self.meta.replay_until if self.meta.replay_until > following else -1
        dirty = self.meta.dirty and self.meta.phase == "warming"
        replayed = self.meta.replayed if replay_until >= 0 or self.spec.withdrawals is not None else ()
        return msgspec.structs.replace(
            self.meta, next=following, replay_until=replay_until, dirty=dirty, replayed=replayed
        )

    def judge(
        self, records: Sequence[Record], new_out: Callable[[], Out]
    ) -> tuple[Out, dict[bytes, bytes | None], dict[bytes, Any]]:
        """Steps 2 and 3. All at once; if anything raises, again record by record, so that one bad record harms no
        other. Returns what was written, the changed keys encoded, and all that was touched."""
        handle = self.spec.handler.handle
        out = new_out()
        state: State[Any] = State(self.state.values, self.spec.codec, self._decoded)
        try:
            for record in records:
                handle(record, state, out)
            return out, state.changes(), state.touched
        except Exception:  # noqa: BLE001 - whatever a policy raises: it is found and named by the second pass
            out = new_out()
            return out, self._judge_one_by_one(records, out), {}

    def _judge_one_by_one(self, records: Sequence[Record], out: Outputs) -> dict[bytes, bytes | None]:
        overlaid = Overlaid(self.state.values)
        for record in records:
            self._judge_alone(record, overlaid, out)
        return overlaid.changes

    def _judge_alone(self, record: Record, overlaid: Overlaid, out: Outputs) -> None:
        skip = NO_STAGES
        failures: list[tuple[str, str]] = []
        while True:
            state: State[Any] = State(overlaid, self.spec.codec)
            kept = Kept()
            try:
                self.spec.handler.handle(record, state, kept, skip)
                changes = state.changes()
            except StageFailed as failed:
                failures.append((failed.stage, str(failed)))
                if failed.stage in skip:  # it was asked not to run: the handler is at fault, leave the record out
                    break
                skip |= {failed.stage}
                continue
            except Exception as error:  # noqa: BLE001 - isolation is the point
                failures.append((self.spec.name, f"{type(error).__name__}: {error}"))
                break
            try:
                kept.release(out)
            except Exception as error:  # noqa: BLE001 - not a record that Kafka knows: of no more use the next time
                failures.append((self.spec.name, f"its output can't be written: {type(error).__name__}: {error}"))
                break
            overlaid.changes.update(changes)
            break
        for stage, reason in failures:
            out.dead_letter(record, stage, reason)

    async def _send_state(
        self, changelog: str, changes: dict[bytes, bytes | None], tombstones: set[bytes], meta: Meta, written_ms: int
    ) -> list[Awaitable[Any]]:
        """The changed keys, the tombstones of older epochs, and last the meta record."""
        headers = [(EPOCH_HEADER, b"%d" % meta.epoch)]
        box = Outbox(self.spec, self.tp, self.producer.create_batch, None)
        for key, value in changes.items():
            box.send(changelog, key, value, written_ms, headers)
        for key in sorted(tombstones):
            box.send(changelog, key, None, written_ms, headers)
        box.send(changelog, META_KEY, metas.encode(meta), written_ms, headers)
        return [await self.producer.send_batch(batch, topic, partition=n) for (topic, n), batch in box.filled]
