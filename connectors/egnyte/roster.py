"""Egnyte's people beside the audit stream: read now and then, named by the stream, and asked who somebody is."""

import asyncio
from typing import Final

import structlog

from connectors.directory.directory import Directory
from connectors.directory.health import SourceHealth
from connectors.directory.publisher import DirectoryPublisher
from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.audit_event import AuditEvent
from connectors.egnyte.clock import Clock
from connectors.egnyte.refusals import NoAnswer, Throttled
from connectors.egnyte.users import EGNYTE, EgnyteUsers
from schemas.activity import Person
from schemas.connector import SourceStatus
from schemas.directory import Source
from streams.sections import EgnyteSettings

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
"""Between two looks whether something is due: the stream names accounts at any time."""
FIRST_RETRY_S: Final = 60.0
LONGEST_RETRY_S: Final = 3_600.0
"""Between tries while Egnyte gives no answer; at once the longest until somebody mends token, role or scope."""
FIRST_READ_S: Final = 120.0
"""So long the stream waits for everybody to be read once, so that its first events find their people."""


class Roster:
    """What a connector's stream and its directory have in common. A `connectors.directory.service.PeopleSource`, once
    `source` has been called with a publisher; without one, nobody is known."""

    def __init__(self, settings: EgnyteSettings, api: EgnyteApi, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._directory: Directory | None = None
        self._users: EgnyteUsers | None = None
        self._loaded = asyncio.Event()
        self._tried = asyncio.Event()
        self.expected = False
        """Whether somebody keeps a directory, of whatever source."""
        self._refusals = 0
        self._not_before_ms = 0
        self.news = asyncio.Event()
        """Set when a source of people goes otherwise than before; cleared by who takes notice."""
        self._health = SourceHealth(EGNYTE, clock.now_ms, self.news.set)
        self._healths: list[SourceHealth] = []

    def known(self, publisher: DirectoryPublisher) -> None:
        """From now on people are those of this publisher's directory."""
        self._directory = publisher.directory
        self._loaded.set()

    def beside(self, source: Source) -> SourceHealth:
        """Another source, of which it is also told how it goes."""
        health = SourceHealth(source, self._clock.now_ms, self.news.set)
        self._healths.append(health)
        return health

    def statuses(self) -> tuple[SourceStatus, ...]:
        """How every source of people goes."""
        return tuple(health.status() for health in self._healths)

    def source(self, publisher: DirectoryPublisher) -> "Roster":
        """This, as a source of people for `publisher`."""
        self.known(publisher)
        self._health.follows(publisher)
        if self._health not in self._healths:
            self._healths.append(self._health)
        self._users = EgnyteUsers(
            self._api, publisher, self._clock.now_ms,
            interval_ms=self._settings.users_interval_s * 1_000, per_day=self._settings.max_per_day,
        )  # fmt: skip
        return self

    def resolve(self, person: Person) -> str | None:
        """The user key's part for `person`; None for somebody unknown. A `connectors.egnyte.keys.Resolver`."""
        return self._directory.resolve(person) if self._directory is not None else None

    def heard(self, event: AuditEvent) -> None:
        """Takes notice of an event of the stream."""
        if self._users is not None:
            self._users.heard(event)

    async def read_once(self) -> None:
        """Returns when the directory is there and Egnyte's people have been read, or can't be for now; at the latest
        after `FIRST_READ_S`. Whoever is known by several names must not be keyed by one now and another later."""
        try:
            async with asyncio.timeout(FIRST_READ_S):
                if self.expected:
                    await self._loaded.wait()
                if self.expected and self._settings.users_interval_s:
                    await self._tried.wait()
        except TimeoutError:
            log.warning("people are still being read; the stream goes on without them", name=self._settings.name)

    async def turn(self) -> float:
        """Reads people where that is due. Returns after how many seconds to come again. Raises what the publisher
        raises."""
        users, now_ms = self._users, self._clock.now_ms()
        if users is None:
            return LOOK_S
        due_ms = max(users.due_ms(), self._not_before_ms)
        if due_ms <= now_ms:
            await self._round(users)
            self._tried.set()
            due_ms = max(users.due_ms(), self._not_before_ms)
        elif not self._tried.is_set():  # an earlier process has read them lately
            self._tried.set()
            self._health.well(due_ms)
        return min(max((due_ms - self._clock.now_ms()) / 1_000, 1.0), LOOK_S)

    async def _round(self, users: EgnyteUsers) -> None:
        try:
            put = await users.round()
        except NoAnswer as refusal:
            wait_s = (
                LONGEST_RETRY_S if refusal.needs_people else min(FIRST_RETRY_S * 2**self._refusals, LONGEST_RETRY_S)
            )
            if isinstance(refusal, Throttled) and refusal.retry_after_s is not None:
                wait_s = max(wait_s, refusal.retry_after_s)
            self._refusals = min(self._refusals + 1, 10)
            self._not_before_ms = self._clock.now_ms() + round(wait_s * 1_000)
            self._health.failed(refusal.kind, str(refusal), self._not_before_ms, needs_people=refusal.needs_people)
            log.warning(
                "people can't be read from Egnyte", name=self._settings.name, kind=refusal.kind, reason=str(refusal),
                needs_people=refusal.needs_people, again_in_s=wait_s,
            )  # fmt: skip
            return
        self._refusals = 0
        # A listing that is doubted leaves people due: to be read again soon, and not at once.
        self._not_before_ms = self._clock.now_ms() + round(FIRST_RETRY_S * 1_000) if put.doubted else 0
        self._health.well(max(users.due_ms(), self._not_before_ms))
        if put.people or put.changes or put.doubted:
            log.info(
                "people of Egnyte",
                name=self._settings.name,
                people=put.people,
                changes=put.changes,
                doubted=put.doubted,
            )
