"""A tenant over real HTTP, and a client of it whose clock jumps: whoever sleeps moves the tenant's clock at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx

from connectors.entra.client import GraphClient
from simulators.clock import VirtualClock, from_iso
from simulators.entra import EntraSimulator, Switches
from streams.secret import Secret
from streams.sections import EntraSettings

NOW_MS = from_iso("2025-11-24T08:00:00Z")
SECRET = "s3cret+of/the app"  # noqa: S105 - of a stand-in, with what addresses must quote


class JumpingClock:
    """The tenant's clock, moved by whoever sleeps."""

    def __init__(self, virtual: VirtualClock) -> None:
        self.virtual = virtual
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self.virtual.now_ms()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.virtual.advance(seconds)
        await asyncio.sleep(0)


class Site:
    """A tenant that is served, a client of it, and the clock of both."""

    def __init__(self, tenant: EntraSimulator, client: GraphClient, clock: JumpingClock, entra: EntraSettings) -> None:
        self.tenant = tenant
        self.client = client
        self.clock = clock
        self.entra = entra


def people(count: int) -> list[dict[str, Any]]:
    """`count` users `user0@example.com`, ... with the ids u0, ..."""
    return [
        {
            "id": f"u{n}",
            "userPrincipalName": f"user{n}@example.com",
            "mail": f"user{n}@example.com",
            "displayName": f"User {n}",
        }
        for n in range(count)
    ]


def settings_for(tenant: EntraSimulator, url: str, changes: Mapping[str, Any] | None = None) -> EntraSettings:
    fields: dict[str, Any] = {
        "tenant": tenant.name, "client_id": tenant.client_id, "client_secret": Secret(tenant.client_secret),
        "graph_url": url, "login_url": url, "mailbox": "user0@example.com",
    }  # fmt: skip
    return EntraSettings(**(fields | dict(changes or {})))


@contextlib.asynccontextmanager
async def site(
    users: Sequence[Mapping[str, Any]] = (),
    *,
    apps: Any = (),
    draw: float = 1.0,
    timeouts: httpx.Timeout | None = None,
    settings: Mapping[str, Any] | None = None,
    limited: bool = False,
    **switches: Any,
) -> AsyncIterator[Site]:
    """No limits unless `limited` or a switch sets one. `draw`: what chance gives, 1 for the longest pauses."""
    clock = VirtualClock(NOW_MS)
    turned = Switches(**switches) if limited else Switches.unlimited(**switches)
    tenant = EntraSimulator(users, clock, turned, apps=apps, client_secret=SECRET)
    async with tenant.serve() as url:
        entra, jumping = settings_for(tenant, url, settings), JumpingClock(clock)
        more = {} if timeouts is None else {"timeouts": timeouts}
        async with GraphClient(entra, clock=jumping, draw=lambda: draw, **more) as client:
            yield Site(tenant, client, jumping, entra)


def requests_of(tenant: EntraSimulator, method: str = "", path: str = "/v1.0/") -> list[int]:
    """The statuses of the requests with `method` (any where empty) for paths that begin with `path`."""
    return [
        record.status
        for record in tenant.journal.records()
        if record.path.startswith(path) and record.method.startswith(method)
    ]
