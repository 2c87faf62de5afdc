"""Which sources of people there are, by the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

from connectors.directory.service import DirectoryService, SourceOf
from connectors.egnyte.cluster import OwnedCluster
from connectors.entra.client import GraphClient
from connectors.entra.follower import EntraFollower
from connectors.sessions import Clock
from streams.sections import Settings


@contextlib.asynccontextmanager
async def people_service(
    settings: Settings, connector: str, *, stop: asyncio.Event, clock: Clock, new_cluster: Callable[[], OwnedCluster]
) -> AsyncIterator[DirectoryService]:
    """What keeps the directory of `connector` current, with a source for each that is configured.

    Raises ValueError for settings that can't be used.
    """
    sources: list[SourceOf] = []
    async with contextlib.AsyncExitStack() as opened:
        if settings.entra.tenant:
            graph = await opened.enter_async_context(GraphClient(settings.entra, clock=clock))
            sources.append(partial(EntraFollower, settings.entra, graph))
        yield DirectoryService(settings, connector, sources, stop=stop, clock=clock, new_cluster=new_cluster)
