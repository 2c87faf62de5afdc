"""Caches of an agent: at their end before its first chunk, followed, and its end when they can't be."""

import msgspec
import pytest

from streams.cluster import Record
from streams.errors import StreamError
from streams.handler import NO_STAGES, Outputs, State
from streams.spec import STATELESS, AgentSpec, Cache
from streams.testing import Driver, run
from streams.unit import INPUT_OFFSET


class Knowing:
    """A stateless agent that says of each record what its cache knows of it then."""

    def __init__(self) -> None:
        self.known: dict[bytes | None, bytes] = {}

    def apply(self, record: Record) -> None:
        if record.value == b"bad":
            raise ValueError("not for us")
        if record.value == b"bug":
            raise KeyError("bug")
        if record.value is None:
            self.known.pop(record.key, None)
        else:
            self.known[record.key] = record.value

    def handle(self, record: Record, state: State[None], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        known = self.known.get(record.key, b"nothing")
        out.send("out", record.key, known, record.timestamp, [(INPUT_OFFSET, b"%d" % record.offset)])


@pytest.fixture
def spec() -> AgentSpec:
    """The agent, with the cache `facts`."""
    handler = Knowing()
    return AgentSpec(
        "knowing", "t-knowing", "in", "dead", handler, STATELESS, lineage="out", reset_instead="x",
        caches=(Cache("facts", handler.apply),),
    )  # fmt: skip


def test_no_chunk_is_taken_before_the_cache_has_been_read_to_its_end(spec: AgentSpec) -> None:
    async def story(driver: Driver) -> None:
        for partition in range(4):
            driver.produce("facts", partition, [(b"k%d" % partition, b"old"), (b"k%d" % partition, b"new")])
        driver.produce("facts", 0, [(b"gone", b"there"), (b"gone", None), (b"k9", b"bad")])
        driver.produce("in", 0, [(b"k0", b""), (b"k3", b""), (b"gone", b"")])
        await driver.assign({driver.worker(): [0, 1]})
        await driver.settle()

    assert run(spec, story).values("out", 0) == [b"new", b"new", b"nothing"]


def test_what_comes_later_is_followed_by_every_worker_over_rebalances(spec: AgentSpec) -> None:
    async def story(driver: Driver) -> None:
        one, two = driver.worker(), driver.worker()
        await driver.assign({one: [0], two: [1]})
        await driver.settle()
        driver.produce("facts", 2, [(b"k", b"known")])
        await driver.settle()
        await driver.assign({one: [1], two: [0]})
        for partition in (0, 1):
            driver.produce("in", partition, [(b"k", b"")])
        await driver.settle()

    driver = run(spec, story)
    assert driver.values("out", 0) == driver.values("out", 1) == [b"known"]


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_a_worker_that_loses_a_cache_ends_and_says_why(spec: AgentSpec, when: str) -> None:
    async def story(driver: Driver) -> None:
        worker = driver.worker()
        if when == "later":
            await driver.assign({worker: [0]})
            await driver.settle()
        driver.cluster.fail_next("follow", StreamError("facts is gone"))
        driver.produce("in", 0, [(b"k", b"")])
        await driver.assign({worker: [0]})
        await driver.settle()
        assert not worker.alive
        assert str(worker.crashed_with) == "facts is gone"

    driver = run(spec, story)
    if when == "at the start":
        assert driver.values("out", 0) == []


def test_nothing_is_applied_any_more_once_the_agent_is_stopped(spec: AgentSpec) -> None:
    seen: list[bytes | None] = []
    watched = msgspec.structs.replace(spec, caches=(Cache("facts", lambda record: seen.append(record.value)),))

    async def story(driver: Driver) -> None:
        worker = driver.worker()
        driver.produce("facts", 0, [(b"k", b"1")])
        await driver.assign({worker: [0]})
        await driver.settle()
        await worker.lanes.close()
        driver.produce("facts", 0, [(b"k", b"2")])
        await driver.settle()
        assert worker.crashed_with is None

    run(watched, story)
    assert seen == [b"1"]


def test_a_bug_in_a_cache_ends_the_worker(spec: AgentSpec) -> None:
    async def story(driver: Driver) -> None:
        worker = driver.worker()
        driver.produce("facts", 0, [(b"k", b"bug")])
        await driver.assign({worker: [0]})
        await driver.settle()
        assert isinstance(worker.crashed_with, KeyError)

    run(spec, story)


def test_an_agent_with_a_cache_is_not_run_without_a_follower(spec: AgentSpec) -> None:
    from streams.lanes import Lanes
    from streams.sections import StreamsSettings

    async def nothing(*_: object) -> None:
        """Of no concern."""

    with pytest.raises(NotImplementedError, match="facts"):
        Lanes(spec, None, StreamsSettings(), seek=nothing, rejoin=nothing, crash=nothing)  # type: ignore[arg-type]
    without = msgspec.structs.replace(spec, caches=())
    Lanes(without, None, StreamsSettings(), seek=nothing, rejoin=nothing, crash=nothing)  # type: ignore[arg-type]
