"""A connection for commands: tried until a deadline, and when there is none, the reason why."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from streams.errors import Refused, StreamError
from streams.kafka import client_options
from streams.sections import Settings

TRY_AGAIN_S: Final = 0.5
"""Between two attempts to reach a broker."""


class BrokerAwayError(StreamError):
    """No broker could be reached within the deadline."""

    def __init__(self, bootstrap: str, deadline_ms: int, reason: str) -> None:
        why = f" ({reason})" if reason else ""
        super().__init__(
            f"no Kafka broker at {bootstrap} within {deadline_ms / 1000:g} s{why}: "
            "check kafka.bootstrap and kafka.security_protocol, and that the broker runs"
        )


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[Any]:
    """A connected AIOKafkaAdminClient. Raises BrokerAwayError when no broker answers within `console.deadline_ms`:
    until then it tries again, as a broker that was started with us needs some seconds.
    """
    deadline_ms = settings.console.deadline_ms
    client: Any = AIOKafkaAdminClient(**client_options(settings.kafka), request_timeout_ms=deadline_ms)
    try:
        with _LastWords() as said:
            try:
                async with asyncio.timeout(deadline_ms / 1000):
                    await _start(client)
            except (OSError, TimeoutError) as error:
                raise BrokerAwayError(settings.kafka.bootstrap, deadline_ms, said.last or str(error)) from error
        yield client
    finally:
        await client.close()


async def _start(client: Any) -> None:
    while True:
        try:
            await client.start()
        except KafkaConnectionError:
            await asyncio.sleep(TRY_AGAIN_S)
        else:
            return


async def require_topics(settings: Settings, topics: Sequence[str]) -> None:
    """Raises Refused where one of `topics` is not there: clients wait long for it, or have it made with the brokers'
    defaults. BrokerAwayError where no broker answers."""
    async with admin_client(settings) as client:
        there = {entry["topic"] for entry in await client.describe_topics() if not entry["error_code"]}
    missing = [topic for topic in topics if topic not in there]
    if missing:
        raise Refused(f"there is no topic {', '.join(missing)}: run egnyte-watch topics, and start a worker")


class _LastWords(logging.Filter):
    """Keeps aiokafka's complaints, one per try, out of the log. They have the reason, its exception has none."""

    last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        self.last = record.getMessage()
        return False

    def __enter__(self) -> Self:
        logging.getLogger("aiokafka").addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("aiokafka").removeFilter(self)
