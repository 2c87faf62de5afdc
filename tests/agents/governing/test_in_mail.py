"""Mail by a tenant over real HTTP, and webhooks on a real server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agents.governing.in_mail import GIVEN_UP, MOST_ATTEMPTS, UNHEARD, InMail
from agents.governing.mails import SUBJECT_CHARS, letter_of
from agents.governing.requests import again, resumed, retried
from agents.governing.rules import FILE, Notify, RulesError, Webhook, read_rules
from connectors.entra.actions import MARK, EntraActions
from schemas.governance import GovernanceRecord
from simulators.clock import RealClock
from simulators.entra import Fault
from simulators.serving import serving
from simulators.wire import Wire
from tests.agents.governing.records import NOW_MS, request, standing
from tests.connectors.entra.harness import Site, people, site

WHY = "Jane <jane> deleted 900 files & more"


@contextlib.asynccontextmanager
async def performer(place: Site, notify: Notify) -> AsyncIterator[InMail]:
    actions = EntraActions(place.client, place.entra.mailbox, within_s=20)
    async with httpx.AsyncClient() as http:
        yield InMail(actions, http, lambda: notify, place.clock.now_ms)


async def begun(performing: InMail, asked: GovernanceRecord) -> GovernanceRecord:
    return await performing.prepare(asked, standing(addresses=("jane@acme.example", "jane"), entra_ids=("u1",)))


async def test_the_user_is_written_to_with_a_copy_and_what_others_said_is_escaped() -> None:
    async with site(people(2)) as place, performer(place, Notify(copy=("soc@acme.example",))) as performing:
        started = await begun(performing, request("notify_user", why=WHY))
        assert started.arguments == {"to": "jane@acme.example", "cc": "soc@acme.example"}
        outcome = await performing.perform(started)
        assert (outcome.state, outcome.items) == ("succeeded", ("jane@acme.example", "soc@acme.example"))
        (mail,) = place.tenant.mails
        assert (mail.to, mail.cc, mail.headers[MARK]) == (
            ("jane@acme.example",),
            ("soc@acme.example",),
            outcome.uid,
        )
        assert "Jane &lt;jane&gt; deleted 900 files &amp; more" in mail.content
        assert WHY in letter_of(started).text


async def test_what_was_interrupted_is_sent_again_once_for_each_end_and_not_for_ever() -> None:
    async with site(people(2)) as place, performer(place, Notify()) as performing:
        attempt = await begun(performing, request("notify_user"))
        left = await performing.look(attempt)
        assert (left.state, left.reason, place.tenant.mails) == ("uncertain", "interrupted", [])
        for sent in range(1, MOST_ATTEMPTS):
            attempt = resumed(attempt, NOW_MS)
            outcome = await performing.perform(attempt)
            assert (outcome.state, outcome.reason, len(place.tenant.mails)) == ("uncertain", "interrupted", sent)
        last = await performing.perform(resumed(attempt, NOW_MS))
        assert (last.state, last.reason, last.detail) == ("uncertain", "interrupted", GIVEN_UP)
        assert len(place.tenant.mails) == MOST_ATTEMPTS - 1


async def test_a_mail_that_was_refused_is_begun_anew_and_one_without_an_answer_is_sent_once_more() -> None:
    async with site(people(2)) as place, performer(place, Notify()) as performing:
        place.tenant.fault(Fault(kind="throttle", method="POST", count=0, duration_s=100))
        failed = await performing.perform(await begun(performing, request("notify_user")))
        assert (failed.state, failed.reason, place.tenant.mails) == ("failed", "throttled", [])
        place.tenant.faults.clear()
        anew = await begun(performing, retried(failed, NOW_MS))
        assert anew.attempt == 1
        assert (await performing.perform(anew)).state == "succeeded"
        place.tenant.fault(Fault(kind="lost", method="POST"))
        lost = await performing.perform(await begun(performing, request("notify_user", origin="f2")))
        assert (lost.state, lost.reason, len(place.tenant.mails)) == ("uncertain", "unavailable", 3)
        place.tenant.fault(Fault(kind="reset", method="POST"))  # it never came, but nobody can know
        third = resumed(await begun(performing, request("notify_user", origin="f3")), NOW_MS)
        unheard = await performing.perform(third)
        assert (unheard.state, unheard.detail, len(place.tenant.mails)) == ("uncertain", UNHEARD, 4)


async def test_nobody_to_write_to_is_told() -> None:
    async with site(people(2)) as place:
        async with performer(place, Notify()) as performing:
            nobody = await performing.prepare(request("notify"), standing())
            nameless = await performing.prepare(request("notify_user"), standing(addresses=("", "~id-77")))
        assert (nobody.state, nobody.reason) == ("failed", "invalid")
        assert (nameless.state, nameless.reason) == ("skipped", "unknown_user")


async def test_only_who_is_known_is_written_to_and_at_one_address() -> None:
    async with site(people(2)) as place, performer(place, Notify()) as performing:
        typed = standing(addresses=("anybody@elsewhere.example",), known=False)
        several = standing(
            addresses=("x", "a@b.example,ceo@acme.example", "Jane <jane@acme.example>", "j@acme.example\nBcc:")
        )
        for who in (typed, several):
            outcome = await performing.prepare(request("notify_user"), who)
            assert (outcome.state, outcome.reason) == ("skipped", "unknown_user")


def test_what_people_call_themselves_stays_on_one_line_and_is_no_markup() -> None:
    letter = letter_of(request("notify_user", user="x@y.example\n\nClick <a href='https://evil.example'>here</a>"))
    assert "x@y.example Click" in letter.text
    assert "<a href" not in letter.html
    long = letter_of(request("notify", why="wörd " * 200_000))
    assert len(long.subject) <= SUBJECT_CHARS


class Receiver:
    """A server that webhooks are posted to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, dict[str, Any]]] = []
        self.answers: list[int] = []
        self.endless = False

    async def take(self, asked: Request) -> Response:
        body = msgspec.json.decode(await asked.body(), type=dict[str, Any])
        self.got.append((asked.url.path, asked.headers["idempotency-key"], body))
        if self.endless:
            return StreamingResponse(self._drops())
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    async def _drops(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    found = Receiver()
    routes = [Route("/{name}", found.take, methods=["POST"])]
    async with serving(routes, Wire(), RealClock(), "127.0.0.1", 0) as url:
        yield found, url


async def test_webhooks_get_what_each_takes_with_the_actions_uid_as_key() -> None:
    async with site(people(2)) as place, receiver() as (got, url):
        hooks = tuple(Webhook(url=f"{url}/{shape}", shape=shape) for shape in ("json", "slack", "teams"))
        async with performer(place, Notify(webhooks=hooks, addresses=("soc@acme.example",))) as performing:
            outcome = await performing.perform(await begun(performing, request("notify", why=WHY)))
            assert outcome.state == "succeeded"
            assert {key for _, key, _ in got.got} == {outcome.uid}
            bodies = {path: body for path, _, body in got.got}
            assert bodies["/json"]["id"] == outcome.uid
            assert "Jane &lt;jane&gt; deleted" in bodies["/slack"]["text"]
            assert bodies["/teams"]["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
            assert place.tenant.mails[0].to == ("soc@acme.example",)


@pytest.mark.parametrize(("status", "reason"), [(503, "unavailable"), (429, "throttled"), (404, "invalid")])
async def test_a_webhook_that_was_told_is_not_told_again_when_another_fails(status: int, reason: str) -> None:
    async with site(people(2)) as place, receiver() as (got, url):
        hooks = (Webhook(url=f"{url}/one", shape="slack"), Webhook(url=f"{url}/two"))
        async with performer(place, Notify(webhooks=hooks)) as performing:
            got.answers = [200, status]
            failed = await performing.perform(await begun(performing, request("notify")))
            assert (failed.state, failed.reason) == ("failed", reason)
            assert url not in failed.detail
            outcome = await performing.perform(await begun(performing, retried(failed, NOW_MS)))
            assert outcome.state == "succeeded"
            assert [path for path, _, _ in got.got] == ["/one", "/two", "/two"]


async def test_one_dead_webhook_silences_nobody_else() -> None:
    async with site(people(2)) as place, receiver() as (got, url):
        hooks = tuple(Webhook(url=f"{url}/{name}", shape="slack") for name in ("one", "two", "three"))
        async with performer(place, Notify(webhooks=hooks, addresses=("soc@acme.example",))) as performing:
            got.answers = [404, 503, 200]
            failed = await performing.perform(await begun(performing, request("notify")))
            assert (failed.state, failed.reason) == ("failed", "unavailable")  # so it is tried again
            assert "webhook 1 answered 404; webhook 2 answered 503" in failed.detail
            assert failed.items == ("webhook 3 (slack)", "soc@acme.example")
            got.answers = [404, 200]
            still = await performing.perform(await begun(performing, retried(failed, NOW_MS)))
            assert (still.state, still.reason) == ("failed", "invalid")
            outcome = await performing.perform(await begun(performing, again(still, "ann", NOW_MS)))
        assert outcome.state == "succeeded"
        assert sorted(outcome.items) == sorted([*(f"webhook {n} (slack)" for n in (1, 2, 3)), "soc@acme.example"])
        assert [path for path, _, _ in got.got] == ["/one", "/two", "/three", "/one", "/two", "/one"]
        assert len(place.tenant.mails) == 1


async def test_a_mail_without_an_answer_beside_a_dead_webhook_is_sent_again_and_called_uncertain() -> None:
    async with site(people(2)) as place, receiver() as (got, url):
        hooks = (Webhook(url=f"{url}/one"),)
        async with performer(place, Notify(webhooks=hooks, addresses=("soc@acme.example",))) as performing:
            got.answers = [503]
            place.tenant.fault(Fault(kind="reset", method="POST", path="/v1.0/users/", count=2))
            failed = await performing.perform(await begun(performing, request("notify")))
            assert (failed.state, place.tenant.mails) == ("failed", [])
            outcome = await performing.perform(await begun(performing, retried(failed, NOW_MS)))
        assert (outcome.state, outcome.detail) == ("uncertain", UNHEARD)
        assert outcome.items == ("webhook 1 (json)", "soc@acme.example")
        assert len(place.tenant.mails) == 1


async def test_a_users_name_makes_no_link_in_teams() -> None:
    async with site(people(2)) as place, receiver() as (got, url):
        hooks = (Webhook(url=f"{url}/teams", shape="teams"),)
        async with performer(place, Notify(webhooks=hooks)) as performing:
            await performing.perform(await begun(performing, request("notify", user="[x](https://evil.example)@y")))
        text = got.got[0][2]["attachments"][0]["content"]["body"][0]["text"]
        assert "\\[x\\](https" in text


async def test_a_webhook_without_an_end_does_not_hold_up_anything() -> None:
    async with site(people(2)) as place, receiver() as (got, url):
        got.endless = True
        async with performer(place, Notify(webhooks=(Webhook(url=f"{url}/json"),))) as performing:
            outcome = await performing.perform(await begun(performing, request("notify")))
        assert outcome.state == "succeeded"


@pytest.mark.parametrize(("shape", "state"), [("slack", "uncertain"), ("json", "succeeded")])
async def test_a_message_without_an_answer_may_have_come_where_no_key_tells_doubles(
    shape: Literal["slack", "json"], state: str
) -> None:
    asked = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        if asked > 1:  # the first is taken, and never answered
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1")
    hook = Webhook(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", shape=shape)
    async with site(people(2)) as place, performer(place, Notify(webhooks=(hook,))) as performing:
        failed = await performing.perform(await begun(performing, request("notify")))
        assert (failed.state, failed.reason) == ("failed", "unavailable")
        outcome = await performing.perform(await begun(performing, retried(failed, NOW_MS)))
        assert (outcome.state, asked) == (state, 2)
    server.close()
    await server.wait_closed()


async def test_an_address_may_stand_in_a_file_and_one_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("https://hooks.example.com/x\n")
    assert Webhook(url_file=str(tmp_path / "secret")).address() == "https://hooks.example.com/x"
    (tmp_path / FILE).write_text("notify: {webhooks: [{url: 'ftp://x'}]}")
    with pytest.raises(RulesError, match="begins with https"):
        read_rules(tmp_path / FILE)
