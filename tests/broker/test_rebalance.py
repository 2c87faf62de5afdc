"""Workers that come and go: partitions are shared, few of them move, and the work goes on soon, with all its state."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest

from streams.chunk_app import ChunkApp
from streams.topics import PARTITIONS
from tests.broker.counting_site import CountingSite, settings_of
from tests.broker.waiting import until

KEYS = 100_000
SOON_S = 30
"""Far more than the 10 s that are promised for a quiet machine: the figure is printed."""


@pytest.fixture
async def site(kafka: str, prefix: str) -> AsyncIterator[CountingSite]:
    async with CountingSite(settings_of(kafka, prefix), PARTITIONS) as made:
        yield made


def share(app: ChunkApp) -> set[int]:
    """The partitions of a worker."""
    return {tp.partition for tp in app.lanes.partitions}


def keys(app: ChunkApp) -> int:
    """How many keys of state a worker has."""
    return sum(len(app.lanes.values(tp)) for tp in app.lanes.partitions)


async def until_shared(apps: Sequence[ChunkApp]) -> list[set[int]]:
    """Waits until `apps` share all partitions evenly and have restored them."""

    async def evenly() -> bool:
        shares = [share(app) for app in apps]
        whole = sum(map(len, shares)) == PARTITIONS == len(set().union(*shares))
        return (
            whole
            and {len(mine) for mine in shares} == {PARTITIONS // len(apps)}
            and all(app.lanes.all_ready for app in apps)
        )

    await until(evenly, f"{len(apps)} workers share {PARTITIONS} partitions")
    return [share(app) for app in apps]


async def produce_everywhere(site: CountingSite, keys: int) -> None:
    """One record for each of `keys` keys, spread over all partitions."""
    for partition in range(PARTITIONS):
        rows = [(b"key-%07d" % n, b"v") for n in range(partition, keys, PARTITIONS)]
        await site.produce(rows, partition)


async def outputs(site: CountingSite) -> list[list[bytes | None]]:
    return [await site.values(partition) for partition in range(PARTITIONS)]


async def until_outputs(site: CountingSite, count: int) -> None:
    """Waits until so many outputs are committed, over all partitions."""

    async def enough() -> bool:
        return sum(map(len, await outputs(site))) >= count

    await until(enough, f"{count} outputs")


async def test_only_as_many_partitions_move_as_must(site: CountingSite) -> None:
    await produce_everywhere(site, 120)
    async with AsyncExitStack() as working:
        apps = [await working.enter_async_context(site.running()) for _ in range(2)]
        before = await until_shared(apps)
        await until_outputs(site, 120)
        async with site.running() as third:
            after = await until_shared([*apps, third])
            assert len(after[2]) == PARTITIONS // 3
            for old, new in zip(before, after, strict=False):
                assert new < old  # each gave some away, and got none for them
            await produce_everywhere(site, 120)
            await until_outputs(site, 240)
        # It left: what it had goes back, and what the others have stays theirs.
        again = await until_shared(apps)
        for middle, new in zip(after, again, strict=False):
            assert middle < new
        await produce_everywhere(site, 120)
        await until_outputs(site, 360)
    for partition, values in enumerate(await outputs(site)):
        counts = [int((value or b"").split(b":")[1]) for value in values]
        assert counts == [1] * 10 + [2] * 10 + [3] * 10, partition


async def test_a_rebalance_with_100_000_keys_of_state_is_soon_over(
    site: CountingSite, capsys: pytest.CaptureFixture[str]
) -> None:
    await produce_everywhere(site, KEYS)
    async with AsyncExitStack() as working:
        apps = [await working.enter_async_context(site.running()) for _ in range(2)]
        await until_shared(apps)
        await until_outputs(site, KEYS)
        assert sum(map(keys, apps)) == KEYS
        generations = [app.lanes.generation for app in apps]
        began = time.monotonic()
        async with asyncio.timeout(SOON_S):
            third = await working.enter_async_context(site.running())
            await until_shared([*apps, third])
            await produce_everywhere(site, PARTITIONS)
            await until_outputs(site, KEYS + PARTITIONS)
        took_s = time.monotonic() - began
        assert all(app.lanes.generation > before for app, before in zip(apps, generations, strict=True))
        assert sum(map(keys, (*apps, third))) == KEYS
    with capsys.disabled():
        print(f"\n{took_s:.1f} s from a third worker's start to a commit in each partition, with {KEYS} keys of state")
    last = [values[-1] for values in await outputs(site)]
    assert [int((value or b"").split(b":")[1]) for value in last] == [2] * PARTITIONS  # the state has come along
