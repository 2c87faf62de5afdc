"""The demo's thief: stopped by what happens at Egnyte, and by nothing else."""

import asyncio
import time

from console.demo_clouds import Clouds
from console.demo_thief import Thief
from simulators.scenario.demo import Demo, Timed
from tests.broker.waiting import until


def now_ms() -> int:
    return time.time_ns() // 1_000_000


STORY = Demo(now_ms())


def events(at_ms: int) -> list[Timed]:
    live = (event for event, _ in STORY.live(at_ms - 20_000) if event["user"] == STORY.cast.mara.label)
    return [(event, at_ms) for event in live]


async def test_all_is_taken_where_nobody_stops_it() -> None:
    clouds = Clouds(STORY)
    thief = Thief(clouds, events(now_ms()))
    before = len(clouds.egnyte.visible_events())
    await thief.work()
    assert (thief.done, thief.files, thief.wanted) == (16, 14, 14)
    assert len(clouds.egnyte.visible_events()) == before + 16


async def test_an_account_that_is_shut_at_egnyte_gives_nothing_more_and_one_of_entra_id_goes_on() -> None:
    clouds = Clouds(STORY)
    victim = STORY.cast.mara
    begun, later = events(now_ms())[:5], [(event, now_ms() + 60_000) for event, _ in events(now_ms())[5:]]
    thief = Thief(clouds, [*begun, *later])
    account = next(each for each in clouds.tenant.directory.everybody() if each.properties["mail"] == victim.email)
    clouds.tenant.enable(account, enabled=False, request=1)
    working = asyncio.create_task(thief.work())

    async def begun_is_done() -> bool:
        return thief.done == len(begun)

    await until(begun_is_done, "what the thief does at once")
    assert clouds.lets_in
    working.cancel()
    user = clouds.egnyte.users.one(victim.user_id)
    clouds.egnyte.users.change(user, {"active": False}, clouds.egnyte.switches, now_ms())
    stopped = Thief(clouds, begun)
    await stopped.work()
    assert (stopped.done, stopped.files, thief.files) == (0, 0, 3)
