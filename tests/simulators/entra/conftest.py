"""A served tenant and a client that talks to it over a real socket, with a token."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx
import pytest

from simulators.clock import VirtualClock
from simulators.entra import EntraSimulator, Switches
from tests.simulators.entra.harness import NOW_MS, PLAIN, SECRET, Served

Serve = Callable[..., contextlib.AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve() -> Serve:
    """`async with serve(users, apps=(), **switches) as served`: no limits unless a switch sets one; it is `NOW_MS`."""

    @contextlib.asynccontextmanager
    async def served(users: Sequence[Mapping[str, Any]] = (), apps: Any = (), **switches: Any) -> AsyncIterator[Served]:
        clock = VirtualClock(NOW_MS)
        simulator = EntraSimulator(users, clock, Switches.unlimited(**switches), apps=apps, client_secret=SECRET)
        async with (
            simulator.serve() as url,
            httpx.AsyncClient(base_url=url, timeout=10, verify=PLAIN) as client,
        ):
            found = Served(simulator, clock, client)
            await found.log_in()
            yield found

    return served
