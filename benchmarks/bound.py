"""The CPU bound: the same handlers in a plain loop, without Kafka, transactions or a second process. Nothing on top
can be faster."""

import json
import sys
import time
from collections import defaultdict
from typing import Any

from agents import detect, enrich
from benchmarks.workload import events
from connectors.places import Places
from streams.cluster import NO_HEADERS, Headers, Record
from streams.handler import State
from streams.settings import load
from streams.state import PartitionState
from streams.topics import topic_name


class Row:
    """A record as the handlers read it."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "value")

    def __init__(self, offset: int, timestamp: int, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        self.offset, self.timestamp, self.key, self.value, self.headers = offset, timestamp, key, value, headers
        self.partition = 0


class Kept:
    """Outputs in memory."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, bytes | None, bytes | None, int]] = []

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        headers: Headers = NO_HEADERS,
        partition: int | None = None,
    ) -> None:
        self.rows.append((topic, key, value, timestamp_ms))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        raise RuntimeError(error)


def main(count: int, users: int) -> None:
    """Print from when to when the work was done, and the CPU time between (s)."""
    settings = load().settings
    enriching = enrich.spec(settings, Places(settings.places)).handler
    detecting = detect.spec(settings)
    activities = topic_name(settings, "activities")
    by_partition: defaultdict[int, list[Row]] = defaultdict(list)
    for offset, event in enumerate(events(count, users)):
        by_partition[event.partition].append(Row(offset, event.received_ms, event.key, event.value, event.headers))
    chunk = settings.streams.chunk_records
    began, cpu = time.monotonic(), time.process_time()
    for rows in by_partition.values():
        state_of = PartitionState()
        for start in range(0, len(rows), chunk):
            enriched, found = Kept(), Kept()
            state: State[Any] = State(state_of.values, detecting.codec)
            nothing: State[Any] = State({}, detecting.codec)
            for row in rows[start : start + chunk]:
                enriching.handle(row, nothing, enriched)
            for offset, (topic, key, value, timestamp) in enumerate(enriched.rows):
                if topic == activities:
                    detecting.handler.handle(Row(offset, timestamp, key, value, []), state, found)
            state_of.take(state.changes())
    print(json.dumps({"first": began, "last": time.monotonic(), "cpu": time.process_time() - cpu}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
