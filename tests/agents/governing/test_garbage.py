"""Graph and Egnyte answering what they never should: an action fails with words, and nothing raises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agents.governing.in_egnyte import InEgnyte
from agents.governing.in_entra import InEntra
from connectors.egnyte.actions import EgnyteActions
from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.clock import SystemClock
from connectors.entra.actions import EntraActions
from connectors.entra.client import GraphClient
from schemas.governance import Action
from simulators.clock import RealClock
from simulators.serving import serving
from simulators.wire import Wire
from streams.secret import Secret
from streams.sections import EntraSettings
from tests.agents.governing.records import request, standing

WITHIN_S = 0.2
GARBAGE = (
    b"", b"null", b"[]", b"\xff\xfe", b'{"id": 7}', b'{"id":"e1","accountEnabled":"yes"}', b"[" * 100_000,
    b'{"id":' + b"[" * 100_000, b'{"userName":"","active":true}', b'{"userName":"jane","active":1}',
)  # fmt: skip


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[str]:
    """A server whose login works, and which answers all else with `body`."""

    async def answer(asked: Request) -> Response:
        if asked.url.path.endswith("/token"):
            token = {"token_type": "Bearer", "expires_in": 3599, "access_token": "t"}
            return Response(msgspec.json.encode(token), media_type="application/json")
        return Response(body, media_type="application/json")

    routes = [Route("/{rest:path}", answer, methods=["GET", "POST", "PATCH", "DELETE"])]
    async with serving(routes, Wire(), RealClock(), "127.0.0.1", 0) as url:
        yield url


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_of_graph_fails_an_action(body: bytes) -> None:
    async with answering(body) as url:
        entra = EntraSettings(tenant="t", client_id="c", client_secret=Secret("s"), graph_url=url, login_url=url)
        async with GraphClient(entra) as graph:
            performer = InEntra(EntraActions(graph, within_s=WITHIN_S), SystemClock().now_ms)
            outcome = await performer.prepare(request(), standing())
    assert (outcome.state, outcome.reason) == ("failed", "unavailable")
    assert outcome.detail


@pytest.mark.parametrize("action", ["deactivate_egnyte_user", "revoke_links"])
@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_of_egnyte_fails_an_action(body: bytes, action: str) -> None:
    async def nothing_new() -> None:
        """No newer token is there."""

    async with answering(body) as url, EgnyteApi(url, Secret("t")) as api:
        actions = EgnyteActions(api, SystemClock(), within_s=WITHIN_S)
        performer = InEgnyte(lambda: actions, SystemClock().now_ms, nothing_new)
        outcome = await performer.prepare(request(cast(Action, action)), standing())
    assert (outcome.state, outcome.reason) == ("failed", "unavailable")
    assert outcome.detail


async def test_a_date_that_is_none_is_not_known() -> None:
    body = b'{"id":"e1","accountEnabled":true,"signInSessionsValidFromDateTime":"99999-13-45T99:99:99Z"}'
    async with answering(body) as url:
        entra = EntraSettings(tenant="t", client_id="c", client_secret=Secret("s"), graph_url=url, login_url=url)
        async with GraphClient(entra) as graph:
            performer = InEntra(EntraActions(graph, within_s=WITHIN_S), SystemClock().now_ms)
            outcome = await performer.prepare(request(), standing())
    assert (outcome.state, outcome.before) == ("started", {"e1": {"enabled": True, "sessions_from_ms": 0}})
