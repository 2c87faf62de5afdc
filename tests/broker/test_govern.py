"""Findings on a real broker become actions, once each, whenever the worker is killed; and what is undone is undone."""

from pathlib import Path

from agents.governing.requests import undo
from schemas import governance
from streams.kafka import partition_of
from streams.topics import PARTITIONS
from tests.governance.trial import now_ms, place, trial

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
