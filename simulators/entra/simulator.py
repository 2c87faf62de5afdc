"""The simulator as a library."""

import contextlib
from collections.abc import AsyncIterator

from simulators.entra.control import Control
from simulators.entra.graph import Graph
from simulators.entra.tenant import Tenant
from simulators.serving import serving
from simulators.wire import Wire


class EntraSimulator(Tenant):
    """Stands in for Entra ID and Microsoft Graph: one tenant, Graph and login server at one address.

    simulator = EntraSimulator([{"userPrincipalName": "jane@example.com"}], VirtualClock(start_ms))
    async with simulator.serve() as url:
        ...  # POST {url}/{simulator.name}/oauth2/v2.0/token, then GET {url}/v1.0/users/delta
    """

    @contextlib.asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serves on `host` while the context lasts, on a free port where `port` is 0; yields the base URL of both Graph
        and the login server.

        Raises OSError where the port is taken.
        """
        wire = Wire()
        routes = Graph(self, wire).routes() + Control(self).routes()
        async with serving(routes, wire, self.clock, host, port) as url:
            yield url
