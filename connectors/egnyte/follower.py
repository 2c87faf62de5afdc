"""Follows the audit stream: asks, publishes, waits; and knows what to do about each refusal."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
import structlog

from connectors.egnyte.client import Answer
from connectors.egnyte.clock import Clock
from connectors.egnyte.intake import Outgoing, take, undecodable
from connectors.egnyte.ledger import Ledger
from connectors.egnyte.limits import HOUR_MS, MINUTE_MS
from connectors.egnyte.occurrences import Window
from connectors.egnyte.reach import oldest_start_ms, restart
from connectors.egnyte.refusals import Malformed, NoAnswer, RequestRefused, ServerFault, Throttled
from connectors.egnyte.roster import Roster
from connectors.egnyte.salvage import salvage
from streams.sections import EgnyteSettings

log = structlog.get_logger(__name__)

FIRST_RETRY_MS: Final = 5_000
LONGEST_RETRY_MS: Final = 5 * MINUTE_MS
"""Between tries while Egnyte is away, or until somebody mends token, role or plan."""
THROTTLED_MS: Final = MINUTE_MS
"""Pause when Egnyte throttles without saying for how long; doubled each time that it does so again, up to an hour."""
MALFORMED_TRIES: Final = 3
"""An answer cut short by the network is whole the next time. After so many it is broken at its source: what can be read
of it is taken, and what can't be read at all goes to the dead letters, while the cursor stays.
"""


class Asks(Protocol):
    """What gives pages: see `connectors.egnyte.client.EgnyteClient.page`."""

    async def page(self, *, cursor: str = "", start_ms: int = 0) -> Answer: ...


class Follower:
    """One run of the loop, from the ledger's cursor on. Owns the window of published events."""

    def __init__(
        self,
        settings: EgnyteSettings,
        *,
        ledger: Ledger,
        asks: Asks,
        clock: Clock,
        window: Window,
        interruptible: Callable[[Awaitable[None]], Awaitable[None]],
        roster: Roster | None = None,
    ) -> None:
        """`interruptible` awaits a sleep, and returns sooner when the connector is to stop. `roster` knows people."""
        self._settings = settings
        self._ledger = ledger
        self._asks = asks
        self._clock = clock
        self._window = window
        self._interruptible = interruptible
        self._resolve = roster.resolve if roster is not None else None
        self._heard = roster.heard if roster is not None else None
        self._news = roster.news if roster is not None else asyncio.Event()
        self._retries = 0
        self._malformed = 0
        self._throttles = 0
        self._next_ms = clock.now_ms()

    async def turn(self) -> None:
        """Waits until Egnyte may be asked, asks once, and publishes what came of it. Raises what publishing raises.

        Returns early, without asking, when the wait is interrupted.
        """
        ledger, now_ms = self._ledger, self._clock.now_ms()
        if (wait_ms := self._wait_ms(now_ms)) > 0:
            alarm_ms = ledger.alarm_in_ms
            until_ms = wait_ms if alarm_ms is None else min(wait_ms, alarm_ms)
            await self._interruptible(self._sleep(until_ms / 1_000))
            if until_ms < wait_ms or self._news.is_set():
                self._news.clear()
                await ledger.look()
            return
        ledger.limiter.spend(now_ms)
        try:
            answer = await self._asks.page(cursor=ledger.cursor.cursor, start_ms=ledger.cursor.start_ms)
        except Malformed as refusal:
            self._malformed += 1
            salvaged = salvage(refusal.body) if self._malformed >= MALFORMED_TRIES else None
            await (self._refused(refusal) if salvaged is None else self._answered(Answer(salvaged)))
        except NoAnswer as refusal:
            await self._refused(refusal)
        else:
            await self._answered(answer)

    async def _answered(self, answer: Answer) -> None:
        ledger, now_ms, page = self._ledger, self._clock.now_ms(), answer.page
        self._retries = self._malformed = self._throttles = 0
        ledger.limiter.told(now_ms, answer.minute_left, answer.hour_left)
        if page.mended:
            log.warning("an answer was no JSON as it came and has been mended", events=len(page.events))
        forgotten = self._window.forgotten_early
        taken = take(self._settings.name, page.events, self._window, now_ms, self._resolve, self._heard)
        before = ledger.upcoming
        ledger.move(
            cursor=page.cursor, start_ms=0, newest_ms=taken.admission.newest_ms, received_ms=now_ms,
            window=self._window.start_offsets(before),
        )  # fmt: skip
        ledger.learn(ledger.status.newest_ms, taken.dates)
        interval_ms = self._interval_ms(now_ms)
        status = ledger.status
        ledger.tell(
            polled_ms=now_ms,
            newest_ms=taken.admission.newest_ms,
            lag_ms=now_ms - taken.newest_ms if taken.newest_ms else status.lag_ms,
            interval_ms=interval_ms,
            next_ms=now_ms if page.more else now_ms + interval_ms,
            error_kind="",
            error="",
            answers=status.answers + 1,
            events=status.events + taken.events,
            repeats=status.repeats + taken.repeats,
            dead_letters=status.dead_letters + taken.dead_letters,
        )
        await ledger.write(taken.records, "catching_up" if page.more else "following")
        self._window.keep(taken.admission, before)
        if self._window.forgotten_early > forgotten:
            log.warning("too many events within the overlap to remember all", contents=len(self._window))
        self._next_ms = now_ms if page.more else now_ms + interval_ms
        log.debug("page published", events=taken.events, repeats=taken.repeats, dead=taken.dead_letters, more=page.more)

    async def _refused(self, refusal: NoAnswer) -> None:
        ledger, now_ms = self._ledger, self._clock.now_ms()
        records: list[Outgoing] = []
        match refusal:
            case Throttled(retry_after_s=seconds):
                ledger.limiter.pause(now_ms, self._throttled_ms(seconds))
            case RequestRefused():
                self._start_again(refusal, now_ms)
            case Malformed():
                records = self._malformed_again(refusal, now_ms)
            case ServerFault(retry_after_s=seconds):
                self._retry(now_ms, refusal, 0 if seconds is None else _ms(seconds))
            case _:
                self._retry(now_ms, refusal)
        state = ledger.tell_refusal(refusal)
        ledger.tell(dead_letters=ledger.status.dead_letters + len(records))
        again_in_s = self._wait_ms(now_ms) / 1_000
        ledger.tell(next_ms=now_ms + round(again_in_s * 1_000))
        log.warning("no answer", kind=refusal.kind, reason=str(refusal), again_in_s=again_in_s)
        await ledger.write(records, state)

    async def _sleep(self, seconds: float) -> None:
        """For so long, or until there is news of the sources of people: whoever asks how it goes shall see them."""
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._news.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def _start_again(self, refusal: RequestRefused, now_ms: int) -> None:
        """The cursor has died, or the start is too old: begin where the stream still reaches, and say what that
        loses.
        """
        cursor = self._ledger.cursor
        if not cursor.cursor and cursor.start_ms >= oldest_start_ms(now_ms):
            self._retry(now_ms, refusal)  # not too old, then: nothing that another start would mend
            return
        start_ms, gap = restart(cursor, now_ms)
        self._ledger.move(cursor="", start_ms=start_ms)
        if gap is not None:
            self._ledger.tell(gap=gap)
            log.error("events are lost to the stream: it no longer reaches back to them", **msgspec.structs.asdict(gap))
        self._next_ms = now_ms

    def _throttled_ms(self, asked_s: float | None) -> int:
        grown_ms = min(THROTTLED_MS << self._throttles, HOUR_MS) if self._throttles else 0
        self._throttles = min(self._throttles + 1, 16)
        return max(THROTTLED_MS if asked_s is None else _ms(asked_s), grown_ms)

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

    def _wait_ms(self, now_ms: int) -> int:
        ledger = self._ledger
        return max(self._next_ms - now_ms, ledger.limiter.wait_ms(now_ms), ledger.quota.wait_ms(now_ms))

    def _interval_ms(self, now_ms: int) -> int:
        """The pause after the stream was drained: what is wanted, or what the day's quota allows."""
        return max(self._settings.poll_interval_s * 1_000, self._ledger.quota.pace_ms(now_ms))


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
