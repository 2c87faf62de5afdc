"""A served simulator and a client that talks to it over a real socket."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from simulators.clock import VirtualClock, from_iso, iso
from simulators.egnyte import EgnyteSimulator, Switches

NOW_MS = from_iso("2025-11-24T08:00:00Z")
STREAM = "/pubapi/v2/audit/stream"
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used, for all is plain HTTP; making the usual one takes longer than most tests."""


class Served:
    """A running simulator, with the few requests that tests make."""

    def __init__(self, simulator: EgnyteSimulator, clock: VirtualClock, client: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.clock = clock
        self.client = client

    async def start(self, hours_back: float = 1.0, **more: Any) -> httpx.Response:
        """A first request, from `hours_back` on."""
        start_ms = self.clock.now_ms() - round(hours_back * 3_600_000)
        return await self.client.get(STREAM, params={"startDate": iso(start_ms), **more})

    async def follow(self, cursor: str, **more: Any) -> httpx.Response:
        """The next page."""
        return await self.client.get(STREAM, params={"nextCursor": cursor, **more})

    async def drain(self, cursor: str) -> tuple[list[Any], str, int]:
        """All events behind `cursor`, the last cursor, and the number of pages."""
        events: list[Any] = []
        pages, more = 0, True
        while more:
            answer = await self.follow(cursor)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            events += page["events"]
            cursor, more, pages = page["nextCursor"], page["moreEvents"], pages + 1
        return events, cursor, pages

    async def drain_from(self, hours_back: float) -> tuple[list[Any], str, int]:
        """The same, from a startDate on."""
        page = (await self.start(hours_back)).json()
        if not page["moreEvents"]:
            return page["events"], page["nextCursor"], 1
        events, cursor, pages = await self.drain(page["nextCursor"])
        return page["events"] + events, cursor, pages + 1


Serve = Callable[..., contextlib.AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve() -> Serve:
    """`async with serve(events, **switches) as served`: no limits unless a switch sets one; time is `NOW_MS`."""

    @contextlib.asynccontextmanager
    async def served(events: Any = (), **switches: Any) -> AsyncIterator[Served]:
        clock = VirtualClock(NOW_MS)
        simulator = EgnyteSimulator(events, clock, Switches.unlimited(**switches))
        headers = {"Authorization": f"Bearer {simulator.token}"}
        async with (
            simulator.serve() as url,
            httpx.AsyncClient(base_url=url, headers=headers, timeout=10, verify=PLAIN) as client,
        ):
            yield Served(simulator, clock, client)

    return served


@pytest.fixture
def minutes_back() -> Callable[..., dict[str, Any]]:
    """`minutes_back(5, "LOGIN_AUDIT", **fields)`: an event so many minutes before `NOW_MS`."""

    def event(minutes: float, source: str = "FILE_AUDIT", **fields: Any) -> dict[str, Any]:
        return {"date": NOW_MS - round(minutes * 60_000), "auditSource": source, **fields}

    return event
