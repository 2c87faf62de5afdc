"""Answers and refusals in every form they are known to take; the token never shows."""

import traceback
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from connectors.egnyte.client import EgnyteClient
from connectors.egnyte.refusals import (
    CursorRefused,
    Forbidden,
    Malformed,
    NoAnswer,
    RequestRefused,
    ServerFault,
    Throttled,
    Unauthorized,
    Unreachable,
)
from simulators.clock import VirtualClock
from simulators.egnyte import Account, EgnyteSimulator, Fault, Switches
from streams.secret import Secret
from tests.connectors.egnyte.harness import NOW_MS, upload

TOKEN = "s3cret-token-of-acme"  # noqa: S105 - of no real domain


def simulator(**switches: Any) -> EgnyteSimulator:
    events = [upload(number, date=NOW_MS - 1_000 + number) for number in range(3)]
    return EgnyteSimulator(events, VirtualClock(NOW_MS), Switches(**switches), token=TOKEN)


async def ask(egnyte: EgnyteSimulator, **asked: Any) -> Any:
    async with egnyte.serve() as url, EgnyteClient(url, Secret(TOKEN)) as client:
        return await client.page(**(asked or {"start_ms": NOW_MS - 60_000}))


async def refusal(egnyte: EgnyteSimulator, **asked: Any) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        await ask(egnyte, **asked)
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    return caught.value


def client_of(status: int, body: bytes, headers: dict[str, str] | None = None) -> EgnyteClient:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers=headers)

    return EgnyteClient("https://acme.egnyte.com", Secret(TOKEN), transport=httpx.MockTransport(answer))


async def refusal_of(status: int, body: bytes, headers: dict[str, str] | None = None, cursor: str = "x") -> NoAnswer:
    async with client_of(status, body, headers) as client:
        with pytest.raises(NoAnswer) as caught:
            await client.page(cursor=cursor)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    return caught.value


async def test_a_page_comes_with_its_events_and_what_is_left_of_the_limits() -> None:
    egnyte = simulator()
    answer = await ask(egnyte)
    assert answer.page.events == egnyte.visible_events()
    assert (answer.minute_left, answer.hour_left) == (9, 99)


async def test_the_request_is_what_egnyte_wants() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b'{"nextCursor":"x"}')

    async with EgnyteClient("https://a.egnyte.com/", Secret(TOKEN), transport=httpx.MockTransport(answer)) as client:
        await client.page(start_ms=NOW_MS + 999)
        await client.page(cursor="AAQ", start_ms=NOW_MS)
    assert [str(request.url) for request in seen] == ["https://a.egnyte.com/pubapi/v2/audit/stream"] * 2
    assert [request.content for request in seen] == [b'{"startDate":"2025-11-24T08:00:00Z"}', b'{"nextCursor":"AAQ"}']
    assert seen[0].method == "POST"
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert seen[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("style", ["429", "mashery", "fault"])
async def test_throttles_of_every_style(style: str) -> None:
    egnyte = simulator(throttle_style=style)
    egnyte.fault(Fault(kind="throttle", retry_after_s=20))
    found = await refusal(egnyte)
    assert isinstance(found, Throttled)
    assert found.retry_after_s == 20


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("20", 20.0), ("0", 0.0), ("soon", None), (None, None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("-1", None)],
)
async def test_retry_after_in_every_form(header: str | None, seconds: float | None) -> None:
    found = await refusal_of(429, b"<h1>rate limit</h1>", {"retry-after": header} if header is not None else None)
    assert isinstance(found, Throttled)
    assert found.retry_after_s == seconds


@pytest.mark.parametrize(
    "style", ["html", "errors", "error_list", "input_errors", "form_errors", "message", "oauth", "text"]
)
async def test_refusals_are_told_apart_in_every_style(style: str) -> None:
    egnyte = simulator(error_style=style)
    assert type(await refusal(egnyte, cursor="nonsense")) is CursorRefused
    assert type(await refusal(egnyte, start_ms=NOW_MS - 30 * 86_400_000)) is RequestRefused
    egnyte.fault(Fault(kind="status", status=503, retry_after_s=7))
    found = await refusal(egnyte)
    assert isinstance(found, ServerFault)
    assert found.retry_after_s == 7
    egnyte.revoke_token()
    assert type(await refusal(egnyte)) is Unauthorized


async def test_an_inactive_developer_is_a_bad_token() -> None:
    found = await refusal_of(
        403, b"<h1>Developer Inactive</h1>", {"X-Mashery-Error-Code": "ERR_403_DEVELOPER_INACTIVE"}
    )
    assert type(found) is Unauthorized


async def test_who_may_not_read_the_stream_is_told_why() -> None:
    plan = await refusal(simulator(plan_has_audit=False))
    person = EgnyteSimulator(
        [], VirtualClock(NOW_MS), Switches(), token=TOKEN, account=Account(user_type="power", can_run_reports=False)
    )
    role = await refusal(person)
    unscoped = simulator()
    unscoped.issue_token(token=TOKEN, scopes=("Egnyte.filesystem",))
    scope = await refusal(unscoped)
    assert [found.by for found in (plan, role, scope) if isinstance(found, Forbidden)] == ["plan", "role", "scope"]
    unknown = await refusal_of(403, b"")
    assert isinstance(unknown, Forbidden)
    assert unknown.by == "unknown"
    assert "Egnyte.audit" in str(unknown)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("reset", Unreachable), ("truncate", Unreachable), ("cut_json", Malformed), ("html", Malformed)],
)
async def test_damaged_answers(kind: Any, error: type[NoAnswer]) -> None:
    egnyte = simulator()
    egnyte.fault(Fault(kind=kind))
    assert type(await refusal(egnyte)) is error


async def test_nobody_listens() -> None:
    async with simulator().serve() as url:
        pass
    async with EgnyteClient(url, Secret(TOKEN)) as client:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
            await client.page(cursor="x")


async def test_redirects_are_not_followed_with_the_token() -> None:
    found = await refusal_of(302, b"", {"location": "https://elsewhere.example.com/"})
    assert isinstance(found, ServerFault)


async def test_a_gateway_that_quotes_the_token_is_not_quoted() -> None:
    found = await refusal_of(401, f"no such token: {TOKEN}".encode())
    assert "no such token: ****" in str(found)


async def test_an_answer_that_unpacks_badly_is_malformed() -> None:
    found = await refusal_of(200, b"not gzip", {"content-encoding": "gzip"})
    assert type(found) is Malformed


async def test_an_endless_answer_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.egnyte.api.MAX_ANSWER_BYTES", 10_000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000
            yield b"x" * 1_000

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=endless())

    async with EgnyteClient("https://a.egnyte.com", Secret(TOKEN), transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(Malformed, match="larger than 10000"):
            await client.page(cursor="x")
    assert sent < 20_000


@pytest.mark.parametrize(
    ("url", "token", "allow_http", "words"),
    [
        ("", TOKEN, False, "egnyte.url"),
        ("ftp://acme.egnyte.com", TOKEN, False, "egnyte.url"),
        ("http://acme.egnyte.com", TOKEN, False, "in clear"),
        ("https://acme.egnyte.com", "", False, "egnyte.token"),
        ("https://acme.egnyte.com", f"{TOKEN}\nX-Evil: 1", False, "egnyte.token"),
        ("https://acme.egnyte.com", "tökén", False, "egnyte.token"),
    ],
)
def test_settings_that_cannot_be_used(url: str, token: str, allow_http: bool, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        EgnyteClient(url, Secret(token), allow_http=allow_http)
    assert TOKEN not in str(caught.value)


def test_plain_http_needs_a_loopback_or_a_switch() -> None:
    for url, allow_http in (
        ("http://127.0.0.1:8080", False),
        ("http://localhost", False),
        ("http://egnyte-simulator:8080", True),
    ):
        assert TOKEN not in repr(EgnyteClient(url, Secret(TOKEN), allow_http=allow_http))
    with pytest.raises(ValueError, match="http"):
        EgnyteClient("http://egnyte-simulator:8080", Secret(TOKEN))
