"""A worker that has nothing to do stays in its group, and takes over."""

import pytest
from aiokafka.consumer.subscription_state import SubscriptionState

from tests.broker.counting_site import CountingSite, settings_of
from tests.broker.groups import shares
from tests.broker.waiting import until

YEAR_S = 365 * 86_400
ROWS = [(b"k", b"v")] * 5


async def test_a_worker_without_partitions_waits_for_a_year_and_takes_over(
    kafka: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = property(lambda state: 0 if state._fetch_count else YEAR_S)
    site = CountingSite(settings_of(kafka, prefix))
    async with site:

        async def of_two() -> bool:
            _, found = await shares(site.settings, site.spec().group)
            return sorted(map(len, found.values())) == [0, 1]

        async with site.running() as first:
            await site.produce(ROWS)
            await site.until_values(5)
            async with site.running():
                await until(of_two, "a group of two")
                monkeypatch.setattr(SubscriptionState, "fetcher_idle_time", idle)
                await first.stop()
                await site.produce(ROWS)
                await site.until_values(10)
                assert await site.values() == [b"%d:%d" % (n, n + 1) for n in range(10)]
