"""Actions in Entra ID against a tenant over real HTTP: faults, crashes, and the tenant's own books."""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx
import msgspec
import pytest

from agents.governing.in_entra import LOOKED_UP, SESSIONS_GO_ON, InEntra
from agents.governing.ledger import Ledger
from agents.governing.requests import resumed, retried, retry_ms, undo
from agents.governing.standing import Standing
from connectors.entra.actions import EntraActions
from schemas.governance import Action, GovernanceRecord, decode, encode
from simulators.entra import Fault
from simulators.entra.faults import Kind
from tests.agents.governing.records import request, standing
from tests.connectors.entra.harness import Site, people, requests_of, site

ACTIONS: dict[Action, str] = {
    "suspend_user": "disabled", "require_sign_in": "sessions_revoked", "confirm_compromised": "compromised",
    "unsuspend_user": "enabled",
}  # fmt: skip


KINDS_OF_FAULT: tuple[Kind, ...] = ("lost", "reset", "throttle", "status", "truncate", "html")


def performer(place: Site, within_s: float = 60.0) -> InEntra:
    return InEntra(EntraActions(place.client, within_s=within_s), place.clock.now_ms)


async def done(place: Site, asked: GovernanceRecord, who: Standing | None = None, **more: Any) -> GovernanceRecord:
    """The outcome of `asked`, for user u1 where nobody else is named."""
    performing = performer(place, **more)
    record = await performing.prepare(asked, who or standing(entra_ids=("u1",)))
    return await performing.perform(record) if record.state == "started" else record


def effects(place: Site) -> list[str]:
    return [effect.kind for effect in place.tenant.effects()]


@pytest.mark.parametrize("action", ACTIONS)
async def test_it_is_done_and_what_was_before_is_known(action: Action) -> None:
    async with site(people(2)) as place:
        if action == "unsuspend_user":
            place.tenant.directory.change("u1", accountEnabled=False)
        outcome = await done(place, request(action))
        assert (outcome.state, outcome.attempt, outcome.items) == ("succeeded", 1, ("u1",))
        assert outcome.before == {"u1": {"enabled": action != "unsuspend_user", "sessions_from_ms": 0}}
        assert ACTIONS[action] in effects(place)
        assert decode(encode(outcome)) == outcome


async def test_suspending_revokes_sessions_too_and_undoing_lets_in_again() -> None:
    async with site(people(2)) as place:
        outcome = await done(place, request())
        assert effects(place) == ["disabled", "sessions_revoked"]
        opposite = await done(place, undo(outcome, "ann", place.clock.now_ms()))
        assert (opposite.state, opposite.reverts) == ("succeeded", outcome.uid)
        assert place.tenant.state("u1").enabled


async def test_every_account_of_a_person_is_stopped() -> None:
    async with site(people(3)) as place:
        outcome = await done(place, request(), standing(entra_ids=("u1", "gone", "u2")))
        assert outcome.items == ("u1", "u2")
        assert not place.tenant.state("u1").enabled
        assert not place.tenant.state("u2").enabled


async def test_there_may_be_nothing_to_do() -> None:
    async with site(people(2)) as place:
        place.tenant.directory.change("u1", accountEnabled=False)
        outcome = await done(place, request())
        assert (outcome.state, outcome.reason) == ("skipped", "already_done")
        gone = await done(place, request(), standing(entra_ids=("gone",)))
        assert (gone.state, gone.reason) == ("skipped", "not_found")
        performing = performer(place)
        started = await performing.prepare(request("require_sign_in"), standing(entra_ids=("u0",)))
        place.tenant.directory.delete("u0")
        late = await performing.perform(started)
        assert (late.state, late.reason) == ("skipped", "not_found")
        assert effects(place) == []


async def test_administrators_are_refused_with_advice() -> None:
    async with site(people(2)) as place:
        place.tenant.directory.assign("Global Administrator", "u1")
        outcome = await done(place, request(by="ann"), standing(entra_ids=("u1",), privileged=True))
        assert (outcome.state, outcome.reason) == ("failed", "privileged")
        assert "Privileged Authentication Administrator" in outcome.advice


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="throttle", count=0, duration_s=10_000), "throttled"),
        (Fault(kind="status", count=0, duration_s=10_000), "unavailable"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_what_cannot_be_done_now_failed_and_may_be_tried_again(fault: Fault, reason: str, method: str) -> None:
    async with site(people(2)) as place:
        place.tenant.fault(msgspec.structs.replace(fault, method=method))
        outcome = await done(place, request(), within_s=20)
        assert (outcome.state, outcome.reason) == ("failed", reason)
        assert effects(place) == []
        place.tenant.faults.clear()
        again = await done(place, outcome)
        assert again.state == "succeeded"
        assert effects(place) == ["disabled", "sessions_revoked"]


async def test_sessions_that_cannot_be_revoked_are_told_and_the_account_is_stopped() -> None:
    async with site(people(2)) as place:
        place.tenant.fault(Fault(kind="status", status=403, method="POST"))
        outcome = await done(place, request())
        assert outcome.state == "succeeded"
        assert outcome.warnings[-1].startswith(SESSIONS_GO_ON)
        assert effects(place) == ["disabled"]


async def test_what_cannot_be_looked_up_is_tried_again_and_looked_up_then() -> None:
    async with site(people(2)) as place:
        performing = performer(place, within_s=20)
        started = await performing.prepare(request(), standing(entra_ids=("u1",)))
        place.tenant.fault(Fault(kind="lost", method="PATCH"))
        place.tenant.fault(Fault(kind="status", method="GET", count=0, duration_s=10_000))
        failed = await performing.perform(started)
        assert (failed.state, failed.reason) == ("failed", "unavailable")
        assert "can't be looked up" in failed.detail
        assert retry_ms(failed)
        place.tenant.faults.clear()
        assert not place.tenant.state("u1").enabled
        outcome = await done(place, retried(failed, place.clock.now_ms()))
        assert (outcome.state, outcome.detail, outcome.items) == ("succeeded", LOOKED_UP, ("u1",))
        assert outcome.before["u1"]["enabled"]
        assert effects(place) == ["disabled", "sessions_revoked"]  # and what was missing was done
        await done(place, undo(outcome, "ann", place.clock.now_ms()))
        assert place.tenant.state("u1").enabled


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("happened", [True, False])
async def test_after_a_crash_only_what_is_missing_is_done(action: Action, happened: bool) -> None:
    async with site(people(2)) as place:
        if action == "unsuspend_user":
            place.tenant.directory.change("u1", accountEnabled=False)
        performing = performer(place)
        started = await performing.prepare(request(action), standing(entra_ids=("u1",)))
        if happened:
            await performing.perform(started)  # and nobody learned of it
        before = Counter(effects(place))
        outcome = await performer(place).perform(resumed(started, place.clock.now_ms()))
        assert (outcome.state, outcome.attempt) == ("succeeded", 2)
        assert (outcome.detail == LOOKED_UP) is happened
        assert Counter(effects(place))[ACTIONS[action]] == 1
        assert happened is (Counter(effects(place)) == before)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("happened", [True, False])
async def test_a_look_tells_what_became_of_it_and_does_nothing(action: Action, happened: bool) -> None:
    async with site(people(2)) as place:
        if action == "unsuspend_user":
            place.tenant.directory.change("u1", accountEnabled=False)
        performing = performer(place, within_s=20)
        started = await performing.prepare(request(action), standing(entra_ids=("u1", "gone")))
        if happened:
            await performing.perform(started)
        before = effects(place)
        found = await performing.look(started)
        assert (found.state, found.items) == (("succeeded", ("u1",)) if happened else ("skipped", ()))
        assert effects(place) == before
        place.tenant.fault(Fault(kind="status", method="GET", count=0, duration_s=10_000))
        assert (await performing.look(started)).state == "uncertain"


async def test_a_look_tells_of_sessions_that_go_on_and_of_accounts_that_were_left() -> None:
    async with site(people(3)) as place:
        started = await performer(place).prepare(request(), standing(entra_ids=("u1", "u2")))
        place.tenant.directory.change("u1", accountEnabled=False)
        half = await performer(place).look(started)
        assert (half.state, half.items) == ("uncertain", ("u1",))
        place.tenant.directory.change("u2", accountEnabled=False)
        whole = await performer(place).look(started)
        assert (whole.state, SESSIONS_GO_ON in whole.warnings) == ("succeeded", True)


async def test_between_disabling_and_revoking_a_crash_leaves_the_revoking_to_be_done() -> None:
    async with site(people(2)) as place:
        performing = performer(place)
        started = await performing.prepare(request(), standing(entra_ids=("u1",)))
        await place.client.send("PATCH", "/users/u1", json={"accountEnabled": False})
        outcome = await performing.perform(resumed(started, place.clock.now_ms()))
        assert outcome.state == "succeeded"
        assert effects(place) == ["disabled", "sessions_revoked"]


async def test_faults_and_crashes_suspend_everybody_exactly_once() -> None:
    """One owner after another on one log, each ended at any moment; every kind of fault in between."""
    chance = random.Random(20251124)  # noqa: S311 - repeatable, not secret
    users, kills = 30, 0
    async with site(people(users), timeouts=httpx.Timeout(0.5)) as place:
        log: list[bytes] = [encode(request(user=f"user{n}@example.com", origin=f"f{n}")) for n in range(users)]

        def ledger() -> Ledger:
            found = Ledger()
            for value in log:
                assert found.apply(decode(value))
            return found

        async def own() -> None:
            """What the owner of the partition does: it writes before it acts, and after."""
            performing, known = performer(place), ledger()

            def write(record: GovernanceRecord) -> None:
                assert known.apply(record)
                log.append(encode(record))
                if len(log) >= dies_at:
                    dying.set()

            async def act(record: GovernanceRecord) -> None:
                if record.state == "started":
                    started = resumed(record, place.clock.now_ms())
                else:
                    user_id = record.origin.replace("f", "u")
                    started = await performing.prepare(record, standing(record.user, entra_ids=(user_id,)))
                write(started)
                if started.state == "started":
                    write(await performing.perform(started))

            while work := [*known.unfinished(), *known.next_due()]:
                await asyncio.gather(*(act(record) for record in work[:6]))

        while True:
            for _ in range(chance.randrange(4)):
                kind = chance.choice(KINDS_OF_FAULT)
                place.tenant.fault(Fault(kind=kind, status=chance.choice([500, 503, 504]), path="/v1.0/users/"))
            dying, dies_at = asyncio.Event(), len(log) + chance.randrange(1, 5) if kills < 30 else 10**9
            owner, killer = asyncio.create_task(own()), asyncio.create_task(dying.wait())
            await asyncio.wait({owner, killer}, return_when=asyncio.FIRST_COMPLETED)
            for _ in range(chance.randrange(60)):  # somewhere in the middle of a call
                await asyncio.sleep(0)
            killer.cancel()
            if owner.done():
                owner.result()
                break
            owner.cancel()
            await asyncio.wait({owner})
            kills += 1
        assert kills > 5
        states = {record.user: record for value in log if (record := decode(value))}
        assert Counter(record.state for record in states.values()) == {"succeeded": users}
        disabled = place.tenant.effects("disabled")
        assert Counter(effect.user for effect in disabled if effect.changed) == {f"u{n}": 1 for n in range(users)}
        assert len(disabled) <= users + 6 * kills  # those under way when a process ended, at most
        assert all(place.tenant.state(f"u{n}").revoked_ms for n in range(users))
        assert len(requests_of(place.tenant, "PATCH")) >= users
