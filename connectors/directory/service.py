"""Keeps one connector's directory current: one publisher, and the sources of people that take turns with it."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from connectors.directory.publisher import DirectoryPublisher
from connectors.egnyte.cluster import OwnedCluster
from connectors.sessions import Clock, Sessions, together
from streams.errors import Fenced, Refused
from streams.sections import Settings

CLOSE_WITHIN_S: Final = 1.5


class PeopleSource(Protocol):
    """Where people are known."""

    async def turn(self) -> float:
        """Reads what is new, publishes it, and returns after how many seconds to come again. What goes wrong at the
        source it tells and outlasts itself; it raises what the publisher raises.
        """
        ...


SourceOf = Callable[[DirectoryPublisher], PeopleSource]


class DirectoryService:
    """The sessions of one connector's directory. Each reads back what has been committed, then follows every source."""

    def __init__(
        self,
        settings: Settings,
        connector: str,
        sources: Sequence[SourceOf],
        *,
        stop: asyncio.Event,
        clock: Clock,
        new_cluster: Callable[[], OwnedCluster],
    ) -> None:
        self._settings = settings
        self._connector = connector
        self._sources = sources
        self._stop = stop
        self._clock = clock
        self._new_cluster = new_cluster
        self._sessions = Sessions(
            f"keeps the directory of {connector}", stop=stop, clock=clock, retry_for_ms=settings.streams.retry_for_ms
        )

    async def serve(self) -> None:
        """Until stopped; at once where there is no source.

        Raises Fenced when another process keeps this connector's directory, Refused for what an operator has to mend.
        """
        if not self._sources:
            return
        try:
            await self._sessions.run(self._session)
        except Fenced as error:
            raise Fenced(
                f"another connector named {self._connector!r} has been started on this cluster and keeps its "
                "directory. Run one process for each domain"
            ) from error

    async def _session(self) -> None:
        cluster = self._new_cluster()
        publisher = DirectoryPublisher(self._settings, cluster, self._connector, now_ms=self._clock.now_ms)
        try:
            self._must_fit(await cluster.unfit(publisher.topics))
            await publisher.start()
            self._sessions.well()
            # One source's error is enough: the publisher that it met is of no more use to the others either.
            await together(self._follow(source_of(publisher)) for source_of in self._sources)
        finally:
            await publisher.close()
            await _closed(cluster)

    @staticmethod
    def _must_fit(wrong: list[str]) -> None:
        if wrong:
            raise Refused(f"{'; '.join(wrong)}. Run egnyte-watch topics")

    async def _follow(self, source: PeopleSource) -> None:
        while True:
            wait_s = await source.turn()
            self._sessions.well()
            await self._clock.sleep(wait_s)


async def _closed(cluster: OwnedCluster) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await cluster.close()
