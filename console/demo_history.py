"""`python -m console.demo_history`: what the demo's people did before the time to which Egnyte's stream reaches back.

Without it nobody's habits are known, and a journey that is impossible is only something to learn from.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog
from aiokafka.errors import KafkaError

from connectors.egnyte.intake import take
from connectors.egnyte.occurrences import Window
from connectors.egnyte.publisher import Publisher
from connectors.egnyte.resume import OVERLAP_MS, last_cursor
from schemas.connector import CursorRecord
from simulators.scenario.demo import Demo
from streams import logs
from streams.errors import StreamError
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.settings import SettingsError, load

log = structlog.get_logger(__name__)

MARGIN_MS: Final = 60_000
"""The simulator tells the story as of its own start; asked for events of a minute before, it leaves out none."""


async def publish_history(settings: Settings, events: Sequence[Mapping[str, Any]], stream_starts_ms: int) -> int:
    """Publishes `events`, and the cursor with which the connector goes on at `stream_starts_ms`, in one transaction.

    Returns how many were published: none where the connector has a cursor already, so that it may be run again. Raises
    Kafka's errors.
    """
    name, now_ms = settings.egnyte.name, time.time_ns() // 1_000_000
    cluster = KafkaCluster(settings, f"{settings.kafka.topic_prefix}-watch-history-{name}")
    publisher = Publisher(settings, cluster)
    try:
        await publisher.start()
        if await last_cursor(settings, cluster) is not None:
            return 0
        taken = take(name, [msgspec.json.encode(event) for event in events], Window(OVERLAP_MS), now_ms)
        cursor = CursorRecord(connector=name, instance=uuid.uuid4().hex, start_ms=stream_starts_ms - MARGIN_MS)
        await publisher.publish(taken.records, cursor, None, now_ms)
        return taken.events
    finally:
        await publisher.close()
        await cluster.close()


def main() -> None:
    """Publishes the history of the demonstration as of now, for the connector of the settings."""
    logs.configure("INFO")
    try:
        settings = load().settings
        if (urlsplit(settings.egnyte.base_url).hostname or "").endswith(".egnyte.com"):
            raise SystemExit(
                f"refused: the settings name a real domain, {settings.egnyte.base_url}, and this is a made-up past. "
                "The demo has settings of its own: docker compose --env-file deploy/demo.env -p demo --profile demo up"
            )
        demo = Demo(time.time_ns() // 1_000_000)
        published = asyncio.run(publish_history(settings, demo.history, demo.stream_starts_ms))
    except (SettingsError, StreamError, KafkaError, TimeoutError) as error:
        raise SystemExit(f"no history was published: {error or type(error).__name__}") from None
    log.info("history published" if published else "there is a history already", events=published)


if __name__ == "__main__":
    main()
