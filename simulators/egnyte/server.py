"""Serves a simulator over HTTP."""

import contextlib
from collections.abc import AsyncIterator

from simulators.egnyte.control import Control
from simulators.egnyte.domain import Domain
from simulators.egnyte.pubapi import PublicApi
from simulators.egnyte.signin import SignIn
from simulators.serving import serving
from simulators.wire import Wire


@contextlib.asynccontextmanager
async def serve(domain: Domain, host: str, port: int) -> AsyncIterator[str]:
    """Serves `domain` while the context lasts; yields its base URL. Raises OSError where the port is taken."""
    wire = Wire()
    routes = PublicApi(domain, wire).routes() + SignIn(domain).routes() + Control(domain).routes()
    async with serving(routes, wire, domain.clock, host, port) as url:
        yield url
