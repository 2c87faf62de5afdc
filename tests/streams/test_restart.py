"""Every row of the design's table of state and offsets, on the real lanes, units and state, in memory."""

import asyncio

import pytest

from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from streams.beginning import STALE_OFFSET_TRIES, STALE_OFFSET_WAIT_S
from streams.cluster import Committed, TopicPartition
from streams.errors import Refused, StreamError
from streams.sections import DAY_MS, StreamsSettings
from streams.spec import AgentSpec
from streams.startup import EARLIEST, OURS, decide
from streams.testing import Driver, run
from tests.streams.counting import copying, counting

IN = TopicPartition("in", 0)
LOG = TopicPartition("log", 0)
ROWS = [(b"k%d" % (n % 3), b"v") for n in range(30)]
EXPECTED = [b"%d:%d" % (n, n // 3 + 1) for n in range(30)]


def meta_of(driver: Driver) -> Meta:
    """The meta record as it stands in the changelog."""
    return metas.decode([r.value for r in driver.records("log", 0) if r.key == META_KEY][-1] or b"")


def live_values(driver: Driver) -> dict[bytes, bytes]:
    """The state as a compacted changelog holds it."""
    values: dict[bytes, bytes] = {}
    for record in driver.records("log", 0):
        if record.key == META_KEY:
            continue
        if record.value is None:
            values.pop(record.key or b"", None)
        else:
            values[record.key or b""] = record.value
    return values


async def first_run(driver: Driver, rows: int = 30) -> None:
    """A worker that has taken `rows` records and stopped in order."""
    driver.produce("in", 0, ROWS[:rows])
    worker = driver.worker()
    await driver.assign({worker: [0]})
    await driver.settle()
    await driver.assign({})


async def second_run(driver: Driver) -> None:
    """The next worker on the same partition."""
    worker = driver.worker()
    await driver.assign({worker: [0]})
    await driver.settle()
    await driver.assign({})


def test_nothing_found_starts_at_the_earliest_offset() -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, ROWS)
        driver.cluster.delete_before(IN, 6)
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == [b"%d:%d" % (n, n // 3 - 1) for n in range(6, 30)]
    assert meta_of(driver) == Meta(next=30, schema=1, epoch=0)


def test_expired_offsets_resume_at_the_state() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.cluster.reset_group("t-counting", IN, None)
        driver.produce("in", 0, ROWS[12:])
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED


def test_equal_offsets_resume() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.produce("in", 0, ROWS[12:])
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED
    assert meta_of(driver).epoch == 0


def test_a_rewind_learns_anew_and_publishes_again_marked_as_replay() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver)
        driver.cluster.reset_group("t-counting", IN, 12)
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED + EXPECTED[12:]
    marks = [dict(record.headers).get("replay") for record in driver.records("out", 0)]
    assert marks == [None] * 30 + [b"1"] * 18
    assert meta_of(driver) == Meta(next=30, schema=1, epoch=1)


def test_after_a_rewind_only_what_was_published_before_is_a_replay() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 20)
        driver.cluster.reset_group("t-counting", IN, 12)
        driver.chunk_records = 5  # a chunk holds both
        driver.produce("in", 0, ROWS[20:])
        await second_run(driver)

    driver = run(counting(), story)
    again = driver.records("out", 0)[20:]
    assert [record.value for record in again] == EXPECTED[12:]
    assert [b"replay" in {n.encode() for n, _ in record.headers} for record in again] == [True] * 8 + [False] * 10


def test_another_schema_learns_anew_without_publishing_again() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.spec = counting(schema=2)
        driver.produce("in", 0, ROWS[12:])
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED
    assert meta_of(driver) == Meta(next=30, schema=2, epoch=1)


def test_a_lost_changelog_is_learned_anew() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.cluster.logs[LOG].clear()
        driver.produce("in", 0, ROWS[12:])
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED


def test_a_skip_forward_keeps_the_state() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.produce("in", 0, ROWS[12:])
        driver.cluster.reset_group("t-counting", IN, 15)
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED[:12] + [b"%d:%d" % (n, n // 3) for n in range(15, 30)]
    assert meta_of(driver).epoch == 0


@pytest.mark.parametrize("step", ["judged", "state sent", "delivered", "committed", "folded"])
def test_warming_up_goes_on_where_a_crash_left_it(step: str) -> None:
    async def story(driver: Driver) -> None:
        driver.chunk_records = 5
        await first_run(driver)
        driver.cluster.reset_group("t-counting", IN, 24)
        worker = driver.worker()
        worker.crash_at(step, 3)
        await driver.assign({worker: [0]})
        await driver.settle()
        assert not worker.alive
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED + EXPECTED[24:]
    assert meta_of(driver) == Meta(next=30, schema=1, epoch=1)


def test_a_second_rewind_while_warming_up_learns_anew_once_more() -> None:
    async def story(driver: Driver) -> None:
        driver.chunk_records = 5
        await first_run(driver)
        driver.cluster.reset_group("t-counting", IN, 24)
        worker = driver.worker()
        worker.crash_at("folded", 2)
        await driver.assign({worker: [0]})
        await driver.settle()
        driver.cluster.reset_group("t-counting", IN, 18)
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED + EXPECTED[18:]
    assert {dict(r.headers).get("replay") for r in driver.records("out", 0)[30:]} == {b"2"}
    assert meta_of(driver).epoch == 2


def test_warming_up_reaches_back_no_further_than_the_lookback() -> None:
    async def story(driver: Driver) -> None:
        for n, row in enumerate(ROWS):
            driver.produce("in", 0, [row], timestamp=n * DAY_MS)
        worker = driver.worker()
        await driver.assign({worker: [0]})
        await driver.settle()
        await driver.assign({})
        driver.cluster.reset_group("t-counting", IN, 24)
        await second_run(driver)

    driver = run(counting(), story, settings=StreamsSettings(lookback_ms=8 * DAY_MS))
    # The last record below the target is of day 23; with 8 days before it, learning begins at offset 15.
    assert driver.values("out", 0)[30:] == [b"%d:%d" % (n, (n - 15) // 3 + 1) for n in range(24, 30)]


def test_keys_of_an_older_epoch_are_tombstoned_when_warmed_up() -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, [(b"old", b"v")], timestamp=0)
        driver.produce("in", 0, ROWS, timestamp=20 * DAY_MS)
        worker = driver.worker()
        await driver.assign({worker: [0]})
        await driver.settle()
        await driver.assign({})
        assert b"old" in live_values(driver)
        driver.cluster.reset_group("t-counting", IN, 20)
        await second_run(driver)

    driver = run(counting(), story, settings=StreamsSettings(lookback_ms=8 * DAY_MS))
    assert set(live_values(driver)) == {b"k0", b"k1", b"k2"}


def test_an_offset_of_ours_that_is_seen_late_is_not_taken_for_a_rewind() -> None:
    async def story(driver: Driver) -> None:
        driver.chunk_records = 6
        await first_run(driver, 12)
        driver.cluster.stale_reads = 3
        driver.produce("in", 0, ROWS[12:])
        await second_run(driver)

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED
    assert meta_of(driver).epoch == 0


@pytest.mark.parametrize("spec", [counting(), copying()], ids=["stateful", "stateless"])
def test_an_offset_of_ours_that_was_lost_repeats_nothing(spec: AgentSpec) -> None:
    async def story(driver: Driver) -> None:
        driver.chunk_records = 6
        await first_run(driver, 12)
        driver.cluster.groups[(spec.group, IN)] = Committed(6, f"{OURS} 6")
        driver.produce("in", 0, ROWS[12:])
        await driver.assign({driver.worker(): [0]})
        await asyncio.sleep(STALE_OFFSET_TRIES * STALE_OFFSET_WAIT_S)  # in the driver's time
        await driver.settle()
        await driver.assign({})

    assert len(run(spec, story).values("out", 0)) == 30


def test_a_stateless_agent_refuses_to_write_twice_and_names_the_group_to_reset() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.cluster.reset_group("t-copying", IN, 5)
        worker = driver.worker()
        await driver.assign({worker: [0]})
        await driver.settle()
        assert isinstance(worker.crashed_with, Refused)
        assert "reset t-counting instead" in str(worker.crashed_with)
        assert "--to-offset 12" in str(worker.crashed_with)

    driver = run(copying(), story)
    assert len(driver.values("out", 0)) == 12


def test_a_stateless_agent_resumes_after_its_last_output_when_offsets_expired() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.cluster.reset_group("t-copying", IN, None)
        driver.produce("in", 0, ROWS[12:])
        await second_run(driver)

    driver = run(copying(), story)
    assert len(driver.values("out", 0)) == 30


def test_state_that_has_lost_its_end_is_learned_anew_and_not_taken_for_a_skip() -> None:
    async def story(driver: Driver) -> None:
        driver.chunk_records = 6
        await first_run(driver, 12)
        # The broker lost power before the last transaction of the changelog was on disk; the group's offset was.
        last = [r.offset for r in driver.records("log", 0) if r.key == META_KEY][-2]
        del driver.cluster.logs[LOG][last + 2 :]
        driver.produce("in", 0, ROWS[12:])
        await driver.assign({driver.worker(): [0]})
        await asyncio.sleep(10)  # both are read again for a while, as they may be seen late
        await driver.settle()

    driver = run(counting(), story)
    assert driver.values("out", 0) == EXPECTED
    assert meta_of(driver) == Meta(next=30, schema=1, epoch=1)


def test_input_that_ends_before_what_was_taken_ends_the_process_rather_than_skip() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.cluster.logs[IN].clear()
        driver.produce("in", 0, ROWS[:5])
        worker = driver.worker()
        await driver.assign({worker: [0]})
        while worker.alive:
            await driver.settle()
        assert isinstance(worker.crashed_with, StreamError)
        assert "ends at offset 5, but t-counting has taken records up to 11" in str(worker.crashed_with)
        driver.cluster.reset_group("t-counting", IN, 0)
        await second_run(driver)

    driver = run(counting(), story)
    assert len(driver.values("out", 0)) == 12 + 5


def test_a_stateless_agent_goes_on_with_a_topic_that_was_made_anew_where_it_is_told_to() -> None:
    async def story(driver: Driver) -> None:
        await first_run(driver, 12)
        driver.cluster.logs[IN].clear()
        driver.produce("in", 0, ROWS[:5])
        driver.cluster.reset_group("t-copying", IN, 0)
        await second_run(driver)

    assert len(run(copying(), story).values("out", 0)) == 12 + 5


@pytest.mark.parametrize(
    ("committed", "meta", "row", "following"),
    [
        (None, None, "fresh", EARLIEST),
        (None, Meta(7, 1, 0), "offsets_expired", 7),
        (Committed(7, ""), Meta(7, 1, 0), "resume", 7),
        (Committed(9, ""), Meta(4, 1, 2, "warming", 9), "go_on_warming", 4),
        (None, Meta(4, 1, 2, "warming", 9), "go_on_warming", 4),
        (Committed(5, ""), Meta(7, 1, 0), "rewound", EARLIEST),
        (Committed(5, f"{OURS} 5"), Meta(7, 1, 0), "resume", 7),
        (Committed(8, ""), Meta(4, 1, 2, "warming", 9), "rewound", EARLIEST),
        (Committed(7, ""), Meta(7, 9, 0), "upgraded", EARLIEST),
        (None, Meta(7, 9, 0), "upgraded", EARLIEST),
        (Committed(7, ""), None, "changelog_lost", EARLIEST),
        (Committed(9, ""), Meta(7, 1, 0), "skipped_forward", 9),
        (Committed(9, "egnyte-watch 9"), Meta(7, 1, 0), "changelog_lost", EARLIEST),
    ],
)
def test_decide(committed: Committed | None, meta: Meta | None, row: str, following: int) -> None:
    start = decide(committed, meta, schema=1)
    assert start.row == row
    assert start.meta.next == following
    assert start.warm == (row in ("rewound", "upgraded", "changelog_lost"))
