"""An agent small enough to predict: it counts the records of each key, and says each count."""

import msgspec

from streams.cluster import Record
from streams.errors import StageFailed
from streams.handler import NO_STAGES, Codec, Outputs, State
from streams.spec import STATELESS, AgentSpec
from streams.unit import INPUT_OFFSET


class Counter(msgspec.Struct):
    """State of a key: how many, and the offset of the last one."""

    count: int = 0
    last: int = -1


def codec(schema: int = 1) -> Codec[Counter]:
    """Of `Counter`, in the given schema."""
    return Codec(schema, Counter, msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Counter).decode)


class Counting:
    """Says `offset:count` to `out`. Values make it misbehave: `boom` raises, `stage` fails in a stage of its own."""

    def __init__(self, out: str) -> None:
        self._out = out

    def handle(self, record: Record, state: State[Counter], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        counter = state.load(record.key or b"")
        counter.count += 1
        counter.last = record.offset
        if record.value == b"boom":
            raise ValueError("boom")
        if record.value == b"stage" and "fragile" not in skip:
            raise StageFailed("fragile", ZeroDivisionError("division by zero"))
        if record.value == b"letter":
            out.dead_letter(record, "decode", "not a letter")
            return
        out.send(self._out, record.key, b"%d:%d" % (record.offset, counter.count), record.timestamp)


def counting(schema: int = 1, prefix: str = "") -> AgentSpec:
    """A stateful agent from `in` to `out`. All names on the cluster begin with `prefix`."""
    return AgentSpec(
        name="counting",
        group=f"{prefix}t-counting",
        source=f"{prefix}in",
        dead_letters=f"{prefix}dead",
        handler=Counting(f"{prefix}out"),
        codec=codec(schema),
        changelog=f"{prefix}log",
    )


class Copying:
    """A stateless agent: copies, and says where from."""

    def handle(self, record: Record, state: State[None], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        out.send("out", record.key, record.value, record.timestamp, [(INPUT_OFFSET, b"%d" % record.offset)])


def copying() -> AgentSpec:
    """A stateless agent from `in` to `out`."""
    return AgentSpec(
        "copying", "t-copying", "in", "dead", Copying(), STATELESS, lineage="out", reset_instead="t-counting"
    )
