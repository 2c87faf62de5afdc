"""Actions at Egnyte, by answers that the simulator does not give."""

import asyncio

import httpx
import pytest

from connectors.egnyte.actions import EgnyteActions
from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.refusals import ServerFault
from simulators.clock import VirtualClock
from streams.secret import Secret
from tests.connectors.egnyte.harness import JumpingClock

NOON_MS = 1_763_985_600_000


@pytest.mark.parametrize("status", [302, 304])
async def test_who_is_sent_elsewhere_has_changed_nothing(status: int) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        body = b'{"userName": "jane", "active": false}' if request.method == "PATCH" else b""
        return httpx.Response(status, headers={"location": "/login"}, content=body)

    clock = JumpingClock(VirtualClock(NOON_MS), 2**62, asyncio.Event())
    transport = httpx.MockTransport(answer)
    async with EgnyteApi("https://acme.egnyte.com", Secret("t"), clock=clock, transport=transport) as api:
        actions = EgnyteActions(api, clock)
        with pytest.raises(ServerFault, match=str(status)):
            await actions.delete_link("abc")
        with pytest.raises(ServerFault, match=str(status)):
            await actions.set_active("77", active=False)
