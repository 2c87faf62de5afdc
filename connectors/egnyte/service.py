"""One Egnyte domain, followed until told to stop.

It runs in sessions. A session fences earlier connectors of the same name, reads its cursor from the log, and follows
the stream; any error of Kafka's ends it, and the next one starts from the log again: one way back from all of them.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from connectors.egnyte import spans
from connectors.egnyte.client import EgnyteClient
from connectors.egnyte.clock import Clock, SystemClock
from connectors.egnyte.cluster import ConnectorCluster, OwnedCluster
from connectors.egnyte.follower import Follower
from connectors.egnyte.history import Historian
from connectors.egnyte.ledger import Ledger
from connectors.egnyte.publisher import CLOSE_WITHIN_S, Publisher, TransactionExpired, within
from connectors.egnyte.quota import Quota
from connectors.egnyte.reports import Reports
from connectors.egnyte.resume import asked_history, last_cursor, published_window, window_from
from connectors.egnyte.roster import Roster
from connectors.egnyte.statuses import last_status
from connectors.people import people_service
from connectors.secrets.vault import token_id
from connectors.sessions import FATAL, PAUSE_S, together, words
from schemas.connector import StatusRecord, TokenFacts
from streams.errors import Fenced, Refused
from streams.kafka_admin import BrokerAwayError
from streams.sections import Settings

log = structlog.get_logger(__name__)

CLOSING_S: Final = 5.0
"""Kept of the time to stop in, for aborting and closing."""


async def serve(
    settings: Settings,
    *,
    stop: asyncio.Event,
    clock: Clock | None = None,
    new_cluster: Callable[[], OwnedCluster] | None = None,
    token: TokenFacts | None = None,
    told: Callable[[StatusRecord], None] | None = None,
) -> None:
    """Follows the domain of `settings` until `stop` is set, then returns within `streams.stop_within_ms`. `token`: what
    is known of the token beside it. `told` hears of every status that is written.

    Raises ValueError for settings that can't be used, Fenced when another connector of this name has taken over,
    Refused for what an operator has to mend or when Kafka has been failing for `streams.retry_for_ms`.
    """
    egnyte = settings.egnyte
    if not egnyte.name:
        raise ValueError("egnyte.name is empty: name the domain to connect, such as acme for https://acme.egnyte.com")
    clock = clock or SystemClock()
    quota = Quota(egnyte.max_per_day, egnyte.max_per_minute)
    client = EgnyteClient(egnyte.base_url, egnyte.token, allow_http=egnyte.allow_http, clock=clock, quota=quota)
    new_cluster = new_cluster or (lambda: _kafka(settings))
    token = token or TokenFacts(id=token_id(egnyte.token), issued_ms=0)
    roster = Roster(egnyte, client, clock)
    connector = Connector(settings, stop, clock, new_cluster, token, told, roster)
    directory = people_service(settings, egnyte.name, stop=stop, clock=clock, new_cluster=new_cluster, roster=roster)
    async with client, directory as people:
        await together([connector.serve(client), people.serve()])


class Connector:
    """The sessions of one process."""

    def __init__(
        self,
        settings: Settings,
        stop: asyncio.Event,
        clock: Clock,
        new_cluster: Callable[[], OwnedCluster],
        token: TokenFacts | None = None,
        told: Callable[[StatusRecord], None] | None = None,
        roster: Roster | None = None,
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._new_cluster = new_cluster
        self._token = token
        self._told = told
        self._roster = roster
        self._instance = uuid.uuid4().hex
        self._started_ms = clock.now_ms()
        self._claimed = False
        self._failing_since_ms: int | None = None

    async def serve(self, client: EgnyteClient) -> None:
        """Sessions until stopped; see `serve`."""
        while not self._stop.is_set():
            try:
                await self._until_stopped(self._session(client))
            except TransactionExpired as error:
                self._failed(error)
            except Fenced as error:
                raise self._taken_over() from error
            except FATAL as error:
                raise Refused(
                    f"Kafka: {words(error)}. Check the topics (egnyte-watch topics) and their access rights"
                ) from error
            except (KafkaError, BrokerAwayError, OSError, TimeoutError, AssertionError) as error:
                # aiokafka 0.14 asserts where a client is used whose bootstrap has failed.
                self._failed(error)
            if not self._stop.is_set():
                await self._interruptible(self._clock.sleep(PAUSE_S))

    async def _session(self, client: EgnyteClient) -> None:
        settings, clock = self._settings, self._clock
        cluster = self._new_cluster()
        publisher = Publisher(settings, cluster)
        try:
            if wrong := await cluster.unfit(publisher.topics):
                raise Refused(f"{'; '.join(wrong)}. Run egnyte-watch topics")
            if self._claimed:  # in an earlier session: nobody else may have written since
                self._still_ours(await last_cursor(settings, cluster))
            await publisher.start()
            cursor = await last_cursor(settings, cluster)
            if self._claimed:
                self._still_ours(cursor)
            window = await published_window(settings, cluster, cursor)
            log.info(
                "following the audit stream", connector=settings.egnyte.name, url=settings.egnyte.base_url,
                cursor=cursor is not None, newest_ms=window.newest_ms, remembered=len(window),
            )  # fmt: skip
            ledger = Ledger(
                settings.egnyte, instance=self._instance, publishes=publisher, clock=clock, quota=client.quota,
                cursor=cursor, started_ms=self._started_ms, before=await last_status(settings, cluster),
                token=self._token, told=self._told, people=self._roster.statuses if self._roster is not None else tuple,
            )  # fmt: skip
            # Before anything else: from now on an older process knows that it is replaced.
            await ledger.write([], "starting")
            self._claimed = True
            if self._roster is not None:
                await self._interruptible(self._roster.read_once())
            if not ledger.cursor.received_ms and not ledger.cursor.history:
                await self._begin_history(ledger, cluster)
            historian = Historian(
                settings.egnyte.name, ledger=ledger, reports=Reports(client), clock=clock,
                restored=partial(window_from, settings, cluster), interruptible=self._interruptible,
                resolver=self._roster.resolve if self._roster is not None else None,
            )  # fmt: skip
            while historian.wanted and not self._stop.is_set():
                await historian.turn()
                self._failing_since_ms = None
            follower = Follower(
                settings.egnyte, ledger=ledger, asks=client, clock=clock, window=window,
                interruptible=self._interruptible, roster=self._roster,
            )  # fmt: skip
            while not self._stop.is_set():
                await follower.turn()
                self._failing_since_ms = None
            await ledger.write([], "stopped")
        finally:
            await publisher.close()
            await within(CLOSE_WITHIN_S, cluster.close())

    async def _begin_history(self, ledger: Ledger, cluster: OwnedCluster) -> None:
        """Heeds a request for history, where there is one: only before the stream begins."""
        if (request := await asked_history(self._settings, cluster)) is not None:
            ledger.move(history=spans.begun(request.from_ms, self._clock.now_ms()))

    async def _until_stopped(self, session: Awaitable[None]) -> None:
        """Runs `session`; once told to stop, it has the time to finish its page, and is then cancelled, which aborts
        the page.
        """
        task = asyncio.ensure_future(session)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                patience_s = max(0.0, self._settings.streams.stop_within_ms / 1_000 - CLOSING_S)
                await asyncio.wait({task}, timeout=patience_s)
            if not task.done():
                log.warning("the page in flight is aborted, it will be fetched again")
                task.cancel()
            await asyncio.wait({task})
        finally:
            stopping.cancel()
            if not task.done():
                task.cancel()
        if not task.cancelled():
            task.result()

    async def _interruptible(self, sleep: Awaitable[None]) -> None:
        """Awaits `sleep`, or until the connector is to stop."""
        sleeping = asyncio.ensure_future(sleep)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()

    def _still_ours(self, cursor: object) -> None:
        if getattr(cursor, "instance", self._instance) != self._instance:
            raise self._taken_over()

    def _taken_over(self) -> Fenced:
        name = self._settings.egnyte.name
        return Fenced(
            f"another connector named {name!r} has been started on this cluster and has taken over. "
            "Run one process for each domain; a second domain needs a name of its own (egnyte.name)"
        )

    def _failed(self, error: BaseException) -> None:
        """Kafka ended the session. Raises Refused when that has been going on for too long."""
        now_ms = self._clock.now_ms()
        if self._failing_since_ms is None:
            self._failing_since_ms = now_ms
        failing_ms = now_ms - self._failing_since_ms
        if failing_ms >= self._settings.streams.retry_for_ms:
            raise Refused(f"Kafka has been failing for {failing_ms / 1_000:.0f} s: {words(error)}") from error
        log.warning("Kafka ended the session, starting another", reason=words(error), failing_ms=failing_ms)


def _kafka(settings: Settings) -> OwnedCluster:
    return ConnectorCluster(settings, f"{settings.kafka.topic_prefix}-watch-connector-{settings.egnyte.name}")
