"""The archive's process is killed again and again while activities come: it holds each of them once."""

import asyncio
import os
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import msgspec
from aiokafka import AIOKafkaProducer

from console.archive.database import Database
from console.web.access import token_path
from schemas.activity import Activity, Person
from simulators.kafka.node import free_ports
from streams.kafka import client_options, partition_of
from streams.sections import KafkaSettings, Settings, StreamsSettings
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, topic_name
from tests.broker.waiting import until

ROWS = 6_000
KILLS = 6


async def test_killed_at_any_moment_it_holds_each_activity_once(kafka: str, prefix: str, tmp_path: Path) -> None:
    settings = Settings(
        kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix), streams=StreamsSettings(data_dir=str(tmp_path))
    )
    await prepare_topics(settings)
    variables = os.environ | {
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": kafka,
        "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": prefix,
        "EGNYTE_WATCH_STREAMS__DATA_DIR": str(tmp_path),
    }
    chance = random.Random(3)  # noqa: S311
    (port,) = free_ports(1)
    feeding = asyncio.create_task(feed(settings))
    log_path = tmp_path / "log"
    with log_path.open("ab") as log:
        for kill in range(KILLS + 1):
            command = (sys.executable, "-m", "console.cli", "console", "--port", str(port))
            console = await asyncio.create_subprocess_exec(*command, env=variables, stdout=log, stderr=log)
            wanted = ROWS * kill // KILLS
            await until(partial(holds, settings, port, wanted), f"{wanted} activities are archived")
            if kill < KILLS:
                await asyncio.sleep(chance.random())  # so that it dies anywhere
                console.send_signal(signal.SIGKILL)
                await console.wait()
        await feeding
        console.terminate()
        assert await console.wait() == 0, log_path.read_text()[-3_000:]
    database = Database(tmp_path / "archive.duckdb")
    try:
        assert database.read("SELECT count(*), count(DISTINCT event_id) FROM activities") == [(ROWS, ROWS)]
        kept = dict(database.read("SELECT user_key, count(*) FROM activities GROUP BY user_key"))
        assert kept == {f"acme/user{n}@example.com": ROWS // 50 for n in range(50)}
    finally:
        database.close()


async def holds(settings: Settings, port: int, rows: int) -> bool:
    """Whether the console at `port` answers, and has at least `rows` activities."""
    try:
        headers = {"Authorization": f"Bearer {token_path(settings).read_text()}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/api/status")
    except (httpx.TransportError, FileNotFoundError):
        return False
    return answer.status_code == httpx.codes.OK and answer.json()["activities"] >= rows


async def feed(settings: Settings) -> None:
    """`ROWS` activities of 50 users, in transactions, some of them aborted."""
    topic, encode = topic_name(settings, "activities"), msgspec.json.Encoder().encode
    producer = AIOKafkaProducer(**client_options(settings.kafka), transactional_id=f"{topic}-feed")
    await producer.start()
    now_ms = round(time.time() * 1000)
    try:
        for first in range(0, ROWS, 100):
            for aborted in (True, False) if first % 500 == 0 else (False,):
                await producer.begin_transaction()
                for n in range(first, first + 100):
                    person = Person(email=f"user{n % 50}@example.com")
                    activity = Activity(
                        connector="acme", event_id=f"e{n}", time_ms=now_ms, received_ms=now_ms, type="download",
                        actor=person,
                    )  # fmt: skip
                    key = f"acme/{person.email}".encode()
                    await producer.send(
                        topic, encode(activity), key, partition=partition_of(key, PARTITIONS), timestamp_ms=now_ms
                    )
                await (producer.abort_transaction() if aborted else producer.commit_transaction())
    finally:
        await producer.stop()
