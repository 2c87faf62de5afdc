"""The connector's process: all connectors of the vault, and the one of the settings, until it is told to stop."""

import asyncio
import signal
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from connectors.egnyte.supervisor import supervise
from streams.errors import StreamError
from streams.sections import Settings
from streams.settings import SettingsError

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Runs all connectors until SIGTERM or SIGINT. Returns the exit code: 0 stopped, 1 with the reason in the log."""
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_exception_handler(_unheard)
    try:
        await supervise(settings, stop=stop)
    except (StreamError, SettingsError, ValueError) as error:
        reason = str(error)
    else:
        return 0
    log.error("the connectors end", reason=reason)
    return 1


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A fenced producer leaves futures behind that nobody asks: what they hold has been said already."""
    if isinstance(context.get("exception"), KafkaError):
        log.debug("left behind by a Kafka client", reason=str(context["exception"]))
    else:
        loop.default_exception_handler(context)
