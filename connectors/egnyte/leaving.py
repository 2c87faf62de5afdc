"""Takes a connector out of service on the log: its status says so, and what was wrong with it is closed."""

import uuid
from typing import Literal

from msgspec.structs import replace

from connectors.egnyte import alarms
from connectors.egnyte.clock import Clock
from connectors.egnyte.cluster import OwnedCluster
from connectors.egnyte.publisher import CLOSE_WITHIN_S, Publisher, within
from connectors.egnyte.resume import last_cursor
from connectors.egnyte.statuses import last_status
from streams.errors import Refused
from streams.sections import Settings


async def leave(
    settings: Settings, state: Literal["disabled", "disconnected"], cluster: OwnedCluster, clock: Clock
) -> bool:
    """Fences whatever process follows the connector of `settings`, and writes `state`; False where it has never run.
    Cursor and events stay. Closes `cluster`. Raises Refused for topics that are missing, and Kafka's errors.
    """
    publisher = Publisher(settings, cluster)
    try:
        if wrong := await cluster.unfit(publisher.topics):
            raise Refused(f"{'; '.join(wrong)}. Run egnyte-watch topics")
        await publisher.start()
        cursor, status = await last_cursor(settings, cluster), await last_status(settings, cluster)
        if cursor is None or status is None:
            return False
        now_ms, instance = clock.now_ms(), uuid.uuid4().hex
        ended, findings = alarms.turn(
            replace(status, state=state, instance=instance, written_ms=now_ms, next_ms=0, error_kind="", error=""),
            now_ms,
        )
        await publisher.publish([], replace(cursor, instance=instance, asking=False), ended, now_ms, findings)
        return True
    finally:
        await publisher.close()
        await within(CLOSE_WITHIN_S, cluster.close())
