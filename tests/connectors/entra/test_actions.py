"""Each action and each of its outcomes, over real HTTP; the tenant's own books say what was really done."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from connectors.entra.actions import MARK, AccountState, EntraActions, Mail
from connectors.entra.outcomes import NotFound, Outcome, Refused, Succeeded, Throttled, Unavailable, Uncertain
from simulators.entra import App, AppSecret, Fault
from streams.secret import Secret
from tests.connectors.entra.harness import SECRET, Site, people, requests_of, site

RISKY = "/v1.0/identityProtection/"
MAIL = Mail(to=("user1@example.com",), cc=("boss@example.com",), subject="Your\r\naccount", text="Hello", mark="uid-1")

Act = Callable[[EntraActions], Awaitable[Outcome]]
ACTS: dict[str, tuple[Act, str]] = {
    "disable": (lambda actions: actions.disable("u1"), "disabled"),
    "revoke": (lambda actions: actions.revoke_sign_in_sessions("u1"), "sessions_revoked"),
    "confirm": (lambda actions: actions.confirm_compromised("u1"), "compromised"),
    "notify": (lambda actions: actions.notify(MAIL), "mail"),
}
every_act = pytest.mark.parametrize("name", ACTS)


def acting(place: Site, **more: Any) -> EntraActions:
    return EntraActions(place.client, place.entra.mailbox, **more)


def done(place: Site, kind: str) -> int:
    return sum(effect.kind == kind for effect in place.tenant.effects())


@every_act
async def test_it_is_done(name: str) -> None:
    act, kind = ACTS[name]
    async with site(people(2)) as place:
        assert await act(acting(place)) == Succeeded()
        assert done(place, kind) == 1


async def test_an_account_is_disabled_and_enabled_again() -> None:
    async with site(people(2)) as place:
        actions = acting(place)
        for _ in range(2):
            assert await actions.disable("user1@example.com") == Succeeded()
        assert not place.tenant.state("u1").enabled
        assert [effect.changed for effect in place.tenant.effects("disabled")] == [True, False]
        assert await actions.enable("u1") == Succeeded()
        assert place.tenant.state("u1").enabled


@every_act
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="throttle", retry_after_s=2.128, count=2),
        Fault(kind="throttle", count=2),
        Fault(kind="status", status=503, count=2),
        Fault(kind="status", status=401, count=1),
    ],
)
async def test_what_was_not_done_is_done_in_the_end_and_once(name: str, fault: Fault) -> None:
    act, kind = ACTS[name]
    async with site(people(2)) as place:
        place.tenant.fault(fault)
        outcome = await act(acting(place))
        assert isinstance(outcome, Succeeded)
        assert not outcome.looked_up
        assert done(place, kind) == 1


@pytest.mark.parametrize("name", ["disable", "confirm"])
@pytest.mark.parametrize("kind_of_fault", ["lost", "truncate"])
async def test_what_was_done_without_an_answer_is_looked_up_and_not_repeated(name: str, kind_of_fault: Any) -> None:
    act, kind = ACTS[name]
    async with site(people(2)) as place:
        place.tenant.fault(Fault(kind=kind_of_fault, method="POST" if name == "confirm" else "PATCH"))
        assert await act(acting(place)) == Succeeded(1, looked_up=True)
        assert done(place, kind) == 1


@pytest.mark.parametrize("name", ["disable", "confirm", "revoke"])
@pytest.mark.parametrize(
    "fault",
    [Fault(kind="reset"), Fault(kind="html"), Fault(kind="status", status=500), Fault(kind="status", status=504)],
)
async def test_what_broke_before_the_effect_is_tried_again(name: str, fault: Fault) -> None:
    act, kind = ACTS[name]
    async with site(people(2)) as place:
        place.tenant.fault(fault)
        assert await act(acting(place)) == Succeeded(2)
        assert done(place, kind) == 1


async def test_a_time_out_after_the_effect_is_looked_up() -> None:
    async with site(people(2), timeouts=httpx.Timeout(0.2)) as place:
        await acting(place).account("u1")
        place.tenant.fault(Fault(kind="late", seconds=60, method="PATCH"))
        assert await acting(place).disable("u1") == Succeeded(1, looked_up=True)
        assert done(place, "disabled") == 1


async def test_a_revocation_is_recognised_by_what_was_before() -> None:
    async with site(people(2)) as place:
        actions = acting(place)
        before = await actions.account("u1")
        assert isinstance(before, AccountState)
        assert before.sessions_from_ms == 0
        place.tenant.fault(Fault(kind="lost", method="POST"))
        assert await actions.revoke_sign_in_sessions("u1", before.sessions_from_ms) == Succeeded(1, looked_up=True)
        assert done(place, "sessions_revoked") == 1
        place.tenant.fault(Fault(kind="lost", method="POST"))
        assert await actions.revoke_sign_in_sessions("u1") == Succeeded(2)
        assert done(place, "sessions_revoked") == 3


@pytest.mark.parametrize("kind_of_fault", ["lost", "reset", "html"])
async def test_a_mail_that_may_be_on_its_way_is_not_sent_again(kind_of_fault: Any) -> None:
    async with site(people(2)) as place:
        place.tenant.fault(Fault(kind=kind_of_fault, method="POST"))
        assert isinstance(await acting(place).notify(MAIL), Uncertain)
        assert len(place.tenant.mails) == (kind_of_fault == "lost")
        assert len(requests_of(place.tenant, "POST")) == 1


async def test_what_cannot_be_looked_up_is_uncertain() -> None:
    async with site(people(2)) as place:
        place.tenant.fault(Fault(kind="lost", method="PATCH"))
        place.tenant.fault(Fault(kind="status", method="GET", count=0, duration_s=1_000))
        outcome = await acting(place).disable("u1")
        assert isinstance(outcome, Uncertain)
        assert "can't be looked up" in outcome.message
        assert len(requests_of(place.tenant, "PATCH")) == 1


@every_act
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="throttle", count=0, duration_s=10_000), Throttled),
        (Fault(kind="throttle", retry_after_s=500, count=0, duration_s=10_000), Throttled),
        (Fault(kind="status", status=503, count=0, duration_s=10_000), Unavailable),
    ],
)
async def test_patience_ends_and_nothing_was_done(name: str, fault: Fault, kind: type) -> None:
    act, effect = ACTS[name]
    async with site(people(2)) as place:
        place.tenant.fault(fault)
        outcome = await act(acting(place, within_s=20))
        assert isinstance(outcome, kind)
        if isinstance(outcome, Throttled):
            assert outcome.retry_after_s == (fault.retry_after_s or None)
        assert done(place, effect) == 0
        assert sum(place.clock.slept) <= 20 + 10


@every_act
async def test_without_a_login_nothing_is_done(name: str) -> None:
    act, kind = ACTS[name]
    async with site(people(2), settings={"client_secret": Secret("wrong")}) as place:
        outcome = await act(acting(place))
        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.code) == ("login", "AADSTS7000215")
        assert "doctor" in outcome.advice
        assert done(place, kind) == 0


@every_act
async def test_without_the_permission_it_is_refused_with_advice(name: str) -> None:
    act, kind = ACTS[name]
    app = App(client_id="app", secrets=(AppSecret(SECRET),), permissions=("User.Read.All",))
    async with site(people(2), apps=[app]) as place:
        outcome = await act(acting(place))
        assert isinstance(outcome, Refused)
        assert outcome.reason == ("mailbox" if name == "notify" else "forbidden")
        assert "grant the app" in outcome.advice
        assert len(requests_of(place.tenant)) == 1
        assert done(place, kind) == 0


@pytest.mark.parametrize("roles", [(), ("Privileged Authentication Administrator",)])
async def test_administrators(roles: tuple[str, ...]) -> None:
    app = App(client_id="app", secrets=(AppSecret(SECRET),), roles=roles)
    async with site(people(2), apps=[app]) as place:
        place.tenant.directory.assign("Global Administrator", "u1")
        outcome = await acting(place).disable("u1", privileged=True)
        if roles:
            assert outcome == Succeeded()
        else:
            assert isinstance(outcome, Refused)
            assert (outcome.reason, outcome.code) == ("privileged", "Authorization_RequestDenied")
            assert "Privileged Authentication Administrator" in outcome.advice
        assert place.tenant.state("u1").enabled is not bool(roles)


@pytest.mark.parametrize(
    "act",
    [
        lambda actions: actions.disable("gone"),
        lambda actions: actions.enable("gone"),
        lambda actions: actions.revoke_sign_in_sessions("gone"),
        lambda actions: actions.confirm_compromised("gone"),
        lambda actions: actions.account("gone"),
    ],
)
async def test_nobody_is_not_found(act: Callable[[EntraActions], Awaitable[Any]]) -> None:
    async with site(people(1)) as place:
        assert isinstance(await act(acting(place)), NotFound)
        assert place.clock.slept == []


async def test_identity_protection_is_asked_no_more_than_once_a_second() -> None:
    async with site(people(10), limited=True, units_per_10s=0) as place:
        actions = acting(place)
        outcomes = await asyncio.gather(*(actions.confirm_compromised(f"u{n}") for n in range(10)))
        assert set(outcomes) == {Succeeded()}
        assert requests_of(place.tenant, "POST", RISKY) == [204] * 10


async def test_another_app_that_asks_identity_protection_is_given_way() -> None:
    async with site(people(2), limited=True) as place:
        place.tenant.fault(Fault(kind="throttle", path=RISKY, count=3))
        assert await acting(place).confirm_compromised("u1") == Succeeded(4)
        backoff = [wait for wait in place.clock.slept if wait in {1.0, 2.0, 4.0}]
        assert backoff == [1.0, 2.0, 4.0]


async def test_a_mailbox_is_used_by_four_at_once() -> None:
    async with site(people(2), limited=True, mail_takes_s=1) as place:
        sending = [asyncio.create_task(acting_on.notify(MAIL)) for acting_on in [acting(place)] for _ in range(12)]
        while len(done_ := [task for task in sending if task.done()]) < 12:
            if place.clock.virtual._sleepers:
                place.clock.virtual.advance(1)
            await asyncio.wait({task for task in sending if task not in done_}, timeout=0.001)
        assert {task.result() for task in sending} == {Succeeded()}
        assert requests_of(place.tenant, "POST") == [202] * 12


async def test_a_mail_carries_its_mark() -> None:
    async with site(people(2)) as place:
        await acting(place).notify(MAIL)
        await acting(place).notify(Mail(to=("user1@example.com",), subject="s", text="t", html="<p>t</p>"))
        first, second = place.tenant.mails
        assert (first.sender, first.to, first.cc) == ("user0@example.com", MAIL.to, MAIL.cc)
        assert (first.subject, first.content_type, first.content) == ("Your account", "text", "Hello")
        assert first.headers == {MARK: "uid-1"}
        assert (second.content_type, second.content, second.headers) == ("html", "<p>t</p>", {})


@pytest.mark.parametrize("mailbox", ["", "nobody@example.com", "no-mailbox"])
async def test_without_a_mailbox_nobody_is_written_to(mailbox: str) -> None:
    async with site([*people(1), {"id": "no-mailbox"}], settings={"mailbox": mailbox}) as place:
        outcome = await acting(place).notify(MAIL)
        assert isinstance(outcome, Refused)
        assert outcome.reason == "mailbox"
        assert "entra.mailbox" in outcome.advice


async def test_how_an_account_stands() -> None:
    users = [*people(1), {"id": "g", "userPrincipalName": "jane_x.example#EXT#@acme.example", "userType": "Guest",
                          "onPremisesSyncEnabled": True, "accountEnabled": False}]  # fmt: skip
    async with site(users) as place:
        guest = await acting(place).account("jane_x.example#EXT#@acme.example")
        assert isinstance(guest, AccountState)
        assert (guest.id, guest.enabled, guest.guest, guest.synced, guest.mail) == ("g", False, True, True, "")
        await acting(place).revoke_sign_in_sessions("u0")
        member = await acting(place).account("u0")
        assert isinstance(member, AccountState)
        assert (member.upn, member.enabled, member.guest) == ("user0@example.com", True, False)
        assert member.sessions_from_ms == place.tenant.state("u0").revoked_ms[0]


async def test_a_look_that_fails_leaves_nothing_uncertain() -> None:
    async with site(people(1)) as place:
        place.tenant.fault(Fault(kind="reset", count=0, duration_s=10_000))
        assert isinstance(await acting(place).account("u0"), Unavailable)


async def test_managers() -> None:
    async with site(people(2)) as place:
        actions = acting(place)
        assert await actions.manager("u0") == ""
        place.tenant.directory.set_manager("u0", "u1")
        assert await actions.manager("u0") == "user1@example.com"
        place.tenant.fault(Fault(kind="status", status=403))
        assert isinstance(await actions.manager("u0"), Refused)


@pytest.mark.parametrize("user", ["", ".", ".."])
async def test_a_name_that_is_a_path_is_refused(user: str) -> None:
    async with site(people(1)) as place:
        with pytest.raises(ValueError, match="names no user"):
            await acting(place).disable(user)
        assert isinstance(await acting(place).disable("../groups/g"), NotFound)
        assert place.tenant.effects() == []
