"""Nothing missing, nothing doubled, no wrong count: crashes at every step, failing sends, zombies, rebalances, in
memory."""

import asyncio
from collections import Counter as Multiset

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.dead_letter import DeadLetter
from schemas.meta import META_KEY
from streams.cluster import Record
from streams.errors import Fenced
from streams.handler import NO_STAGES, Outputs, State
from streams.testing import Driver, run
from streams.unit import STEPS
from tests.streams.counting import Counter, counting


def rows(n: int, keys: int = 3) -> list[tuple[bytes, bytes]]:
    """`n` records over `keys` keys."""
    return [(b"k%d" % (i % keys), b"v") for i in range(n)]


def check(driver: Driver, partitions: int, n: int, keys: int = 3) -> None:
    """Outputs and state of each partition equal a sequential count."""
    for partition in range(partitions):
        expected = Multiset(b"%d:%d" % (i, i // keys + 1) for i in range(n))
        assert Multiset(driver.values("out", partition)) == expected
        stored: dict[bytes, bytes | None] = {}
        for record in driver.records("log", partition):
            stored[record.key or b""] = record.value
        stored.pop(META_KEY)
        counts = {key: driver.spec.codec.decode(value or b"").count for key, value in stored.items()}
        assert counts == {b"k%d" % k: len(range(k, n, keys)) for k in range(keys)}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 2])
def test_a_crash_at_any_step_loses_and_doubles_nothing(step: str, times: int) -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, rows(40))
        worker = driver.worker()
        worker.crash_at(step, times)
        await driver.assign({worker: [0]})
        await driver.settle()
        await driver.assign({driver.worker(): [0]})
        await driver.settle()
        assert worker.alive == (times == 2 and step in ("fenced", "restored", "prepared"))

    check(run(counting(), story), 1, 40)


CALLS = ("start", "begin_transaction", "send_batch", "send_offsets_to_transaction", "commit_transaction", "read")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [Fenced("by another"), OSError("the network is away")])
def test_a_failing_call_joins_the_group_again(call: str, error: Exception) -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, rows(40))
        worker = driver.worker()
        driver.cluster.fail_next(call, error, times=2)
        await driver.assign({worker: [0]})
        await driver.settle()
        assert worker.alive

    check(run(counting(), story), 1, 40)


def test_what_cannot_be_committed_for_ten_minutes_ends_the_process() -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, rows(40))
        worker = driver.worker()
        driver.cluster.fail_next("commit_transaction", OSError("the network is away"), times=1000)
        began = asyncio.get_running_loop().time()
        await driver.assign({worker: [0]})
        while worker.alive:
            await driver.settle()
        assert isinstance(worker.crashed_with, OSError)
        assert asyncio.get_running_loop().time() - began >= 600

    run(counting(), story)


def test_a_zombie_that_missed_the_rebalance_is_fenced() -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, rows(40))
        zombie, heir = driver.worker(), driver.worker()
        driver.chunk_records = 4
        await driver.assign({zombie: [0]})
        for _ in range(3):
            zombie.feed(4)
            await asyncio.sleep(0.01)
        await driver.assign({heir: [0]}, unheard_by=[zombie])
        await driver.settle()  # both go on: only the heir's transactions commit

    check(run(counting(), story), 1, 40)


def test_chunks_of_an_older_generation_are_dropped() -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, rows(10))
        worker = driver.worker()
        await driver.assign({worker: [0]})
        await driver.settle()
        generation = worker.lanes.generation
        driver.produce("in", 0, rows(40)[10:])
        await driver.assign({worker: [0]})
        stale = driver.cluster.committed_records(type(worker.lanes.partitions[0])("in", 0))
        worker.lanes.offer(worker.lanes.partitions[0], generation, stale, 1)
        await driver.settle()

    check(run(counting(), story), 1, 40)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_history_of_crashes_rebalances_and_failures_balances(data: st.DataObject) -> None:
    async def story(driver: Driver) -> None:
        driver.chunk_records = data.draw(st.integers(1, 9))
        for partition in range(3):
            driver.produce("in", partition, rows(24))
        for _ in range(data.draw(st.integers(1, 5))):
            alive = [worker for worker in driver.workers if worker.alive] or [driver.worker()]
            if data.draw(st.booleans()):
                alive.append(driver.worker())
            shares: dict = {worker: [] for worker in alive}
            for partition in range(3):
                shares[data.draw(st.sampled_from(alive))].append(partition)
            victim = data.draw(st.sampled_from(alive))
            match data.draw(st.sampled_from(["crash", "fail", "deaf", "nothing"])):
                case "crash":
                    victim.crash_at(data.draw(st.sampled_from(STEPS)), data.draw(st.integers(1, 4)))
                case "fail":
                    driver.cluster.fail_next(
                        data.draw(st.sampled_from(["send_batch", "commit_transaction"])), OSError()
                    )
                case "deaf":
                    await driver.assign(shares, unheard_by=[victim])
                    continue
            await driver.assign(shares)
            for _ in range(data.draw(st.integers(0, 30))):
                for worker in driver.workers:
                    if worker.alive:
                        worker.feed(driver.chunk_records)
                await asyncio.sleep(0)
        await driver.assign({driver.worker(): [0, 1, 2]})
        await driver.settle()

    check(run(counting(), story, partitions=3), 3, 24)


def test_a_record_that_raises_is_a_dead_letter_and_its_neighbours_count() -> None:
    async def story(driver: Driver) -> None:
        values = [b"v", b"boom", b"stage", b"letter", b"v"]
        driver.produce("in", 0, [(b"k", value) for value in values])
        await driver.assign({driver.worker(): [0]})
        await driver.settle()

    driver = run(counting(), story)
    # `boom` leaves no trace in the state; `stage` counts without its failing stage; `letter` counts and says so itself.
    assert driver.values("out", 0) == [b"0:1", b"2:2", b"4:4"]
    letters = [DeadLetter.from_headers(list(record.headers)) for record in driver.records("dead", 0)]
    assert [(letter.offset, letter.stage, letter.error) for letter in letters] == [
        (1, "counting", "ValueError: boom"),
        (2, "fragile", "ZeroDivisionError: division by zero"),
        (3, "decode", "not a letter"),
    ]


def test_an_output_that_is_no_record_is_a_dead_letter_and_holds_nothing_up() -> None:
    class Endless:
        """Dates an output so that it fits into no record."""

        def handle(self, record: Record, state: State[Counter], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
            state.load(record.key or b"").count += 1
            late = record.value == b"late"
            out.send("out", record.key, record.value, 2**64 if late else record.timestamp)

    async def story(driver: Driver) -> None:
        driver.produce("in", 0, [(b"k", b"v"), (b"k", b"late"), (b"k", b"v")])
        await driver.assign({driver.worker(): [0]})
        await driver.settle()

    driver = run(msgspec.structs.replace(counting(), handler=Endless()), story)
    assert driver.values("out", 0) == [b"v", b"v"]
    (letter,) = [DeadLetter.from_headers(list(record.headers)) for record in driver.records("dead", 0)]
    assert (letter.offset, letter.stage) == (1, "counting")
    assert "output can't be written" in letter.error


def test_stopping_waits_for_the_unit_in_flight() -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, rows(10))
        worker = driver.worker()
        await driver.assign({worker: [0]})
        while "begun" not in worker.steps:
            worker.feed(10)
            await asyncio.sleep(0)
        await worker.lanes.stop()
        assert worker.steps[-1] == "folded"

    check(run(counting(), story), 1, 10, keys=3)


def test_a_chunk_that_is_lost_on_its_way_is_fetched_again() -> None:
    async def story(driver: Driver) -> None:
        worker = driver.worker()
        await driver.assign({worker: [0]})
        await driver.settle()
        driver.produce("in", 0, rows(40))
        tp = worker.lanes.partitions[0]
        records = driver.cluster.committed_records(tp)
        worker.lanes.number_chunk(tp)  # the first ten are fetched, and never come
        worker.lanes.offer(tp, worker.lanes.generation, records[10:20], worker.lanes.number_chunk(tp))
        await driver.settle()

    check(run(counting(), story), 1, 40)


def test_the_last_chunk_that_is_lost_is_missed_too() -> None:
    async def story(driver: Driver) -> None:
        worker = driver.worker()
        await driver.assign({worker: [0]})
        await driver.settle()
        driver.produce("in", 0, rows(40))
        worker.lanes.number_chunk(worker.lanes.partitions[0])
        worker.stalled = True  # nothing more is fetched
        await asyncio.sleep(60)
        worker.lanes.check_arrivals()
        worker.stalled = False
        await driver.settle()

    check(run(counting(), story), 1, 40)
