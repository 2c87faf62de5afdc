"""`python -m benchmarks.restore`: how soon a worker has 100,000 users' state back.

The states are real: of a scenario's people after some weeks of work, written to the changelog once for each of so many
users, and a second time for every tenth, as a changelog that was not compacted just now has them. Then the ordinary
worker is started with agent `detect`, on the same broker; measured is the time until every partition has been restored
and would take its first chunk.
"""

import argparse
import asyncio
import json
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaTopicPartition

from agents import detect, enrich
from benchmarks.bound import Kept, Row
from benchmarks.contest import environment, start, usage
from benchmarks.workload import Keyed, keyed
from connectors.places import Places
from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from simulators.kafka import DevelopmentKafkaError, development_kafka
from simulators.scenario.scenario import Scenario
from streams.handler import State
from streams.kafka import client_options, partition_of
from streams.kafka_cluster import COMPRESSION
from streams.sections import Settings
from streams.settings import load
from streams.startup import OURS
from streams.state import EPOCH_HEADER
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, changelog_name, group_name, topic_name

USERS: Final = 100_000
MOST_S: Final = 30
TEMPLATES: Final = 60
DAYS: Final = 14
TWICE: Final = 10
"""Every tenth user's state is there twice."""
DEADLINE_S: Final = 300


class Restored(msgspec.Struct):
    """`seconds`: from the worker's start to the last partition's readiness; `reading_s` of it from the first fence."""

    users: int
    state_bytes: int
    seconds: float
    reading_s: float
    rss_mib: float

    @property
    def soon(self) -> bool:
        """Whether it took no longer than it may."""
        return self.seconds < MOST_S


def table(rounds: Sequence[Restored]) -> str:
    """The rounds as a table, the quickest first."""
    head = """| users | bytes of state each | MiB in all | start to ready, s | of it reading, s | peak RSS MiB |
|---:|---:|---:|---:|---:|---:|
"""
    return head + "".join(
        f"| {each.users:,} | {each.state_bytes / each.users:,.0f} | {each.state_bytes / 2**20:,.0f} | "
        f"{each.seconds:.1f} | {each.reading_s:.1f} | {each.rss_mib:,.0f} |\n"
        for each in sorted(rounds, key=lambda each: each.seconds)
    )


def median(rounds: Sequence[Restored]) -> Restored:
    """The round in the middle, by its seconds."""
    return sorted(rounds, key=lambda each: each.seconds)[len(rounds) // 2]


def states(settings: Settings) -> list[bytes]:
    """The states of a scenario's people, as they are stored."""
    start_ms = int(time.time() * 1000) - (DAYS + 1) * 86_400_000
    people = Scenario(7, users=TEMPLATES, days=DAYS, start_ms=start_ms, behaviours=())
    enriching = enrich.spec(settings, Places(settings.places)).handler
    detecting = detect.spec(settings)
    activities = topic_name(settings, "activities")
    kept: State[Any] = State({}, detecting.codec)
    nothing: State[Any] = State({}, detecting.codec)
    for offset, event in enumerate(_events(people)):
        enriched = Kept()
        enriching.handle(Row(offset, event.received_ms, event.key, event.value, event.headers), nothing, enriched)
        for topic, key, value, timestamp in enriched.rows:
            if topic == activities:
                detecting.handler.handle(Row(offset, timestamp, key, value, []), kept, Kept())
    return [value for key, value in kept.changes().items() if value is not None and not key.startswith(b"\0")]


def _events(people: Scenario) -> Iterator[Keyed]:
    for number, event in enumerate(people):
        yield keyed(msgspec.json.encode(event), event["date"] + 30_000, number)


async def prepare(settings: Settings, users: int) -> int:
    """Topics, with the changelog of so many users and the offsets that belong to it; returns the bytes of state."""
    await prepare_topics(settings)
    templates = states(settings)
    changelog = changelog_name(settings, detect.NAME)
    records: dict[int, list[tuple[bytes, bytes]]] = {n: [] for n in range(PARTITIONS)}
    size = 0
    for number in range(users):
        key, value = f"acme/user{number}@example.com".encode(), templates[number % len(templates)]
        size += len(value)
        mine = records[partition_of(key, PARTITIONS)]
        mine.extend([(key, value)] * (2 if number % TWICE == 0 else 1))
    producer = AIOKafkaProducer(
        **client_options(settings.kafka), compression_type=COMPRESSION, transactional_id=f"{changelog}-bench"
    )
    await producer.start()
    try:
        meta, headers = Meta(next=0, schema=detect.SCHEMA, epoch=0), [(EPOCH_HEADER, b"0")]
        async with producer.transaction():
            sent = []
            for partition, rows in records.items():
                batch = producer.create_batch()
                for key, value in (*rows, (META_KEY, metas.encode(meta))):
                    row: dict[str, Any] = {"timestamp": 0, "key": key, "value": value, "headers": headers}
                    if batch.append(**row) is None:
                        sent.append(await producer.send_batch(batch, changelog, partition=partition))
                        batch = producer.create_batch()
                        batch.append(**row)
                sent.append(await producer.send_batch(batch, changelog, partition=partition))
            await asyncio.gather(*sent)
            source = topic_name(settings, "activities")
            offsets = {KafkaTopicPartition(source, n): OffsetAndMetadata(0, f"{OURS} 0") for n in range(PARTITIONS)}
            await producer.send_offsets_to_transaction(offsets, group_name(settings, detect.NAME))
    finally:
        await producer.stop()
    return size


def measure(bootstrap: str, users: int = USERS) -> Restored:
    """One measurement, with a worker in a process of its own. Raises RuntimeError where it never is ready."""
    variables = environment(bootstrap, f"restore{secrets.token_hex(3)}")
    size = asyncio.run(prepare(load(None, variables).settings, users))
    process = start("benchmarks.restore", variables, "--worker")
    began = time.monotonic()
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith(b"{")), b"")
        if not line:
            raise RuntimeError(f"the worker ended before it was ready (exit code {process.wait()})")
        told = json.loads(line)
        rss_mib, _ = usage(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    return Restored(users, size, told["ready"] - began, told["ready"] - told["fenced"], rss_mib)


def work() -> int:
    """The worker: says when the first partition was fenced and when the last was ready (s, `time.monotonic`)."""
    from agents.worker import run
    from streams.logs import configure

    fenced, ready = 0.0, 0

    def probe(step: str) -> None:
        nonlocal fenced, ready
        fenced = fenced or time.monotonic()
        ready += step == "prepared"
        if ready == PARTITIONS and step == "prepared":
            print(json.dumps({"fenced": fenced, "ready": time.monotonic()}), flush=True)

    configure("WARNING", json=False)
    return run(load().settings, (detect.NAME,), probe)


def main() -> int:
    """Print the table; returns 1 where it takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restore", description=__doc__)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        return work()
    try:
        with development_kafka() as broker:
            rounds = [measure(broker.bootstrap, asked.users) for _ in range(asked.rounds)]
    except DevelopmentKafkaError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(rounds))
    return 0 if median(rounds).soon else 1


if __name__ == "__main__":
    sys.exit(main())
