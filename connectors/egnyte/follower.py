"""Follows the audit stream: asks, publishes, waits; and knows what to do about each refusal."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec
import structlog

from connectors.egnyte.client import Answer
from connectors.egnyte.clock import Clock
from connectors.egnyte.intake import Outgoing, take, undecodable
from connectors.egnyte.limits import HOUR_MS, MINUTE_MS, Limiter
from connectors.egnyte.occurrences import Offsets, Window
from connectors.egnyte.reach import first_start_ms, oldest_start_ms, restart
from connectors.egnyte.refusals import Malformed, NoAnswer, RequestRefused, ServerFault, Throttled
from connectors.egnyte.salvage import salvage
from schemas.connector import CursorRecord, State, StatusRecord
from streams.sections import EgnyteSettings

log = structlog.get_logger(__name__)

FIRST_RETRY_MS: Final = 5_000
LONGEST_RETRY_MS: Final = 5 * MINUTE_MS
"""Between tries while Egnyte is away, or until somebody mends token, role or plan."""
THROTTLED_MS: Final = MINUTE_MS
"""Pause when Egnyte throttles without saying for how long."""
MALFORMED_TRIES: Final = 3
"""An answer cut short by the network is whole the next time. After so many it is broken at its source: what can be read
of it is taken, and what can't be read at all goes to the dead letters, while the cursor stays.
"""


class Asks(Protocol):
    """What gives pages: see `connectors.egnyte.client.EgnyteClient.page`."""

    async def page(self, *, cursor: str = "", start_ms: int = 0) -> Answer: ...


class Publishes(Protocol):
    """What takes pages: see `connectors.egnyte.publisher.Publisher.publish`."""

    upcoming: Offsets

    async def publish(
        self, records: Sequence[Outgoing], cursor: CursorRecord, status: StatusRecord | None, timestamp_ms: int
    ) -> None: ...


class Follower:
    """One run of the loop, from a cursor on. Owns the window and the limiter; every change of the cursor goes through
    the log.
    """

    def __init__(
        self,
        settings: EgnyteSettings,
        *,
        instance: str,
        asks: Asks,
        publishes: Publishes,
        clock: Clock,
        window: Window,
        cursor: CursorRecord | None,
        started_ms: int,
        interruptible: Callable[[Awaitable[None]], Awaitable[None]],
    ) -> None:
        """`interruptible` awaits a sleep, and returns sooner when the connector is to stop."""
        now_ms = clock.now_ms()
        name = settings.name
        first = CursorRecord(connector=name, instance=instance, start_ms=first_start_ms(settings.start, now_ms))
        self.cursor = msgspec.structs.replace(cursor or first, instance=instance)
        self.status = StatusRecord(
            connector=name, instance=instance, state="starting", started_ms=started_ms, written_ms=now_ms,
            newest_ms=self.cursor.newest_ms, polled_ms=self.cursor.received_ms,
        )  # fmt: skip
        self._settings = settings
        self._asks = asks
        self._publishes = publishes
        self._clock = clock
        self._window = window
        self._interruptible = interruptible
        self._limiter = Limiter(
            settings.max_per_minute,
            settings.max_per_hour,
            requests_ms=self.cursor.requests_ms,
            not_before_ms=self.cursor.not_before_ms,
        )
        self._retries = 0
        self._malformed = 0
        self._next_ms = now_ms

    async def turn(self) -> None:
        """Waits until Egnyte may be asked, asks once, and publishes what came of it. Raises what publishing raises.

        Returns early, without asking, when the wait is interrupted.
        """
        now_ms = self._clock.now_ms()
        wait_ms = max(self._next_ms - now_ms, self._limiter.wait_ms(now_ms))
        if wait_ms > 0:
            await self._interruptible(self._clock.sleep(wait_ms / 1_000))
            return
        # Counted before it is made: a connector killed in between has asked less often than it counts, never more.
        self._limiter.spend(now_ms)
        await self._publish([], None)
        try:
            answer = await self._asks.page(cursor=self.cursor.cursor, start_ms=self.cursor.start_ms)
        except Malformed as refusal:
            self._malformed += 1
            salvaged = salvage(refusal.body) if self._malformed >= MALFORMED_TRIES else None
            await (self._refused(refusal) if salvaged is None else self._answered(Answer(salvaged)))
        except NoAnswer as refusal:
            await self._refused(refusal)
        else:
            await self._answered(answer)

    async def claim(self) -> None:
        """Writes the cursor as this process's own, before anything else: from now on an older process knows that it is
        replaced.
        """
        await self._publish([], "starting")

    async def stopped(self) -> None:
        """Says in the status that the connector has been stopped."""
        await self._publish([], "stopped")

    async def _answered(self, answer: Answer) -> None:
        now_ms = self._clock.now_ms()
        page = answer.page
        self._retries = self._malformed = 0
        self._limiter.told(now_ms, answer.minute_left, answer.hour_left)
        if page.mended:
            log.warning("an answer was no JSON as it came and has been mended", events=len(page.events))
        forgotten = self._window.forgotten_early
        taken = take(self._settings.name, page.events, self._window, now_ms)
        self.cursor = msgspec.structs.replace(
            self.cursor,
            cursor=page.cursor,
            start_ms=0,
            newest_ms=taken.admission.newest_ms,
            received_ms=now_ms,
            window=self._window.start_offsets(self._publishes.upcoming),
        )
        status = self.status
        self.status = msgspec.structs.replace(
            status,
            polled_ms=now_ms,
            newest_ms=taken.admission.newest_ms,
            lag_ms=now_ms - taken.newest_ms if taken.newest_ms else status.lag_ms,
            error_kind="",
            error="",
            answers=status.answers + 1,
            events=status.events + taken.events,
            repeats=status.repeats + taken.repeats,
            dead_letters=status.dead_letters + taken.dead_letters,
        )
        before = dict(self._publishes.upcoming)
        await self._publish(taken.records, "catching_up" if page.more else "following")
        self._window.keep(taken.admission, before)
        if self._window.forgotten_early > forgotten:
            log.warning("too many events within the overlap to remember all", contents=len(self._window))
        self._next_ms = now_ms if page.more else now_ms + self._settings.poll_interval_s * 1_000
        log.debug("page published", events=taken.events, repeats=taken.repeats, dead=taken.dead_letters, more=page.more)

    async def _refused(self, refusal: NoAnswer) -> None:
        now_ms = self._clock.now_ms()
        records: list[Outgoing] = []
        state: State = "refused" if refusal.needs_people else "failing"
        match refusal:
            case Throttled(retry_after_s=seconds):
                state = "throttled"
                self._limiter.pause(now_ms, THROTTLED_MS if seconds is None else _ms(seconds))
            case RequestRefused():
                self._start_again(refusal, now_ms)
            case Malformed():
                records = self._malformed_again(refusal, now_ms)
            case ServerFault(retry_after_s=seconds):
                self._retry(now_ms, refusal, 0 if seconds is None else _ms(seconds))
            case _:
                self._retry(now_ms, refusal)
        self.status = msgspec.structs.replace(
            self.status,
            error_kind=refusal.kind,
            error=str(refusal),
            dead_letters=self.status.dead_letters + len(records),
        )
        log.warning("no answer", kind=refusal.kind, reason=str(refusal), again_in_s=self._wait_s(now_ms))
        await self._publish(records, state)

    def _start_again(self, refusal: RequestRefused, now_ms: int) -> None:
        """The cursor has died, or the start is too old: begin where the stream still reaches, and say what that
        loses.
        """
        if not self.cursor.cursor and self.cursor.start_ms >= oldest_start_ms(now_ms):
            self._retry(now_ms, refusal)  # not too old, then: nothing that another start would mend
            return
        start_ms, gap = restart(self.cursor, now_ms)
        self.cursor = msgspec.structs.replace(self.cursor, cursor="", start_ms=start_ms)
        if gap is not None:
            self.status = msgspec.structs.replace(self.status, gap=gap)
            log.error("events are lost to the stream: it no longer reaches back to them", **msgspec.structs.asdict(gap))
        self._next_ms = now_ms

    def _malformed_again(self, refusal: Malformed, now_ms: int) -> list[Outgoing]:
        """Never past an answer that was not understood: it is asked for again, and kept once until one is."""
        self._retry(now_ms, refusal)
        if self._malformed != MALFORMED_TRIES:
            return []
        return [undecodable(self._settings.name, refusal.body, str(refusal))]

    def _retry(self, now_ms: int, refusal: NoAnswer, at_least_ms: int = 0) -> None:
        pause_ms = LONGEST_RETRY_MS if refusal.needs_people else min(FIRST_RETRY_MS << self._retries, LONGEST_RETRY_MS)
        self._retries = min(self._retries + 1, 16)
        self._next_ms = now_ms + max(pause_ms, min(at_least_ms, HOUR_MS))

    def _wait_s(self, now_ms: int) -> float:
        return max(self._next_ms - now_ms, self._limiter.wait_ms(now_ms)) / 1_000

    async def _publish(self, records: Sequence[Outgoing], state: State | None) -> None:
        """`state` None: the cursor record alone."""
        now_ms = self._clock.now_ms()
        self.cursor = msgspec.structs.replace(
            self.cursor, requests_ms=self._limiter.requests_ms, not_before_ms=self._limiter.not_before_ms
        )
        if state is not None:
            self.status = msgspec.structs.replace(self.status, state=state, written_ms=now_ms)
        await self._publishes.publish(records, self.cursor, self.status if state is not None else None, now_ms)


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
