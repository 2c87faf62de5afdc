"""The work that all contestants do: audit events of many users, as a connector publishes them.

Mixed as a working day is: previews and downloads above all, some uploads, a few logins and failures. Real addresses
out of the city database, two or three per user, so that places, caches and travel checks do their work. The same on any
day, but for the dates.
"""

import asyncio
import hashlib
import ipaddress
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer

from connectors.egnyte.audit_event import parse
from connectors.egnyte.keys import user_key
from schemas.event import Envelope
from simulators import scenario
from streams.kafka import client_options, partition_of
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

CONNECTOR: Final = "acme"
DAY_MS: Final = 86_400_000
START_MS: Final = (time.time_ns() // 1_000_000 // DAY_MS - 1) * DAY_MS
"""Yesterday, 00:00 UTC. A broker removes what is older than its topic keeps 30 s after its own start and every 5 min,
whether it has been read or not: older events would vanish in the middle of a measurement."""
SPAN_MS: Final = 3_600_000
ACTIONS: Final = (
    ("FILE_AUDIT", "Preview", 50),
    ("FILE_AUDIT", "Download", 25),
    ("FILE_AUDIT", "Upload", 15),
    ("LOGIN_AUDIT", "Login", 7),
    ("LOGIN_AUDIT", "Failed Login", 3),
)


class Keyed(msgspec.Struct, frozen=True):
    """One event as it goes to the topic."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    received_ms: int


def cities() -> list[list[str]]:
    """Addresses by city, out of the scenario's excerpt of the city database."""
    places = json.loads((Path(scenario.__file__).parent / "places.json").read_text())["cities"]
    return [
        [str(network[n]) for text in city["ipv4"] for network in [ipaddress.ip_network(text)] for n in range(1, 200)]
        for city in places
    ]


def events(count: int, users: int, seed: int = 7) -> Iterator[Keyed]:
    """`count` events of `users` users, in time order, within an hour. One user in a hundred is in two cities at
    once."""
    chance = random.Random(seed)  # noqa: S311 - a workload, not a secret
    encode = msgspec.json.Encoder().encode
    by_city = cities()
    people = []
    for n in range(users):
        home, away = chance.sample(by_city, 2)
        second = away if n % 100 == 0 else home
        addresses = (chance.choice(home), chance.choice(second))
        people.append((f"First{n} Last{n} ( user{n}@example.com )", str(10_427_000_000 + n), addresses))
    weights = [weight for _, _, weight in ACTIONS]
    for i in range(count):
        person, user_id, places = people[chance.randrange(users)]
        source, action, _ = chance.choices(ACTIONS, weights)[0]
        date = START_MS + i * SPAN_MS // count
        event = {
            "date": date,
            "user": person,
            "userId": user_id,
            "action": action,
            "access": "Web UI",
            "ipAddress": places[0] if chance.random() < 0.97 else places[1],
            "actionInfo": "",
            "auditSource": source,
        }
        if source == "FILE_AUDIT":
            folder, drawing = chance.randrange(400), chance.randrange(90)
            event["sourcePath"] = f"/Shared/Projects/Harbor/{folder}/plan level {drawing}.dwg"
            event["targetPath"] = "N/A"
        yield keyed(encode(event), date + 30_000, i)


def login_failures(email: str, count: int, now_ms: int) -> Iterator[Keyed]:
    """`count` failed logins of one user from one network, in the last seconds."""
    for i in range(count):
        date = now_ms - (count - i)
        event = {
            "date": date,
            "user": f"Vic Tim ( {email} )",
            "userId": "10427999999",
            "action": "Failed Login",
            "access": "Web UI",
            "ipAddress": "81.2.69.142",
            "actionInfo": "",
            "auditSource": "LOGIN_AUDIT",
        }
        yield keyed(msgspec.json.encode(event), now_ms, i)


def keyed(value: bytes, received_ms: int, number: int) -> Keyed:
    """An event as a connector would publish it. `number` keeps equal ones apart."""
    key = user_key(CONNECTOR, parse(value).actor).encode()
    event_id = hashlib.blake2b(value + b"%d" % number, digest_size=16).hexdigest()
    return Keyed(
        partition_of(key, PARTITIONS), key, value, list(Envelope(CONNECTOR, event_id).to_headers()), received_ms
    )


async def publish(settings: Settings, work: list[Keyed]) -> None:
    """Write `work` to the events topic, in order within each partition."""
    await publish_to(settings, "events", work)


async def publish_to(settings: Settings, name: str, work: list[Keyed]) -> None:
    """Write `work` to the topic called `name`, in order within each partition."""
    producer = AIOKafkaProducer(
        **client_options(settings.kafka), compression_type="lz4", max_batch_size=500_000, enable_idempotence=True
    )
    await producer.start()
    try:
        topic = topic_name(settings, name)
        batches = {n: producer.create_batch() for n in range(PARTITIONS)}
        sent = []
        for event in work:
            row = {"timestamp": event.received_ms, "key": event.key, "value": event.value, "headers": event.headers}
            if batches[event.partition].append(**row) is None:
                sent.append(await producer.send_batch(batches[event.partition], topic, partition=event.partition))
                batches[event.partition] = producer.create_batch()
                batches[event.partition].append(**row)
        for partition, batch in batches.items():
            if batch.record_count():
                sent.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
