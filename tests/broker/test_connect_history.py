"""`connect NAME URL --history 90d`, as somebody types it, on a real broker: older events come through reports, and the
stream joins them; the connector is killed on the way. Real but for the time, which flies.
"""

import asyncio
import os
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from connectors.egnyte.audit_event import parse
from connectors.egnyte.resume import last_cursor
from schemas.connector import HistoryProgress
from schemas.event import Envelope
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Switches
from streams.cluster import Record, TopicPartition
from streams.kafka_cluster import KafkaCluster
from streams.settings import load
from streams.topics import PARTITIONS
from tests.connectors.egnyte.harness import DAY_MS, essence, mixed, told
from tests.connectors.faults.remote_clock import TimeServer
from tests.connectors.faults.trial import over_limits
from tests.console.connecting import Terminal, environment, run

ROOT: Final = Path(__file__).parents[2]
DEADLINE_S: Final = 180.0
HOUR_MS: Final = 3_600_000
BEGINS_MS: Final = -8 * HOUR_MS
ENDS_MS: Final = -HOUR_MS
"""The story's time, from now on: brokers refuse records of the future."""
DAYS: Final = 90
KILLS: Final = (15, 150, 300)
"""After so many requests: in the first span, before anything was published; amid two later ones."""


class Story:
    """A domain in a time of its own, the folder of who connects it, and one connector process after another."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        now_ms = time.time_ns() // 1_000_000
        self.clock = VirtualClock(now_ms + BEGINS_MS)
        self.server = TimeServer(self.clock)
        # All of Egnyte's limits, and events from before what is asked for up to the last hours of the story.
        # `connect` tries the stream by the time of today. Slices of half an hour would take the stream hours.
        switches = Switches(quota_per_second=2, quota_per_day=1_000, start_in_future=True, slice_minutes=360, seed=1)
        events = mixed(700, days=DAYS + 10, until_ms=now_ms + ENDS_MS - 2 * HOUR_MS)
        self.egnyte = EgnyteSimulator(events, self.clock, switches)
        self.over = asyncio.Event()
        self.codes: list[int] = []
        self.environ = environ
        settings = load(environ=environ).settings
        self.settings = replace(settings, egnyte=replace(settings.egnyte, name="acme"))
        self._folder = folder
        self._terminals: list[Terminal] = []
        self._process: asyncio.subprocess.Process | None = None
        self.server.at(now_ms + ENDS_MS, self._end)

    async def start(self) -> None:
        others = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
        with (self._folder / "connector.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.connectors.faults.victim", str(self.server.port), cwd=ROOT,
                env=others | self.environ, stdout=log, stderr=log,
            )  # fmt: skip

    async def typed(self, *arguments: str) -> tuple[int, str]:
        """A command in a terminal, to its end: its exit code, and what it said."""
        terminal = Terminal(*arguments, environ=self.environ | {"TERM": "xterm"}, folder=self._folder)
        self._terminals.append(terminal)
        return await asyncio.to_thread(terminal.end), terminal.said

    async def end(self) -> None:
        """Leaves nothing running."""
        await self.kill()
        for terminal in self._terminals:
            terminal.kill()

    async def kill(self) -> None:
        """kill -9, where a connector is at work."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def until(self, condition: Callable[[], bool]) -> None:
        assert self._process is not None
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                assert self._process.returncode in {None, 0}, self.said()
                await asyncio.sleep(0.001)

    def said(self) -> str:
        return (self._folder / "connector.log").read_text()

    async def history(self) -> HistoryProgress | None:
        cluster = KafkaCluster(self.settings, "test")
        try:
            cursor = await last_cursor(self.settings, cluster)
        finally:
            await cluster.close()
        return cursor.history if cursor is not None else None

    async def published(self) -> list[list[Record]]:
        """The events, by partition."""
        cluster, topic = KafkaCluster(self.settings, "test"), f"{self.settings.kafka.topic_prefix}.events"
        try:
            return [
                [record async for chunk in cluster.read(TopicPartition(topic, number), 0) for record in chunk]
                for number in range(PARTITIONS)
            ]
        finally:
            await cluster.close()

    async def _end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(60):
            self.codes.append(await self._process.wait())
        self.over.set()


@asynccontextmanager
async def story(kafka: str, prefix: str, folder: Path) -> AsyncIterator[tuple[Story, str]]:
    environ = environment(
        folder,
        EGNYTE_WATCH_KAFKA__BOOTSTRAP=kafka,
        EGNYTE_WATCH_KAFKA__TOPIC_PREFIX=prefix,
        EGNYTE_WATCH_CONSOLE__DEADLINE_MS="60000",
        EGNYTE_WATCH_EGNYTE__NAME="",
        EGNYTE_WATCH_EGNYTE__USERS_INTERVAL_S="0",
        EGNYTE_WATCH_EGNYTE__POLL_INTERVAL_S="1800",
    )
    found = Story(folder, environ)
    async with found.egnyte.serve() as url, found.server.serving():
        try:
            yield found, url
        finally:
            await found.end()


async def test_ninety_days_come_once_and_join_the_stream_whenever_the_process_is_killed(
    kafka: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.console.connecting.DEADLINE_S", DEADLINE_S)
    async with story(kafka, prefix, tmp_path) as (here, url):
        (tmp_path / "token").write_text(here.egnyte.token)
        egnyte = here.egnyte
        assert (await here.typed("topics"))[0] == 0
        asked_ms = time.time_ns() // 1_000_000
        here.clock.run(1)  # as long as somebody types
        code, said = await here.typed("connect", "acme", url, "--history", f"{DAYS}d", "--token-file", "token")
        here.clock.run(0)
        assert code == 0, said
        assert "90 days of older events asked for; they come before the stream begins" in said
        watching = asyncio.create_task(here.typed("history", "acme", "--watch"))
        at_kills = []
        for requests in KILLS:
            await here.start()
            await here.until(lambda requests=requests: egnyte.journal.total >= requests)  # type: ignore[misc]
            await here.kill()
            at_kills.append((await here.history(), sum(map(len, await here.published()))))
        (first, nothing), (second, some), (third, more) = at_kills
        assert first is not None
        assert second is not None
        assert third is not None
        assert first.from_ms == first.done_ms <= asked_ms - DAYS * DAY_MS < first.from_ms + DAY_MS
        assert first.done_ms < second.done_ms < third.done_ms
        assert 0 == nothing < some < more
        result = await asyncio.to_thread(run, "history", "acme", environ=here.environ)
        assert re.search(r"history: [1-9]\d? %, [\d,]+ events", result.output), result.output
        await here.start()
        await here.until(here.over.is_set)
        assert here.codes == [0], here.said()
        code, bar = await watching
        published, history = await here.published(), await here.history()
    assert code == 0, bar
    percents = [int(found) for found in re.findall(r"history: (\d+) %", bar)]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert "\u2501" in bar
    assert history is not None
    records = [record for partition in published for record in partition]
    assert Counter(essence(record.value or b"") for record in records) == told(egnyte, first.from_ms, history.done_ms)
    assert len({Envelope.from_headers(record.headers).event_id for record in records}) == len(records) > 700
    for partition in published:
        times = [parse(record.value or b"").time_ms or 0 for record in partition]
        assert times == sorted(times), "history comes by time, and before the stream"
    journal = egnyte.journal.records()
    assert over_limits(journal) == []
    assert {record.error for record in journal if record.path.startswith("/pubapi/v1/audit")} == {""}
    assert egnyte.token not in here.said() + said + bar
