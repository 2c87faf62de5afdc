"""Which sources of people there are, by the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from connectors.directory.health import SourceHealth
from connectors.directory.publisher import DirectoryPublisher
from connectors.directory.service import DirectoryService, SourceOf
from connectors.egnyte.cluster import OwnedCluster
from connectors.egnyte.roster import Roster
from connectors.entra.client import GraphClient
from connectors.entra.follower import EntraFollower
from connectors.entra.users import ENTRA
from connectors.sessions import Clock
from streams.sections import Settings


@contextlib.asynccontextmanager
async def people_service(
    settings: Settings,
    connector: str,
    *,
    stop: asyncio.Event,
    clock: Clock,
    new_cluster: Callable[[], OwnedCluster],
    roster: Roster | None = None,
) -> AsyncIterator[DirectoryService]:
    """What keeps the directory of `connector` current, with a source for each that is configured. `roster`: Egnyte's
    people, and who is asked for people of any source.

    Raises ValueError for settings that can't be used.
    """
    sources: list[SourceOf] = []
    async with contextlib.AsyncExitStack() as opened:
        if settings.entra.tenant:
            graph = await opened.enter_async_context(GraphClient(settings.entra, clock=clock))
            health = roster.beside(ENTRA) if roster is not None else SourceHealth(ENTRA, clock.now_ms)

            def entra(publisher: DirectoryPublisher) -> EntraFollower:
                if roster is not None:
                    roster.known(publisher)
                return EntraFollower(settings.entra, graph, publisher, health)

            sources.append(entra)
        if roster is not None and settings.egnyte.users_interval_s:
            sources.append(roster.source)
        if roster is not None:
            roster.expected = bool(sources)
        yield DirectoryService(settings, connector, sources, stop=stop, clock=clock, new_cluster=new_cluster)
