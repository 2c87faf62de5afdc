"""What one connector knows of itself: cursor, status, and what it may still ask; written together, in one transaction
with what they stand behind.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from connectors.egnyte import alarms, health
from connectors.egnyte.clock import Clock
from connectors.egnyte.intake import Outgoing
from connectors.egnyte.limits import Limiter
from connectors.egnyte.occurrences import Offsets
from connectors.egnyte.quota import Quota
from connectors.egnyte.reach import first_start_ms
from connectors.egnyte.refusals import NoAnswer
from schemas.connector import CursorRecord, SourceStatus, State, StatusRecord, TokenFacts, Watch
from schemas.finding import Finding
from streams.sections import EgnyteSettings

WELL: Final = frozenset({"history", "following", "catching_up"})
"""States that follow a good answer."""


class Publishes(Protocol):
    """What takes pages: see `connectors.egnyte.publisher.Publisher.publish`."""

    upcoming: Offsets

    async def publish(
        self,
        records: Sequence[Outgoing],
        cursor: CursorRecord,
        status: StatusRecord | None,
        timestamp_ms: int,
        findings: Sequence[Finding] = (),
    ) -> None: ...


class Ledger:
    """The records of one session. Every change of the cursor goes through `write`.

    Each record says that a request may have been made since (`asking`): a process that is killed in between counts one
    that it perhaps did not make, and never forgets one that it did.
    """

    def __init__(
        self,
        settings: EgnyteSettings,
        *,
        instance: str,
        publishes: Publishes,
        clock: Clock,
        quota: Quota,
        cursor: CursorRecord | None,
        started_ms: int,
        before: StatusRecord | None = None,
        token: TokenFacts | None = None,
        told: Callable[[StatusRecord], None] | None = None,
        people: Callable[[], tuple[SourceStatus, ...]] = tuple,
    ) -> None:
        """`before`: the status that the process before has left. `told` hears of every status that is written.
        `people`: how the sources of people go.
        """
        now_ms = clock.now_ms()
        name = settings.name
        first = CursorRecord(connector=name, instance=instance, start_ms=first_start_ms(settings.start, now_ms))
        self.cursor = msgspec.structs.replace(cursor or first, instance=instance)
        from_ms = now_ms if cursor else first.start_ms
        self.status = StatusRecord(
            connector=name, instance=instance, state="starting", started_ms=started_ms, written_ms=now_ms,
            newest_ms=self.cursor.newest_ms, polled_ms=self.cursor.received_ms, url=settings.base_url,
            token=_facts(token, before, now_ms), watch=_watch(before, from_ms, now_ms),
        )  # fmt: skip
        self.limiter = Limiter(
            settings.max_per_minute,
            settings.max_per_hour,
            requests_ms=self.cursor.requests_ms,
            not_before_ms=self.cursor.not_before_ms,
        )
        self.quota = quota
        quota.restore(self.cursor.day, self.cursor.day_requests)
        if self.cursor.asking:
            self.limiter.spend(now_ms)
            quota.spend(now_ms)
        self._told = told
        self._people = people
        self._per_hour = settings.max_per_hour
        self._publishes = publishes
        self._clock = clock

    @property
    def upcoming(self) -> Offsets:
        """At most the next offset of each partition of the events topic."""
        return dict(self._publishes.upcoming)

    def move(self, **fields: Any) -> None:
        """Changes fields of the cursor record."""
        self.cursor = msgspec.structs.replace(self.cursor, **fields)

    def tell(self, **fields: Any) -> None:
        """Changes fields of the status record."""
        self.status = msgspec.structs.replace(self.status, **fields)

    def tell_refusal(self, refusal: NoAnswer) -> State:
        """Puts into the status why there was no answer; returns the state that this is."""
        self.tell(error_kind=refusal.kind, error=str(refusal))
        if refusal.kind == "throttled":
            return "throttled"
        return "refused" if refusal.needs_people else "failing"

    async def write(self, records: Sequence[Outgoing], state: State) -> None:
        """One transaction: `records`, the cursor and the status. Raises what publishing raises."""
        if state in WELL and self.status.watch is not None:
            self.tell(watch=msgspec.structs.replace(self.status.watch, well_ms=self._clock.now_ms()))
        await self._write(records, state)

    async def look(self) -> None:
        """Says what is wrong by now, where something is. Raises what publishing raises."""
        await self._write([], self.status.state)

    async def _write(self, records: Sequence[Outgoing], state: State) -> None:
        now_ms = self._clock.now_ms()
        left = self.quota.stream_left(now_ms)
        self.move(
            requests_ms=self.limiter.requests_ms, not_before_ms=self.limiter.not_before_ms,
            asking=state != "stopped", day=self.quota.day, day_requests=self.quota.used,
        )  # fmt: skip
        self.tell(
            state=state, written_ms=now_ms, day_left=-1 if left is None else left,
            hour_left=max(0, self._per_hour - len(self.limiter.requests_ms)), people=self._people(),
        )  # fmt: skip
        self.status, findings = alarms.turn(self.status, now_ms)
        await self._publishes.publish(records, self.cursor, self.status, now_ms, findings)
        if self._told is not None:
            self._told(self.status)

    def learn(self, newest_ms: int, dates: Iterable[int]) -> None:
        """Takes note of the events of a page: their dates, and the newest one's before them (ms, 0 for none)."""
        if self.status.watch is not None:
            self.tell(watch=health.learn(self.status.watch, newest_ms, dates))

    @property
    def alarm_in_ms(self) -> int | None:
        """How long until something will be wrong that has to be said, if nothing changes; None where nothing will."""
        due_ms = alarms.next_due_ms(self.status)
        return None if due_ms is None else max(0, due_ms - self._clock.now_ms())


def _watch(before: StatusRecord | None, from_ms: int, now_ms: int) -> Watch:
    if before is None or before.watch is None:
        return Watch(from_ms=from_ms, well_ms=now_ms)
    if before.state in alarms.ENDED:  # nothing was wanted of it
        return msgspec.structs.replace(before.watch, well_ms=now_ms)
    return before.watch


def _facts(token: TokenFacts | None, before: StatusRecord | None, now_ms: int) -> TokenFacts | None:
    """`token`; where nobody knows when it was got, that is when it was first used."""
    if token is None or token.issued_ms:
        return token
    known = before.token if before is not None and before.token is not None and before.token.id == token.id else None
    return msgspec.structs.replace(token, issued_ms=known.issued_ms if known is not None else now_ms)
