"""Actions at Egnyte, against a domain over real HTTP: faults, repeats, and the domain's own books."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents.governing.in_egnyte import SPARE, InEgnyte
from agents.governing.requests import outcome as made
from agents.governing.requests import resumed, retried, undo
from connectors.egnyte.actions import EgnyteActions
from connectors.egnyte.api import EgnyteApi
from schemas.governance import Action, GovernanceRecord, decode, encode
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Fault, Switches
from simulators.egnyte.access import Account, Grant
from simulators.egnyte.links import Link
from simulators.egnyte.users import User
from streams.secret import Secret
from tests.agents.governing.records import NOW_MS, request, standing
from tests.connectors.egnyte.harness import JumpingClock

JANE_ID = 77


async def _nothing_new() -> None:
    """No newer token is there."""


class Place:
    """A domain with Jane, and what acts there."""

    def __init__(self, domain: EgnyteSimulator, api: EgnyteApi, clock: JumpingClock) -> None:
        self.domain = domain
        self.clock = clock
        actions = EgnyteActions(api, clock)
        self.performer = InEgnyte(lambda: actions, clock.now_ms, _nothing_new)

    async def done(self, asked: GovernanceRecord, *ids: int) -> GovernanceRecord:
        who = standing(egnyte_ids=tuple(map(str, ids or (JANE_ID,))))
        record = await self.performer.prepare(asked, who)
        return await self.performer.perform(record) if record.state == "started" else record

    def links(self, number: int, owner: str = "jane") -> list[str]:
        names = [f"{owner}{each}" for each in range(number)]
        for name in names:
            self.domain.links.add(Link(id=name, path="/Shared/plan.dwg", created_by=owner))
        return names


@asynccontextmanager
async def place(**switches: Any) -> AsyncIterator[Place]:
    virtual = VirtualClock(NOW_MS)
    domain = EgnyteSimulator((), virtual, Switches.unlimited(**switches))
    domain.users.add(User(id=JANE_ID, user_name="jane", email="jane@acme.example"))
    clock = JumpingClock(virtual, 2**62, asyncio.Event())
    async with domain.serve() as url, EgnyteApi(url, Secret(domain.issue_token(scopes=())), clock=clock) as api:
        yield Place(domain, api, clock)


async def test_an_account_is_deactivated_and_let_in_again() -> None:
    async with place() as here:
        outcome = await here.done(request("deactivate_egnyte_user"))
        assert (outcome.state, outcome.items, outcome.before) == ("succeeded", ("77",), {"77": {"active": True}})
        assert not here.domain.users.one("77").active
        assert decode(encode(outcome)) == outcome
        again = await here.done(request("deactivate_egnyte_user", origin="f2"))
        assert (again.state, again.reason) == ("skipped", "already_done")
        opposite = await here.done(undo(outcome, "ann", NOW_MS))
        assert (opposite.action, opposite.state, opposite.reverts) == (
            "reactivate_egnyte_user", "succeeded", outcome.uid,
        )  # fmt: skip
        assert here.domain.users.one("77").active


@pytest.mark.parametrize("answer", [200, 204])
async def test_all_links_of_a_user_go_and_no_others(answer: int) -> None:
    async with place(delete_answers=answer) as here:
        mine, others = here.links(12), here.links(3, "ben")
        outcome = await here.done(request("revoke_links"))
        assert outcome.state == "succeeded"
        assert sorted(outcome.items) == sorted(mine)
        assert [link.id for link in here.domain.links.all()] == others
        again = await here.done(request("revoke_links", origin="f2"))
        assert (again.state, again.reason) == ("skipped", "already_done")


async def test_what_a_process_left_half_done_is_finished_and_told_whole() -> None:
    async with place() as here:
        mine = here.links(5)
        started = await here.performer.prepare(request("revoke_links"), standing(egnyte_ids=(str(JANE_ID),)))
        for link in mine[:3]:
            here.domain.links.delete(Grant("", Account()), link)
        outcome = await here.performer.perform(resumed(started, NOW_MS))
        assert (outcome.state, outcome.attempt, sorted(outcome.items)) == ("succeeded", 2, sorted(mine))
        assert here.domain.links.all() == []


@pytest.mark.parametrize("action", ["deactivate_egnyte_user", "revoke_links"])
async def test_a_look_tells_what_became_of_it_and_does_nothing(action: Action) -> None:
    async with place() as here:
        mine = here.links(3)
        started = await here.performer.prepare(request(action), standing(egnyte_ids=("4711", str(JANE_ID))))
        assert (await here.performer.look(started)).state == "skipped"
        if action == "revoke_links":
            here.domain.links.delete(Grant("", Account()), mine[0])
            half = await here.performer.look(started)
            assert (half.state, half.items) == ("uncertain", (mine[0],))
        assert here.domain.users.one("77").active
        assert len(here.domain.links.all()) == (2 if action == "revoke_links" else 3)
        await here.performer.perform(started)
        assert (await here.performer.look(started)).state == "succeeded"
        here.domain.faults.add(Fault(kind="status", status=503, count=0, duration_s=10_000), NOW_MS)
        assert (await here.performer.look(started)).state == "uncertain"


FAULTS: tuple[Fault, ...] = (
    Fault(kind="reset", count=2), Fault(kind="throttle", count=2), Fault(kind="status", status=500, count=2),
    Fault(kind="truncate", count=2), Fault(kind="html", count=2),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
@pytest.mark.parametrize("action", ["deactivate_egnyte_user", "revoke_links"])
async def test_faults_that_pass_are_outlasted(fault: Fault, action: Action) -> None:
    async with place() as here:
        here.links(2)
        started = await here.performer.prepare(request(action), standing(egnyte_ids=(str(JANE_ID),)))
        here.domain.faults.add(fault, NOW_MS)
        outcome = await here.performer.perform(started)
        assert outcome.state == "succeeded"
        assert (here.domain.links.all() == []) == (action == "revoke_links")
        assert here.domain.users.one("77").active == (action == "revoke_links")


async def test_what_does_not_pass_failed_and_may_be_tried_again() -> None:
    async with place() as here:
        here.domain.faults.add(Fault(kind="status", status=503, count=0, duration_s=10_000), NOW_MS)
        outcome = await here.done(request("deactivate_egnyte_user"))
        assert (outcome.state, outcome.reason) == ("failed", "unavailable")
        assert here.domain.users.one("77").active


async def test_links_deleted_before_it_broke_off_are_told_and_the_rest_goes_later() -> None:
    async with place() as here:
        mine = here.links(7)
        who = standing(egnyte_ids=(str(JANE_ID),))
        started = await here.performer.prepare(request("revoke_links"), who)
        first, rest = started.before["77"]["links"][:3], started.before["77"]["links"][3:]
        here.domain.faults.add(
            Fault(kind="status", status=503, path=f"/pubapi/v2/links/{rest[0]}", count=0, duration_s=10_000), NOW_MS
        )
        failed = await here.performer.perform(started)
        assert (failed.state, failed.reason, failed.items) == ("failed", "unavailable", tuple(first))
        here.domain.faults.clear()
        (late,) = here.links(1, "ben")
        here.domain.links.add(Link(id="new", path="/Shared/plan.dwg", created_by="jane"))
        again = await here.performer.prepare(retried(failed, NOW_MS), who)
        outcome = await here.performer.perform(again)
        assert (outcome.state, outcome.attempt, sorted(outcome.items)) == ("succeeded", 2, sorted([*mine, "new"]))
        assert [link.id for link in here.domain.links.all()] == [late]


async def test_links_leave_the_audit_stream_its_calls_and_accounts_are_stopped_all_the_same() -> None:
    async with place(quota_per_day=40) as here:  # at 08:00: three quarters of what an even pace has left are 20
        mine = here.links(30)
        failed = await here.done(request("revoke_links"))
        assert (failed.state, failed.reason, failed.advice) == ("failed", "throttled", SPARE)
        assert len(failed.items) == 18  # two calls went to looking
        assert sorted([*failed.items, *(link.id for link in here.domain.links.all())]) == sorted(mine)
        assert (await here.done(request("deactivate_egnyte_user"))).state == "succeeded"


@pytest.mark.parametrize("action", ["deactivate_egnyte_user", "revoke_links"])
async def test_what_was_done_without_an_answer_is_ours_and_can_be_undone(action: Action) -> None:
    async with place() as here:
        mine = here.links(2)
        who = standing(egnyte_ids=(str(JANE_ID),))
        started = await here.performer.prepare(request(action), who)
        await here.performer.perform(started)  # and nobody learned of it
        failed = made(started, "failed", NOW_MS, reason="unavailable")
        outcome = await here.done(retried(failed, NOW_MS))
        assert (outcome.state, outcome.before) == ("succeeded", started.before)
        assert sorted(outcome.items) == (["77"] if action == "deactivate_egnyte_user" else sorted(mine))


async def test_somebody_who_is_gone_is_skipped() -> None:
    async with place() as here:
        outcome = await here.done(request("deactivate_egnyte_user"), 4711)
        assert (outcome.state, outcome.reason) == ("skipped", "not_found")
        both = await here.done(request("deactivate_egnyte_user"), 4711, JANE_ID)
        assert (both.state, both.items) == ("succeeded", ("77",))
