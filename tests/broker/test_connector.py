"""The connector as a process of its own, on a real broker, over real HTTP: killed, replaced, stopped."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.egnyte.client import STREAM_PATH
from connectors.egnyte.resume import last_cursor
from connectors.egnyte.service import serve
from schemas.event import Envelope
from simulators.egnyte import EgnyteSimulator, Fault, Switches
from streams.cluster import TopicPartition
from streams.kafka import partition_of
from streams.kafka_cluster import KafkaCluster
from streams.secret import Secret
from streams.settings import ConsoleSettings, EgnyteSettings, KafkaSettings, Settings
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS
from tests.connectors.egnyte.harness import upload, uploads

ROOT = Path(__file__).parents[2]
DEADLINE_S = 120
PROGRAM = """
import sys
from connectors.egnyte.process import run
from streams import logs
from streams.settings import load
logs.configure("INFO")
sys.exit(run(load().settings))
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Site:
    """A broker with this test's topics, an Egnyte, and connectors between them."""

    def __init__(self, settings: Settings, egnyte: EgnyteSimulator, logs: Path) -> None:
        self.settings = settings
        self.egnyte = egnyte
        self.logs = logs
        self._running: list[asyncio.subprocess.Process] = []

    async def connector(self) -> asyncio.subprocess.Process:
        kafka, egnyte = self.settings.kafka, self.settings.egnyte
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")} | {
            "PYTHONPATH": str(ROOT),
            "EGNYTE_WATCH_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
            "EGNYTE_WATCH_EGNYTE__NAME": egnyte.name,
            "EGNYTE_WATCH_EGNYTE__URL": egnyte.url,
            "EGNYTE_WATCH_EGNYTE__TOKEN": egnyte.token.reveal(),
            "EGNYTE_WATCH_EGNYTE__POLL_INTERVAL_S": "1",
            "EGNYTE_WATCH_EGNYTE__MAX_PER_MINUTE": "6000",
            "EGNYTE_WATCH_EGNYTE__MAX_PER_HOUR": "100000",
            "EGNYTE_WATCH_EGNYTE__MAX_PER_DAY": "0",
        }
        with (self.logs / f"connector-{len(self._running)}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, env=environ, cwd=self.logs, stdout=log, stderr=log
            )
        self._running.append(process)
        return process

    def said(self, process: asyncio.subprocess.Process) -> str:
        return (self.logs / f"connector-{self._running.index(process)}.log").read_text()

    def everything_said(self) -> str:
        return "".join(path.read_text() for path in self.logs.glob("*.log"))

    async def until(self, condition: Callable[[], bool], process: asyncio.subprocess.Process) -> None:
        """Waits for `condition` while `process` lives."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                assert process.returncode is None, self.said(process)
                await asyncio.sleep(0.005)

    async def published(self) -> list[tuple[bytes, str]]:
        """Raw event and id of every committed event; each is in its key's partition."""
        cluster = KafkaCluster(self.settings, "test")
        topic, found = f"{self.settings.kafka.topic_prefix}.events", []
        try:
            for number in range(PARTITIONS):
                async for chunk in cluster.read(TopicPartition(topic, number), 0):
                    for record in chunk:
                        assert record.key is not None
                        assert record.value is not None
                        assert partition_of(record.key, PARTITIONS) == number
                        found.append((record.value, Envelope.from_headers(record.headers).event_id))
        finally:
            await cluster.close()
        return found

    async def until_all_published(self, process: asyncio.subprocess.Process) -> list[tuple[bytes, str]]:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = await self.published()
                if len(found) >= len(self.egnyte.visible_events()):
                    return found
                assert process.returncode is None, self.said(process)

    async def end(self) -> None:
        for process in self._running:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def site(kafka: str, prefix: str, logs: Path, egnyte: EgnyteSimulator) -> AsyncIterator[Site]:
    async with egnyte.serve() as url:
        settings = Settings(
            kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix),
            egnyte=EgnyteSettings(name="acme", url=url, token=Secret(egnyte.token), poll_interval_s=1),
            console=ConsoleSettings(deadline_ms=60_000),
        )
        await prepare_topics(settings)
        place = Site(settings, egnyte, logs)
        try:
            yield place
        finally:
            await place.end()


def assert_exactly_once(found: list[tuple[bytes, str]], egnyte: EgnyteSimulator) -> None:
    assert Counter(raw for raw, _ in found) == Counter(egnyte.visible_events())
    assert len({published_id for _, published_id in found}) == len(found)


async def test_five_kills_lose_and_double_nothing(kafka: str, prefix: str, tmp_path: Path) -> None:
    chance = random.Random(20251124)  # noqa: S311 - repeatable, not secret
    events = uploads(4_000, start_ms=now_ms() - 3_000_000, every_ms=500, users=200)
    switches = Switches.unlimited(page_cap=40, slice_minutes=0, repeat_events=3)
    egnyte = EgnyteSimulator(events, switches=switches)
    async with site(kafka, prefix, tmp_path, egnyte) as place:
        for _ in range(5):
            process = await place.connector()
            wanted = egnyte.journal.total + chance.randint(2, 15)
            await place.until(lambda wanted=wanted: egnyte.journal.total >= wanted, process)  # type: ignore[misc]
            await asyncio.sleep(chance.uniform(0, 0.05))  # anywhere between a request and the next
            process.kill()
            await process.wait()
        published = len(await place.published())
        assert 0 < published < 4_000
        egnyte.fault(Fault(kind="throttle", retry_after_s=1))
        process = await place.connector()
        assert_exactly_once(await place.until_all_published(process), egnyte)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == 0, place.said(process)
        assert_exactly_once(await place.published(), egnyte)
        assert egnyte.token not in place.everything_said()


async def test_the_first_of_two_connectors_ends_and_says_why(kafka: str, prefix: str, tmp_path: Path) -> None:
    egnyte = EgnyteSimulator([upload(1, date=now_ms() - 1_000)], switches=Switches.unlimited(slice_minutes=0))
    async with site(kafka, prefix, tmp_path, egnyte) as place:
        first = await place.connector()
        await place.until_all_published(first)
        second = await place.connector()
        async with asyncio.timeout(DEADLINE_S):
            assert await first.wait() == 1
        assert "another connector named 'acme' has been started" in place.said(first)
        assert "Traceback" not in place.said(first)
        egnyte.append(upload(2, date=now_ms()))
        assert_exactly_once(await place.until_all_published(second), egnyte)
        assert second.returncode is None


async def test_a_connector_stopped_while_it_waits_goes_on_where_it_was(kafka: str, prefix: str, tmp_path: Path) -> None:
    egnyte = EgnyteSimulator([upload(1, date=now_ms() - 1_000)], switches=Switches.unlimited(slice_minutes=0))
    async with site(kafka, prefix, tmp_path, egnyte) as place:
        for number in (1, 2):
            process = await place.connector()
            await place.until_all_published(process)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE_S):
                assert await process.wait() == 0, place.said(process)
            egnyte.append(upload(10 + number, date=now_ms()))
        assert len(await place.published()) == 2
        streamed = [record for record in egnyte.journal.records() if record.path == STREAM_PATH]
        first_run = [record for record in streamed if record.cursor == ""]
        assert len(first_run) == 1  # the second run went on from the cursor


async def test_topics_that_are_missing_are_named(kafka: str, prefix: str) -> None:
    settings = Settings(
        kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix),
        egnyte=EgnyteSettings(name="acme", url="http://127.0.0.1:9", token=Secret("t")),
    )
    with pytest.raises(Exception, match="egnyte-watch topics"):
        await serve(settings, stop=asyncio.Event())
    cluster = KafkaCluster(settings, "test")
    await prepare_topics(settings)
    try:
        assert await last_cursor(settings, cluster) is None
    finally:
        await cluster.close()
