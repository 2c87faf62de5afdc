"""Stock Faust, doing the same work its own way: two agents, a table, `topic.send`, at least once.

The handlers are ours, so that the difference is the engine's alone. Raw bytes and msgspec, as the fastest stock
set-up measured; its buffer is raised from 4,096 to 131,072 as its own documentation advises, for otherwise a hidden
pause caps it.
"""

import json
import os
import sys
import time
from typing import Any

import faust

from agents import detect, enrich
from connectors.places import Places
from streams.cluster import NO_HEADERS, Headers, Record
from streams.handler import State
from streams.settings import load
from streams.topics import PARTITIONS, topic_name

settings = load().settings
COUNT = int(os.environ.get("BENCH_COUNT", "20000"))
FOLDER = os.environ["BENCH_FOLDER"]
"""For what Faust keeps on disk: otherwise a folder in the working directory."""


class Collected:
    """What a handler wrote for one record."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, bytes | None, bytes | None, int, Headers, int | None]] = []

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        headers: Headers = NO_HEADERS,
        partition: int | None = None,
    ) -> None:
        self.rows.append((topic, key, value, timestamp_ms, headers, partition))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        raise RuntimeError(error)


class Arrived:
    """A Faust event in the shape that our handlers take."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "value")

    def __init__(self, event: Any) -> None:
        message = event.message
        self.offset = message.offset
        self.partition = message.partition
        self.timestamp = int(message.timestamp * 1000)
        self.key = message.key
        self.value = message.value
        self.headers = (
            list(message.headers.items()) if isinstance(message.headers, dict) else list(message.headers or ())
        )


app = faust.App(
    f"{settings.kafka.topic_prefix}-stock",
    broker=f"kafka://{settings.kafka.bootstrap}",
    store="memory://",
    datadir=FOLDER,
    web_enabled=False,
    topic_partitions=PARTITIONS,
    stream_buffer_maxsize=131_072,
    consumer_auto_offset_reset="earliest",
)
events = app.topic(topic_name(settings, "events"), key_type=bytes, value_type=bytes)
activities = app.topic(topic_name(settings, "activities"), key_type=bytes, value_type=bytes)
outputs = {
    name: app.topic(name, key_type=bytes, value_type=bytes)
    for name in (topic_name(settings, short) for short in ("alerts", "behaviors", "attempts", "activities"))
}
users = app.Table("users", key_type=bytes, value_type=bytes, partitions=PARTITIONS)
enriching = enrich.spec(settings, Places(settings.places)).handler
detecting = detect.spec(settings)
progress = {"first": 0.0, "cpu": 0.0, "done": 0}


@app.agent(events)
async def enrich_agent(stream: Any) -> None:
    """Event to activity."""
    async for event in stream.events():
        if not progress["first"]:
            progress.update(first=time.monotonic(), cpu=time.process_time())
        out = Collected()
        enriching.handle(Arrived(event), State({}, detecting.codec), out)
        for topic, key, value, _, headers, partition in out.rows:
            await outputs[topic].send(key=key, value=value, headers=headers, partition=partition)


@app.agent(activities)
async def detect_agent(stream: Any) -> None:
    """Activity to findings, with the user's state in a table."""
    async for event in stream.events():
        out = Collected()
        key = event.message.key
        stored = users.get(key)
        state: State[Any] = State({} if stored is None else {key: stored}, detecting.codec)
        detecting.handler.handle(Arrived(event), state, out)
        for changed, value in state.changes().items():
            if value is not None:
                users[changed] = value
        for topic, key_out, value_out, _, headers, partition in out.rows:
            await outputs[topic].send(key=key_out, value=value_out, headers=headers, partition=partition)
        progress["done"] += 1
        if progress["done"] == COUNT:
            cpu_s = time.process_time() - progress["cpu"]
            line = json.dumps({"first": progress["first"], "last": time.monotonic(), "cpu": cpu_s}) + "\n"
            os.write(1, line.encode())  # Faust's worker turns print() into log lines


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "-l", "warn"]
    app.main()
