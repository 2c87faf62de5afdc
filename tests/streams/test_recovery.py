"""The way back from failures: each partition's own patience, and no lane that ends unnoticed."""

import asyncio
from typing import Any, cast

from streams.cluster import Offsets, Producer
from streams.sections import MINUTE_MS, StreamsSettings
from streams.testing import Driver, run
from tests.streams.counting import counting


def rows(n: int) -> list[tuple[bytes, bytes]]:
    """`n` records of one key."""
    return [(b"k", b"v")] * n


def refuse_to_write(driver: Driver, partition: int, error: BaseException) -> None:
    """Every producer of `partition` fails from now on when it sends, as for a record that the broker does not take."""
    make = driver.cluster.producer

    def producer(transactional_id: str, offsets: Offsets | None = None) -> Producer:
        made: Any = make(transactional_id, offsets)
        if transactional_id.endswith(f"-{partition}"):

            async def send_batch(*_: Any, **__: Any) -> Any:
                raise error

            made.send_batch = send_batch
        return cast("Producer", made)

    driver.cluster.producer = producer  # type: ignore[method-assign]


def test_a_partition_that_is_stuck_for_ten_minutes_ends_the_process_however_well_others_do() -> None:
    async def story(driver: Driver) -> None:
        refuse_to_write(driver, 0, ValueError("the record is too large"))
        worker = driver.worker()
        driver.produce("in", 0, rows(1))
        began = asyncio.get_running_loop().time()
        await driver.assign({worker: [0, 1]})

        async def traffic() -> None:
            while worker.alive:
                driver.produce("in", 1, rows(1))
                await asyncio.sleep(1)

        busy = asyncio.create_task(traffic())
        while worker.alive and asyncio.get_running_loop().time() - began < 1_800:
            await asyncio.wait([asyncio.create_task(driver.settle())], timeout=60)
        busy.cancel()
        assert isinstance(worker.crashed_with, ValueError)
        assert 600 <= asyncio.get_running_loop().time() - began < 900
        assert len(driver.values("out", 1)) > 100

    run(counting(), story, settings=StreamsSettings(retry_for_ms=10 * MINUTE_MS))


def test_failures_a_day_apart_are_not_one_long_failure() -> None:
    async def story(driver: Driver) -> None:
        worker = driver.worker()
        for _ in range(3):
            driver.cluster.fail_next("start", OSError("the network is away"))
            await driver.assign({worker: [0]})
            await driver.settle()
            await asyncio.sleep(86_400)
        assert worker.alive
        assert worker.lanes.all_ready

    run(counting(), story)


def test_a_call_that_its_client_gave_up_does_not_end_a_lane_unnoticed() -> None:
    async def story(driver: Driver) -> None:
        driver.produce("in", 0, rows(10))
        driver.cluster.fail_next("send_batch", asyncio.CancelledError())  # type: ignore[arg-type]
        await driver.assign({driver.worker(): [0]})
        await driver.settle()

    assert len(run(counting(), story).values("out", 0)) == 10


def test_a_rebalance_that_came_first_is_not_followed_by_another() -> None:
    async def story(driver: Driver) -> None:
        worker = driver.worker()
        driver.cluster.fail_next("start", OSError("the network is away"))
        await driver.assign({worker: [0]})
        await asyncio.sleep(0.1)  # failed, and waiting to join again
        await driver.assign({worker: [0]})
        await asyncio.sleep(10)
        assert worker.lanes.all_ready
        assert not driver.rebalance_wanted

    run(counting(), story)


def test_stopping_twice_at_once_leaves_the_lanes_that_follow_alone() -> None:
    async def story(driver: Driver) -> None:
        make = driver.cluster.producer

        def slow_to_close(transactional_id: str, offsets: Offsets | None = None) -> Producer:
            made: Any = make(transactional_id, offsets)

            async def stop() -> None:
                await asyncio.sleep(1)

            made.stop = stop
            return cast("Producer", made)

        driver.cluster.producer = slow_to_close  # type: ignore[method-assign]
        worker = driver.worker()
        await driver.assign({worker: [0]})
        await driver.settle()
        first = asyncio.create_task(worker.lanes.stop())
        await asyncio.sleep(0.01)
        await driver.assign({worker: [0]})  # stops again, which has nothing left to close, and starts
        await first
        driver.produce("in", 0, rows(10))
        await driver.settle()
        assert worker.lanes.partitions

    assert len(run(counting(), story).values("out", 0)) == 10
