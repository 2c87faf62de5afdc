"""How connectors stand, for a page that must not wait for the broker: what was heard last, and how old it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiokafka.errors import KafkaError

from connectors.egnyte.standing import Report
from console.web.sessions import Clock
from streams.errors import Refused
from streams.kafka_admin import BrokerAwayError

FRESH_S: Final = 15.0
"""Connectors write at least this often when something changes; the page of connectors asks anew each time."""
WAIT_S: Final = 0.4
"""Longest wait for an answer: overviews are to be there within a second."""
Ask = Callable[[], Awaitable[list[Report]]]


class Heard(msgspec.Struct, frozen=True):
    """`reports`: None where nothing was heard yet. `age_s`: how long ago. `error`: why nothing newer was."""

    reports: list[Report] | None = None
    age_s: float = 0.0
    error: str = ""


class Standings:
    """Asks at most once at a time, and keeps the last answer."""

    def __init__(self, ask: Ask, clock: Clock = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._reports: list[Report] | None = None
        self._heard_s = 0.0
        self._error = ""
        self._asking: asyncio.Task[None] | None = None

    async def latest(self, wait_s: float = WAIT_S) -> Heard:
        """What was heard last; where that is old, it is asked for anew, and waited for a moment."""
        if self._reports is None or self._clock() - self._heard_s > FRESH_S:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._refresh(), name="ask connectors")
            await asyncio.wait({self._asking}, timeout=wait_s)
            if self._asking.done():
                self._asking.result()  # what nobody expected is not kept quiet
        return Heard(self._reports, self._clock() - self._heard_s if self._reports is not None else 0.0, self._error)

    async def _refresh(self) -> None:
        try:
            self._reports = await self._ask()
        except (KafkaError, BrokerAwayError, TimeoutError, OSError, Refused) as error:
            self._error = str(error) or "the broker did not answer in time"
        else:
            self._heard_s, self._error = self._clock(), ""
