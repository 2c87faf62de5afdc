"""The simulator as a library."""

import contextlib
from collections.abc import AsyncIterator

from simulators.egnyte.domain import Domain
from simulators.egnyte.server import serve


class EgnyteSimulator(Domain):
    """Stands in for Egnyte's cloud, one domain of it.

    simulator = EgnyteSimulator(events, VirtualClock(start_ms), Switches.unlimited())
    async with simulator.serve() as url:
        ...  # GET {url}/pubapi/v2/audit/stream with the bearer token simulator.token
    """

    @contextlib.asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serves on `host` while the context lasts, on a free port where `port` is 0; yields the base URL.

        Raises OSError where the port is taken.
        """
        async with serve(self, host, port) as url:
            yield url
