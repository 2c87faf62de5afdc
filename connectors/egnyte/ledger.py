"""What one connector knows of itself: cursor, status, and what it may still ask; written together, in one transaction
with what they stand behind.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from connectors.egnyte.clock import Clock
from connectors.egnyte.intake import Outgoing
from connectors.egnyte.limits import Limiter
from connectors.egnyte.occurrences import Offsets
from connectors.egnyte.quota import Quota
from connectors.egnyte.reach import first_start_ms
from connectors.egnyte.refusals import NoAnswer
from schemas.connector import CursorRecord, State, StatusRecord
from streams.sections import EgnyteSettings


class Publishes(Protocol):
    """What takes pages: see `connectors.egnyte.publisher.Publisher.publish`."""

    upcoming: Offsets

    async def publish(
        self, records: Sequence[Outgoing], cursor: CursorRecord, status: StatusRecord | None, timestamp_ms: int
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
    ) -> None:
        now_ms = clock.now_ms()
        name = settings.name
        first = CursorRecord(connector=name, instance=instance, start_ms=first_start_ms(settings.start, now_ms))
        self.cursor = msgspec.structs.replace(cursor or first, instance=instance)
        self.status = StatusRecord(
            connector=name, instance=instance, state="starting", started_ms=started_ms, written_ms=now_ms,
            newest_ms=self.cursor.newest_ms, polled_ms=self.cursor.received_ms,
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
        now_ms = self._clock.now_ms()
        left = self.quota.stream_left(now_ms)
        self.move(
            requests_ms=self.limiter.requests_ms, not_before_ms=self.limiter.not_before_ms,
            asking=state != "stopped", day=self.quota.day, day_requests=self.quota.used,
        )  # fmt: skip
        self.tell(state=state, written_ms=now_ms, day_left=-1 if left is None else left)
        await self._publishes.publish(records, self.cursor, self.status, now_ms)
