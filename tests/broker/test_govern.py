"""Findings on a real broker become actions, once each, whenever the worker is killed, and while workers come and go;
what is undone is undone.
"""

from pathlib import Path

from agents.governing.requests import undo
from schemas import governance
from streams.kafka import partition_of
from streams.topics import PARTITIONS
from tests.broker.waiting import until
from tests.governance.trial import Place, finding, now_ms, place, trial

PEOPLE = 12
FINDINGS = 40
KILLS = 2


async def test_findings_become_actions_once_each_whenever_the_worker_is_killed(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    async with place(kafka, prefix, tmp_path, PEOPLE) as here:
        ledger = await trial(here, PEOPLE, FINDINGS, KILLS, print)
        done = next(each for each in ledger.newest() if each.action == "suspend_user" and each.state == "succeeded")
        wish = undo(done, "ann", now_ms())
        asked = (wish.uid.encode(), governance.encode(wish), partition_of(b"acme", PARTITIONS))
        await here.send("governance", [asked])
        undone = (await here.until_over(len(ledger) + 1)).get(done.uid)
        assert undone is not None
        assert (undone.state, undone.by) == ("reverted", "ann")
        assert here.tenant.state(done.items[0]).enabled


async def test_each_action_is_taken_once_while_workers_come_and_go(kafka: str, prefix: str, tmp_path: Path) -> None:
    async with place(kafka, prefix, tmp_path, PEOPLE) as here:
        found = [finding(number, PEOPLE) for number in range(FINDINGS)]
        await here.start()
        first = here.process
        assert first is not None
        try:
            await here.find(found[:15])
            await _at_work(here, 1)
            await here.start()  # both are under way when the partitions are shared out anew
            await here.find(found[15:30])
            await _at_work(here, 10)
            first.terminate()
            assert await first.wait() == 0
        finally:
            if first.returncode is None:
                first.kill()
                await first.wait()
        await here.find(found[30:])
        here.audit(await here.until_over(3 * FINDINGS), PEOPLE, FINDINGS, 2)


async def _at_work(here: Place, effects: int) -> None:
    async def so_many() -> bool:
        return len(here.tenant.effects()) >= effects

    await until(so_many, f"{effects} effects in the tenant")
