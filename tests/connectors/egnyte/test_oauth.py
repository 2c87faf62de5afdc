"""Getting, refreshing and revoking tokens, over real HTTP against the simulated Egnyte."""

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from connectors.egnyte.oauth import OAuth, OAuthError, code_in, new_state
from connectors.egnyte.redirect import Redirect, can_receive
from simulators.egnyte import App, EgnyteSimulator, Fault, Switches
from streams.secret import Secret
from tests.console.connecting import free_port

KEY = App()
BACK = "http://localhost:8910/callback"
SCOPES = ("Egnyte.audit",)


class Clock:
    """Notes how long it was waited, and waits not at all."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return 0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def timeout(self, seconds: float) -> Any:
        return asyncio.timeout(seconds)


@asynccontextmanager
async def site(secret: str = KEY.client_secret, **switches: Any) -> AsyncIterator[tuple[EgnyteSimulator, OAuth, Clock]]:
    egnyte, clock = EgnyteSimulator(switches=Switches.unlimited(**switches)), Clock()
    async with egnyte.serve() as url:
        yield egnyte, OAuth(url, KEY.client_id, Secret(secret), BACK, clock=clock), clock


def code_for(egnyte: EgnyteSimulator, oauth: OAuth) -> str:
    """What the person's yes comes to."""
    asked = dict(httpx.URL(oauth.page(SCOPES, "state")).params)
    return egnyte.oauth.code(egnyte.oauth.asked(asked), egnyte.account, egnyte.switches, egnyte.clock.now_ms())


@pytest.mark.parametrize(("lasts_s", "refreshes"), [(2_592_000, True), (2_592_000, False), (0, True)])
async def test_both_kinds_of_tokens(lasts_s: int, refreshes: bool) -> None:
    async with site(token_lasts_s=lasts_s, refresh_tokens=refreshes) as (egnyte, oauth, _):
        grant = await oauth.exchange(code_for(egnyte, oauth), SCOPES)
        assert grant.lasts_s == lasts_s
        assert bool(grant.refresh_token) == bool(lasts_s and refreshes)
        found = egnyte.access.grant(f"Bearer {grant.token.reveal()}", egnyte.clock.now_ms())
        assert found is not None
        assert found.scopes == SCOPES
        assert grant.token.reveal() not in repr(grant)


@pytest.mark.parametrize("rotates", [True, False])
async def test_refreshing_keeps_the_refresh_token_where_none_comes_back(rotates: bool) -> None:
    async with site(refresh_rotates=rotates) as (egnyte, oauth, _):
        first = await oauth.exchange(code_for(egnyte, oauth), SCOPES)
        second = await oauth.refresh(first.refresh_token)
        assert second.token != first.token
        assert (second.refresh_token != first.refresh_token) is rotates
        third = await oauth.refresh(second.refresh_token)
        assert third.token != second.token


async def test_revoking_ends_both_tokens_and_may_be_repeated() -> None:
    async with site() as (egnyte, oauth, _):
        grant = await oauth.exchange(code_for(egnyte, oauth), SCOPES)
        for _ in range(2):
            await oauth.revoke(grant.token)
        with pytest.raises(OAuthError, match="used, revoked or expired: egnyte-watch rotate"):
            await oauth.refresh(grant.refresh_token)


@pytest.mark.parametrize("style", ["oauth", "html", "text"])
async def test_refusals_are_told_in_words_without_secrets(style: str) -> None:
    async with site(token_errors=style) as (_, oauth, _), site("wr0ng-secret", token_errors=style) as (_, stranger, _):
        with pytest.raises(OAuthError, match="wrong, was used already, or has expired") as caught:
            await oauth.exchange("a-c0de-of-nobody", SCOPES)
        assert caught.value.kind == "grant"
        with pytest.raises(OAuthError, match="is not that of an API key") as other:
            await stranger.exchange("a-c0de-of-nobody", SCOPES)
        assert other.value.kind == "client"
        for error in (caught.value, other.value):
            assert "<h1>" not in str(error)
            assert not [each for each in ("a-c0de-of-nobody", "wr0ng-secret", KEY.client_secret) if each in str(error)]


async def test_a_busy_endpoint_is_waited_for_and_a_long_pause_is_told() -> None:
    async with site() as (egnyte, oauth, clock):
        egnyte.fault(Fault(kind="status", status=409, retry_after_s=7, path="/puboauth/"))
        egnyte.fault(Fault(kind="status", status=503, path="/puboauth/"))
        code = code_for(egnyte, oauth)
        assert await oauth.exchange(code, SCOPES)
        assert clock.slept == [7.0, 5.0]
        egnyte.fault(Fault(kind="status", status=409, retry_after_s=3_000, path="/puboauth/"))
        with pytest.raises(OAuthError, match=r"no tokens now \(409\): try again in 3000 s"):
            await oauth.exchange(code, SCOPES)
        assert len(clock.slept) == 2
        egnyte.fault(Fault(kind="html", path="/puboauth/"))
        with pytest.raises(OAuthError, match="answered with no token but"):
            await oauth.exchange(code, SCOPES)


def quoting(request: httpx.Request) -> httpx.Response:
    """A gateway that says what it was sent."""
    return httpx.Response(400, text=f"bad: {request.content.decode()} {request.headers.get('authorization', '')}")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(200, json={"access_token": ""}), "empty or broken token"),
        (httpx.Response(200, json={"access_token": "two words"}), "empty or broken token"),
        (httpx.Response(200, json={"token": "x"}), "answered with no token"),
        (httpx.Response(200, content=b"\xff" * 1_000_000), "answered with no token but 65536 bytes"),
        (httpx.Response(200, json=[1]), "answered with no token"),
        (httpx.ConnectError("no route to s3cret-of-the-key"), "can't be reached"),
    ],
)
async def test_strange_answers(answer: httpx.Response | Exception, told: str) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx.MockTransport(handle)
    oauth = OAuth("https://acme.egnyte.com", "id", Secret("s3cret-of-the-key"), BACK, transport=transport)
    with pytest.raises(OAuthError) as caught:
        await oauth.exchange("c0de", SCOPES)
    assert told in str(caught.value)
    assert "s3cret-of-the-key" not in str(caught.value)


async def test_a_gateway_that_quotes_what_it_was_sent_gives_nothing_away() -> None:
    transport = httpx.MockTransport(quoting)
    oauth = OAuth("https://acme.egnyte.com", "id", Secret("s3cret-key"), BACK, transport=transport)
    for call in (oauth.refresh(Secret("refresh-t0ken")), oauth.revoke(Secret("access-t0ken"))):
        with pytest.raises(OAuthError) as caught:
            await call
        assert not [each for each in ("s3cret-key", "refresh-t0ken", "access-t0ken") if each in str(caught.value)]


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        (f"{BACK}?code=c0de&state=STATE", "c0de"),
        (f"  {BACK}?state=STATE&code=c0de#x \n", "c0de"),
        ("?code=c0de&state=STATE", "c0de"),
        ("c0de-alone", "c0de-alone"),
    ],
)
def test_what_may_be_pasted(pasted: str, code: str) -> None:
    assert code_in(pasted.replace("STATE", "s"), "s") == code


@pytest.mark.parametrize(
    ("pasted", "kind"),
    [
        (f"{BACK}?code=c0de&state=another", "answer"),
        (f"{BACK}?code=c0de", "answer"),
        (f"{BACK}?error=access_denied&state=s", "denied"),
        (f"{BACK}?error=server_error&error_description=no%20luck&state=s", "denied"),
        (f"{BACK}?state=s", "answer"),
        ("two words", "answer"),
        ("", "answer"),
    ],
)
def test_what_may_not_be(pasted: str, kind: str) -> None:
    with pytest.raises(OAuthError) as caught:
        code_in(pasted, "s")
    assert caught.value.kind == kind


def get(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of this machine
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_redirect_takes_one_answer_of_its_own_and_no_other() -> None:
    base, state = f"http://127.0.0.1:{free_port()}", new_state()
    found: list[str] = []
    with Redirect(f"{base}/callback", state) as redirect:
        waiting = threading.Thread(target=lambda: found.append(redirect.wait(30)))
        waiting.start()
        for path in ("/favicon.ico", "/callback", "/callback?code=x&state=guessed", "/other?code=x&state=" + state):
            assert get(base + path) in {400, 404}
        assert get(f"{base}/callback?error=access_denied&state=guessed") == 400
        assert get(f"{base}/callback?code=c0de&state={state}") == 200
        waiting.join(30)
    assert found == ["c0de"]
    with pytest.raises(urllib.error.URLError):
        get(f"{base}/callback?code=c0de&state={state}")


def test_nobody_answers_in_time() -> None:
    with (
        Redirect(f"http://127.0.0.1:{free_port()}/callback", "s") as redirect,
        pytest.raises(OAuthError, match="no answer came from the browser"),
    ):
        redirect.wait(0)


def test_a_port_that_is_taken_is_told() -> None:
    uri = f"http://127.0.0.1:{free_port()}/callback"
    with Redirect(uri, "s"), pytest.raises(OAuthError, match=r"can't be listened on .*: free it, or use --paste"):
        Redirect(uri, "s")


@pytest.mark.parametrize(
    ("uri", "here"),
    [
        (BACK, True), ("http://127.0.0.1:1/", True), ("https://localhost:8910/callback", False),
        ("https://acme.example/oauth", False), ("http://acme.example/oauth", False),
    ],
)  # fmt: skip
def test_which_answers_come_to_this_machine(uri: str, here: bool) -> None:
    assert can_receive(uri) is here
