"""From event to alert, at a steady rate: from the moment an event can be read in Kafka to the moment its alert can.

Background events of many users, and every so often a user whose tenth failed login raises an alert; the clock of that
user starts when the tenth is on the topic, and stops when a read_committed consumer has the alert.
"""

import asyncio
import signal
import statistics
import time
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.contest import committed, fresh, start
from benchmarks.workload import CONNECTOR, Keyed, login_failures
from streams.kafka import client_options
from streams.sections import Settings
from streams.settings import load
from streams.topics import PARTITIONS, topic_name

FAILURES = 10
"""From which `failed_logins` raises, at its defaults."""


class Latency(msgspec.Struct):
    """In ms. `alerts`: how many were timed."""

    p50: float
    p99: float
    worst: float
    alerts: int


def measure(bootstrap: str, background: list[Keyed], rate: int, seconds: int, policies: Path) -> Latency:
    """At `rate` events/s for `seconds`."""
    variables = asyncio.run(fresh(bootstrap, [], policies))
    process = start("benchmarks.pipeline", variables)
    try:
        return asyncio.run(_measure(load(None, variables).settings, background, rate, seconds))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def _measure(settings: Settings, background: list[Keyed], rate: int, seconds: int) -> Latency:
    options = client_options(settings.kafka)
    producer = AIOKafkaProducer(**options, linger_ms=0)
    consumer = AIOKafkaConsumer(
        topic_name(settings, "alerts"), **options, isolation_level="read_committed", auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    await producer.start()
    await consumer.start()
    sent: dict[str, float] = {}
    took: dict[str, float] = {}
    reading = asyncio.create_task(_read(consumer, sent, took))
    try:
        await _ready(settings, producer, background[0])
        await _send(settings, producer, background, rate, seconds, sent)
        await asyncio.wait_for(_all(took, len(sent)), 20)
    finally:
        reading.cancel()
        await consumer.stop()
        await producer.stop()
    ordered = sorted(took.values())
    p99 = ordered[int(len(ordered) * 0.99) - 1]
    return Latency(statistics.median(ordered) * 1000, p99 * 1000, ordered[-1] * 1000, len(ordered))


async def _all(took: dict[str, float], count: int) -> None:
    while len(took) < count:  # noqa: ASYNC110 - another task fills it, and nothing hangs on how soon this is seen
        await asyncio.sleep(0.1)


async def _ready(settings: Settings, producer: AIOKafkaProducer, event: Keyed) -> None:
    """One event through each partition first, so that all lanes are up and everybody has met everybody."""
    topic = topic_name(settings, "events")
    for n in range(PARTITIONS):
        await producer.send_and_wait(
            topic, event.value, event.key, partition=n, timestamp_ms=event.received_ms, headers=event.headers
        )
    await committed(settings)


async def _send(
    settings: Settings,
    producer: AIOKafkaProducer,
    background: list[Keyed],
    rate: int,
    seconds: int,
    sent: dict[str, float],
) -> None:
    """Twenty bursts a second; in every other one somebody's password is guessed at."""
    topic = topic_name(settings, "events")
    began = time.monotonic()
    filler = iter(background)
    for burst in range(seconds * 20):
        size = rate // 20
        if burst % 2 == 0:
            victim = f"victim{burst}@example.com"
            for event in login_failures(victim, FAILURES, int(time.time() * 1000)):
                size -= 1
                await _one(producer, topic, event)
            await producer.flush()
            sent[f"{CONNECTOR}/{victim}"] = time.monotonic()
        for _ in range(size):
            await _one(producer, topic, next(filler))
        await asyncio.sleep(max(0.0, began + (burst + 1) / 20 - time.monotonic()))


async def _one(producer: AIOKafkaProducer, topic: str, event: Keyed) -> None:
    await producer.send(
        topic,
        event.value,
        event.key,
        partition=event.partition,
        timestamp_ms=event.received_ms,
        headers=event.headers,
    )


async def _read(consumer: AIOKafkaConsumer, sent: dict[str, float], took: dict[str, float]) -> None:
    async for record in consumer:
        now = time.monotonic()
        found: Any = msgspec.json.decode(record.value)
        if found["finding_info"]["analytic"]["uid"] != "failed_logins":
            continue
        user = f"{CONNECTOR}/{found['evidences'][0]['actor']['user']['email_addr']}"
        if user in sent and user not in took:
            took[user] = now - sent[user]
