"""Sessions, one after another: whatever Kafka does to one, the next starts from the log again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, Protocol

import structlog
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)

from streams.errors import Refused
from streams.kafka_admin import BrokerAwayError

log = structlog.get_logger(__name__)

PAUSE_S: Final = 1.0
"""Between a session that Kafka ended and the next."""
FATAL: Final = (
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)
"""What no retry mends."""


class Clock(Protocol):
    """What sessions need of a clock."""

    def now_ms(self) -> int:
        """The time, ms since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns when `seconds` of this clock have passed."""
        ...


class Sessions:
    """The sessions of one piece of work, until `stop` is set. `retry_for_ms`: Kafka may fail for so long."""

    def __init__(self, work: str, *, stop: asyncio.Event, clock: Clock, retry_for_ms: int) -> None:
        self._work = work
        self._stop = stop
        self._clock = clock
        self._retry_for_ms = retry_for_ms
        self._failing_since_ms: int | None = None

    async def run(self, session: Callable[[], Awaitable[None]]) -> None:
        """Runs `session` again and again. Told to stop, it cancels the one under way, which closes what it opened.

        Raises Refused for what no retry mends, and what else the session raises.
        """
        while not self._stop.is_set():
            try:
                await self.interruptible(session())
            except FATAL as error:
                raise Refused(
                    f"Kafka: {words(error)}. Check the topics (egnyte-watch topics) and their access rights"
                ) from error
            except (KafkaError, BrokerAwayError, OSError, TimeoutError, AssertionError) as error:
                # aiokafka 0.14 asserts where a client is used whose bootstrap has failed.
                self._failed(error)
            if not self._stop.is_set():
                await self.interruptible(self._clock.sleep(PAUSE_S))

    def well(self) -> None:
        """Kafka works."""
        self._failing_since_ms = None

    async def interruptible(self, waiting: Awaitable[None]) -> None:
        """Awaits `waiting`, or cancels it when it is time to stop."""
        task = asyncio.ensure_future(waiting)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    def _failed(self, error: BaseException) -> None:
        """Kafka ended the session. Raises Refused when that has been going on for too long."""
        now_ms = self._clock.now_ms()
        if self._failing_since_ms is None:
            self._failing_since_ms = now_ms
        failing_ms = now_ms - self._failing_since_ms
        if failing_ms >= self._retry_for_ms:
            raise Refused(f"Kafka has been failing for {failing_ms / 1_000:.0f} s: {words(error)}") from error
        log.warning(f"Kafka ended the session that {self._work}", reason=words(error), failing_ms=failing_ms)


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of `work` until it is done. The first to fail ends the others, and its error is raised, alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def words(error: BaseException) -> str:
    """What is wrong, in a line."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
