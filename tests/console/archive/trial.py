"""The trial of the archive: its process is killed again and again while the topics fill; then it holds what they hold.

The long one: python -m tests.console.archive.trial [--activities 60000] [--kills 20]
"""

import argparse
import asyncio
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from agents.governing.requests import asked_by
from console.archive.database import Database
from console.web.access import token_path
from schemas import finding as findings
from schemas import governance
from schemas.activity import Activity, Person
from simulators.kafka import development_kafka
from simulators.kafka.node import free_ports
from streams.kafka import client_options, partition_of
from streams.sections import KafkaSettings, Settings, StreamsSettings
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, topic_name
from tests.broker.waiting import until
from tests.console.web.stories import journey

CHUNK: Final = 100
"""Activities of one transaction; every fifth is aborted first, and then comes again."""
EACH: Final = 10
"""One in so many activities comes with a finding and an action."""
TOPICS: Final = ("activities", "alerts", "behaviors", "governance")
_encode: Final = msgspec.json.Encoder().encode
Say = Callable[[str], None]


async def trial(bootstrap: str, prefix: str, folder: Path, number: int, kills: int, say: Say) -> Counter[str]:
    """How many records of each topic the archive holds. Raises AssertionError where it is not what the topics hold."""
    settings = Settings(
        kafka=KafkaSettings(bootstrap=bootstrap, topic_prefix=prefix), streams=StreamsSettings(data_dir=str(folder))
    )
    await prepare_topics(settings)
    await _run(settings, folder, number, kills, say)
    there = await _records(settings)
    database = Database(folder / "archive.duckdb")
    try:
        held = {
            "activities": database.read("SELECT partition, position, user_key, event_id, path, raw FROM activities"),
            "governance": database.read("SELECT partition, position, uid, body FROM governance"),
        }
        for name in ("alerts", "behaviors"):
            query = "SELECT partition, position, uid, body FROM finding_records WHERE topic = ?"
            held[name] = database.read(query, [topic_name(settings, name)])
    finally:
        database.close()
    for name in TOPICS:
        assert sorted(held[name]) == sorted(there[name]), f"{name}: {len(held[name])} held, {len(there[name])} there"
    assert len(there["activities"]) == number
    return Counter({name: len(rows) for name, rows in held.items()})


async def _run(settings: Settings, folder: Path, number: int, kills: int, say: Say) -> None:
    """Feeds the topics and kills the console, which ends in order at last, with all that was fed."""
    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    (port,) = free_ports(1)
    variables = os.environ | {
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "EGNYTE_WATCH_STREAMS__DATA_DIR": str(folder),
    }
    feeding = asyncio.create_task(feed(settings, number))
    with (folder / "log").open("ab") as log:
        for kill in range(kills + 1):
            command = (sys.executable, "-m", "console.cli", "console", "--port", str(port))
            console = await asyncio.create_subprocess_exec(*command, env=variables, stdout=log, stderr=log)
            wanted = number * kill // kills
            await until(partial(_holds, settings, port, wanted), f"{wanted} activities are archived")
            if kill < kills:
                await asyncio.sleep(chance.random())  # so that it dies anywhere
                console.send_signal(signal.SIGKILL)
                await console.wait()
                say(f"kill {kill + 1}: {wanted:,} of {number:,} at least")
        await feeding
        await until(partial(_caught_up, settings, port), "nothing is left to be read")
        console.terminate()
        assert await console.wait() == 0, (folder / "log").read_text()[-3_000:]


async def _status(settings: Settings, port: int) -> dict[str, Any]:
    """What the console at `port` says of itself; nothing where it does not answer."""
    try:
        headers = {"Authorization": f"Bearer {token_path(settings).read_text()}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/api/status")
    except (httpx.TransportError, FileNotFoundError):
        return {}
    found: dict[str, Any] = answer.json() if answer.status_code == httpx.codes.OK else {}
    return found


async def _holds(settings: Settings, port: int, rows: int) -> bool:
    return bool((await _status(settings, port)).get("activities", -1) >= rows)


async def _caught_up(settings: Settings, port: int) -> bool:
    return (await _status(settings, port)).get("behind") == 0


async def feed(settings: Settings, number: int) -> None:
    """`number` activities of 50 users with findings and actions among them, in transactions, some of them aborted."""
    producer = AIOKafkaProducer(
        **client_options(settings.kafka), transactional_id=f"{settings.kafka.topic_prefix}-feed", linger_ms=5
    )
    await producer.start()
    now_ms = round(time.time() * 1000)
    try:
        for first in range(0, number, CHUNK):
            for aborted in (True, False) if first % (5 * CHUNK) == 0 else (False,):
                await producer.begin_transaction()
                sent = []
                for n in range(first, min(first + CHUNK, number)):
                    for name, key, value, by in _made(n, now_ms):
                        partition = partition_of(by, PARTITIONS)
                        topic = topic_name(settings, name)
                        sent.append(await producer.send(topic, value, key, partition=partition, timestamp_ms=now_ms))
                await asyncio.gather(*sent)
                await (producer.abort_transaction() if aborted else producer.commit_transaction())
    finally:
        await producer.stop()


def _made(n: int, now_ms: int) -> list[tuple[str, bytes, bytes, bytes]]:
    """Topic, key, value and what decides the partition, of the records that come with activity `n`."""
    person = Person(email=f"user{n % 50}@example.com")
    key = f"acme/{person.email}".encode()
    activity = Activity(
        connector="acme", event_id=f"e{n}", time_ms=now_ms + n, received_ms=now_ms, type="download", actor=person,
        path=f"/Shared/plan {n}.dwg", raw=msgspec.Raw(b'{"n":%d}' % n),
    )  # fmt: skip
    made = [("activities", key, _encode(activity), key)]
    if n % EACH == 0:
        found = msgspec.structs.replace(journey(f"a{n}"), time=now_ms)  # an old one would be forgotten by age
        name = "alerts" if n % (2 * EACH) else "behaviors"
        made.append((name, found.finding_info.uid.encode(), findings.encode(found), key))
        wish = asked_by("mara", "suspend_user", person.email, "acme", now_ms, f"because of {n}", request=f"r{n}")
        made.append(("governance", wish.uid.encode(), governance.encode(wish), b"acme"))
    return made


async def _records(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """All committed records of the topics, as the archive has them."""
    consumer: Any = AIOKafkaConsumer(**client_options(settings.kafka), isolation_level="read_committed")
    await consumer.start()
    found: dict[str, list[tuple[Any, ...]]] = {}
    try:
        for name in TOPICS:
            partitions = [TopicPartition(topic_name(settings, name), n) for n in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            rows = found[name] = []
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    rows += [_row(name, record) for record in records]
    finally:
        await consumer.stop()
    return found


def _row(name: str, record: Any) -> tuple[Any, ...]:
    place = record.partition, record.offset, record.key.decode()
    if name != "activities":
        return (*place, record.value.decode())
    activity = msgspec.json.decode(record.value, type=Activity)
    return (*place, activity.event_id, activity.path, bytes(activity.raw).decode())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.console.archive.trial", description=__doc__)
    parser.add_argument("--activities", type=int, default=60_000)
    parser.add_argument("--kills", type=int, default=20)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, development_kafka() as broker:
        prefix = f"t{secrets.token_hex(3)}"
        held = asyncio.run(
            trial(broker.bootstrap, prefix, Path(folder), asked.activities, asked.kills, lambda w: print(w, flush=True))
        )
    print(", ".join(f"{count:,} {name}" for name, count in held.items()))
    print(f"{asked.kills} kills: the archive holds what the topics hold; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
