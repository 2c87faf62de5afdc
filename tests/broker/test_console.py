"""The console on a real Kafka: the printed link signs in, a finding and news of it are seen, a verdict is kept."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from agents import detect
from connectors.places.marks import MarkFile
from detections import state as user_state
from detections.state import History, UserState
from schemas import finding as findings
from schemas import mark as marks
from schemas import meta as metas
from schemas import verdict as verdicts
from schemas.event import Envelope
from schemas.meta import META_KEY, Meta
from simulators.kafka.node import free_ports
from streams.cluster import Record, TopicPartition
from streams.kafka import client_options, partition_of
from streams.kafka_cluster import KafkaCluster
from streams.sections import KafkaSettings, Settings, StreamsSettings
from streams.state import EPOCH_HEADER
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, changelog_name, topic_name
from tests.broker.waiting import until
from tests.console.web.stories import RAISED, SCRIPT, WHO

UID = RAISED.finding_info.uid
IP = "198.51.100.7"


async def test_a_finding_is_seen_and_judged(kafka: str, prefix: str, tmp_path: Path) -> None:
    settings = Settings(
        kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix), streams=StreamsSettings(data_dir=str(tmp_path))
    )
    await prepare_topics(settings)
    async with console(settings, tmp_path) as client:
        async with client.stream("GET", "/events") as news:
            parts = news.aiter_text()
            assert (await anext(parts)).startswith("retry")
            await say(settings)
            async with asyncio.timeout(30):
                assert "event: findings" in await anext(parts)
        await until(partial(shows, client), "the finding is shown")
        page = (await client.get(f"/findings/{UID}")).text
        assert SCRIPT not in page
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
        form = {"csrf": csrf, "said": "benign", "comment": "asked", "sure": "yes"}
        answer = await client.post(f"/findings/{UID}/verdict", data=form)
        assert answer.status_code == 200, answer.text
        assert "The verdict is kept" in answer.text
        assert (await client.get("/connectors")).status_code == 200
    (kept,) = await said(settings)
    assert (kept.said, kept.opinion, kept.comment, kept.finding) == ("close", "benign", "asked", RAISED)


async def test_a_mark_is_kept_and_what_was_learned_is_read(kafka: str, prefix: str, tmp_path: Path) -> None:
    settings = Settings(
        kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix), streams=StreamsSettings(data_dir=str(tmp_path))
    )
    await prepare_topics(settings)
    await learn(settings)
    async with console(settings, tmp_path) as client:
        csrf = re.findall(r'name="csrf" value="([^"]+)"', (await client.get("/")).text)[0]
        form = {"csrf": csrf, "ip": IP, "block": IP, "category": "vpn", "why": "exit of ours", "sure": "yes"}
        await client.post("/ip/mark", data=form)  # its page is not there yet: nobody came from the address
        page = await client.get("/user/normal", params={"key": WHO})
        assert (page.status_code, "7 of them with activities" in page.text) == (200, True), page.text
        unknown = await client.get("/user/normal", params={"key": "acme/nobody"})
        assert "Nothing is known" in unknown.text
    assert [(each.block, each.category, each.why) for each in MarkFile(tmp_path / "lists").read()] == [
        (IP, "vpn", "exit of ours")
    ]
    (kept,) = await events(settings)
    assert (kept.key, Envelope.from_headers(kept.headers).source) == (marks.KEY.encode(), "mark")
    assert marks.decode(kept.value or b"").category == "vpn"


async def learn(settings: Settings) -> None:
    """State as `detect` leaves it, with others' far behind it."""
    key, log, epoch = WHO.encode(), changelog_name(settings, detect.NAME), [(EPOCH_HEADER, b"2")]
    state = user_state.encode(UserState(history=History(day=20_000, days=bytes([2] * 7))))
    meta = metas.encode(Meta(next=1, schema=detect.SCHEMA, epoch=2))
    producer: Any = AIOKafkaProducer(**client_options(settings.kafka), linger_ms=50)
    await producer.start()
    try:
        partition = partition_of(key, PARTITIONS)
        rows = [(key, b"older", [(EPOCH_HEADER, b"1")]), (key, state, epoch)]
        rows += [(b"acme/%d" % n, b"-", epoch) for n in range(5_000)]
        for name, value, headers in [*rows, (META_KEY, meta, [])]:
            await producer.send(log, value, key=name, partition=partition, headers=headers)
    finally:
        await producer.stop()


@asynccontextmanager
async def console(settings: Settings, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who opened the link that a new console printed."""
    variables = os.environ | {
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "EGNYTE_WATCH_STREAMS__DATA_DIR": str(folder),
        "EGNYTE_WATCH_VAULT__DIR": str(folder / "vault"),
        "EGNYTE_WATCH_PLACES__LISTS_DIR": str(folder / "lists"),
        "PYTHONUNBUFFERED": "1",
    }
    (port,) = free_ports(1)
    command = (sys.executable, "-m", "console.cli", "console", "--port", str(port))
    log_path = folder / "log"
    with log_path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=variables, stdout=log, stderr=log)
    found: list[str] = []
    try:

        async def opened() -> bool:
            found[:] = re.findall(r"http://\S+/login\?token=\S+", log_path.read_text())
            with contextlib.suppress(httpx.TransportError):
                return bool(found) and (await client.get("/healthz")).status_code == httpx.codes.NO_CONTENT
            return False

        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Accept": "text/html"}, follow_redirects=True,
            trust_env=False, timeout=30,
        ) as client:  # fmt: skip
            await until(opened, "the console answers")
            overview = await client.get(found[0])
            assert overview.status_code == 200
            assert "<h1>Overview</h1>" in overview.text
            yield client
        process.terminate()
        assert await process.wait() == 0, log_path.read_text()[-3_000:]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def say(settings: Settings) -> None:
    """A finding, as a worker would."""
    producer: Any = AIOKafkaProducer(**client_options(settings.kafka))
    await producer.start()
    try:
        await producer.send_and_wait(topic_name(settings, "alerts"), findings.encode(RAISED), key=UID.encode())
    finally:
        await producer.stop()


async def shows(client: httpx.AsyncClient) -> bool:
    return UID in (await client.get("/findings")).text


async def said(settings: Settings) -> list[verdicts.Verdict]:
    """All verdicts that are on the events topic."""
    return [verdicts.decode(record.value or b"") for record in await events(settings)]


async def events(settings: Settings) -> list[Record]:
    cluster, found = KafkaCluster(settings, "test"), list[Record]()
    try:
        for number in range(PARTITIONS):
            async with aclosing(cluster.read(TopicPartition(topic_name(settings, "events"), number), 0)) as chunks:
                async for chunk in chunks:
                    found += chunk
    finally:
        await cluster.close()
    return found
