"""One run of the trial: days of events, faults and kills; then the books."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.egnyte.cluster import ConnectorCluster
from connectors.egnyte.requests import ask_for_history
from connectors.egnyte.resume import last_cursor
from schemas.connector import Gap, StatusRecord, status_key
from schemas.event import Envelope
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Switches
from simulators.egnyte.journal import Record
from simulators.egnyte.pubapi import STREAM
from streams.cluster import TopicPartition
from streams.kafka import partition_of
from streams.sections import Settings
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, topic_name
from tests.connectors.egnyte.harness import essence, told, upload
from tests.connectors.faults.bad_days import BROKEN, DAY_MS, FAULTS, HOUR_MS
from tests.connectors.faults.remote_clock import TimeServer

ROOT: Final = Path(__file__).resolve().parents[3]
LIMITS: Final = ((1_000, 2), (60_000, 10), (HOUR_MS, 100), (DAY_MS, 1_000))
"""Egnyte's own: in any so many ms, so many requests; the last of a day from 00:00 UTC."""
STREAM_LIMITS_MS: Final = frozenset({60_000, HOUR_MS})
"""Those of the audit stream alone; the others are for all calls of a token."""
WAKES_FOR_REQUEST: Final = 6
WAKES_AN_HOUR: Final = 40
"""Bounds on how often a connector may wake up in an hour: for each request, and besides."""
RUN_WITHIN_S: Final = 600


class Outcome(msgspec.Struct):
    """What one run came to. `wrong`: what should not be, in words."""

    name: str
    events: int = 0
    kills: int = 0
    requests: int = 0
    refused: int = 0
    busiest_hour: int = 0
    wakes_in_an_hour: int = 0
    gaps: int = 0
    dead_letters: int = 0
    seconds: float = 0.0
    wrong: list[str] = []


class Run:
    """One connector, one domain, one broker, and a time of their own."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        seed: int,
        faults: Sequence[str],
        *,
        days: int,
        poll_s: int,
        kills: int,
        history_days: int = 0,
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        # It has just ended: brokers refuse records of the future, and delete those that are too old.
        self.end_ms = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS - DAY_MS
        self.start_ms = self.end_ms - days * DAY_MS
        self.clock = VirtualClock(self.start_ms)
        self.server = TimeServer(self.clock)
        switches = Switches(
            quota_per_second=2,
            quota_per_day=1_000,
            late_percent=4,
            late_minutes=50,
            # Of two equal events, one at the end of an answer and one at the beginning of the next, nobody can say
            # whether the second is a repetition. Answers of the usual length end between half hours.
            twin_percent=0 if "pages of 7" in faults else 3,
            seed=seed,
            slice_minutes=max(30, poll_s // 60),
        )
        self._history_days = history_days
        self.egnyte = EgnyteSimulator(self._events(), self.clock, switches)
        self.outcome = Outcome(" + ".join(faults))
        self._bootstrap, self._prefix, self._poll_s = bootstrap, prefix, poll_s
        self._process: asyncio.subprocess.Process | None = None
        self._ended = asyncio.Event()
        self._told_to_stop = False
        self._killing = asyncio.Lock()
        self._environment: dict[str, str] = {}
        for name in faults:
            FAULTS[name](self)
        for _ in range(kills):
            moment_ms = self.chance.randint(self.start_ms, self.end_ms - DAY_MS)
            self.at(moment_ms, self._kill_amid_a_request)
        self.at(self.end_ms, self._end)

    def at(self, time_ms: int, action: Callable[[], Awaitable[None]]) -> None:
        """See `bad_days.Site`."""
        self.server.at(time_ms, action)

    async def kill(self, down_s: float = 0) -> None:
        """kill -9, and a new process `down_s` seconds of the trial's time later. One kill after the other: each would
        start a process, and of two the first is fenced.
        """
        async with self._killing:
            assert self._process is not None
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self.outcome.kills += 1
            if down_s:
                self.clock.set(min(self.clock.now_ms() + round(down_s * 1_000), self.end_ms - DAY_MS // 2))
            await self._start()

    async def play(self, log: Path) -> Outcome:
        """The whole run. Raises TimeoutError where it does not come to its end, or what the connector said instead."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self.egnyte.serve() as url, self.server.serving():
            self._environment = self._settings(url)
            settings = load(None, self._environment).settings
            await prepare_topics(settings)
            if self._history_days:
                await self._ask_for_history(settings)
            with log.open("ab") as self._log:
                await self._start()
                try:
                    async with asyncio.timeout(RUN_WITHIN_S):
                        await self._watched()
                finally:
                    if self._process is not None and self._process.returncode is None:
                        self._process.kill()
                        await self._process.wait()
        self.outcome.seconds = loop.time() - began
        await self._audit(settings)
        return self.outcome

    async def _ask_for_history(self, settings: Settings) -> None:
        """As `connect --history` does; topics that have just been made are led by nobody for a moment."""
        from_ms = self.start_ms - self._history_days * DAY_MS
        while True:
            try:
                async with asyncio.timeout(5):
                    await ask_for_history(settings, from_ms, self.start_ms)
            except TimeoutError:
                continue
            return

    async def _watched(self) -> None:
        """Until the end; a connector that ends before it was told to is an error."""
        while not self._ended.is_set():
            process = self._process
            assert process is not None
            by_itself = process.returncode not in {None, -9} and not self._told_to_stop
            if by_itself:
                raise RuntimeError(f"the connector ended by itself with code {process.returncode}: see its log")
            await asyncio.sleep(0.05)

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.connectors.faults.victim", str(self.server.port),
            cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    async def _kill_amid_a_request(self) -> None:
        """Anywhere between the next request and what comes after it: time goes on until then."""
        seen = self.egnyte.journal.total

        async def strike() -> None:
            while self.egnyte.journal.total == seen and not self._ended.is_set():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)
            await asyncio.sleep(self.chance.uniform(0, 0.03))
            if not self._ended.is_set():
                await self.kill()

        self._striking = asyncio.create_task(strike())

    async def _end(self) -> None:
        assert self._process is not None
        self._told_to_stop = True
        self._process.terminate()
        async with asyncio.timeout(60):
            code = await self._process.wait()
        if code:
            self.outcome.wrong.append(f"told to stop, it ended with code {code}")
        self._ended.set()

    def _settings(self, url: str) -> dict[str, str]:
        given = {
            "KAFKA__BOOTSTRAP": self._bootstrap,
            "KAFKA__TOPIC_PREFIX": self._prefix,
            "EGNYTE__NAME": "acme",
            "EGNYTE__URL": url,
            "EGNYTE__TOKEN": self.egnyte.token,
            "EGNYTE__POLL_INTERVAL_S": str(self._poll_s),
            "EGNYTE__USERS_INTERVAL_S": "0",
            "EGNYTE__START": datetime.fromtimestamp(self.start_ms / 1_000 - 86_400, UTC).date().isoformat(),
        }
        ours = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
        return ours | {f"EGNYTE_WATCH_{name}": value for name, value in given.items()}

    def _events(self) -> list[dict[str, Any]]:
        """About 300 a day, from before the start to half a day before the end; some at the same instant."""
        found: list[dict[str, Any]] = []
        moment_ms = self.start_ms - DAY_MS // 2 - self._history_days * DAY_MS
        while moment_ms < self.end_ms - DAY_MS // 2:
            number = len(found)
            found.append(upload(number // 2 if number % 10 < 2 else number, date=moment_ms, user=number % 60))
            moment_ms += 0 if number % 10 == 0 else self.chance.randint(1_000, 600_000)
        return found

    async def _audit(self, settings: Settings) -> None:
        outcome, journal = self.outcome, self.egnyte.journal.records()
        cluster = ConnectorCluster(settings, "audit")
        try:
            records = await _read(cluster, settings, "events")
            cursor = await last_cursor(settings, cluster)
            statuses = await _statuses(cluster, settings)
            outcome.dead_letters = len(await _read(cluster, settings, "dead-letters"))
        finally:
            await cluster.close()
        outcome.events, outcome.requests = len(records), len(journal)
        gaps = {status.gap for status in statuses if status.gap is not None}
        outcome.gaps = len(gaps)
        if cursor is not None and cursor.history is not None:
            self._compare_essence(records, cursor.history.done_ms)
        else:
            self._compare(records, gaps)
        ids = {Envelope.from_headers(record.headers).event_id for record in records}
        if len(ids) != len(records):
            outcome.wrong.append(f"{len(records) - len(ids)} event ids twice")
        outcome.wrong += over_limits(journal)
        outcome.refused = sum(record.error == "throttled" and not record.fault for record in journal)
        if outcome.refused:
            outcome.wrong.append(f"{outcome.refused} requests refused as over a limit")
        self._busy(journal)

    def _compare(self, records: Sequence[Any], gaps: set[Gap]) -> None:
        """Every event once, byte by byte, but for what lies in a gap that was reported."""
        outcome = self.outcome
        whole = [raw for raw in self.egnyte.visible_events() if not raw.startswith(BROKEN)]
        want = Counter(
            raw for raw in whole if not any(gap.from_ms < msgspec.json.decode(raw)["date"] < gap.to_ms for gap in gaps)
        )
        got = Counter(record.value for record in records)
        in_gaps = set(whole) - set(want)
        if missing := want - got:
            outcome.wrong.append(f"{missing.total()} events missing")
        if doubled := Counter({raw: count for raw, count in (got - want).items() if raw not in in_gaps}):
            outcome.wrong.append(f"{doubled.total()} events too many")

    def _compare_essence(self, records: Sequence[Any], joined_ms: int) -> None:
        """As `_compare`, where reports have told a part of the events in other words."""
        want = told(self.egnyte, self.start_ms - self._history_days * DAY_MS, joined_ms)
        got = Counter(essence(record.value) for record in records)
        if missing := want - got:
            self.outcome.wrong.append(f"{missing.total()} events missing")
        if doubled := got - want:
            self.outcome.wrong.append(f"{doubled.total()} events too many")

    def _busy(self, journal: Sequence[Record]) -> None:
        hours = Counter(record.at_ms // HOUR_MS for record in journal)
        self.outcome.busiest_hour = max(hours.values(), default=0)
        self.outcome.wakes_in_an_hour = max(self.server.wakes.values(), default=0)
        for hour, wakes in self.server.wakes.items():
            if wakes > WAKES_FOR_REQUEST * hours[hour] + WAKES_AN_HOUR:
                self.outcome.wrong.append(f"{wakes} wake-ups for {hours[hour]} requests in one hour")


def over_limits(journal: Sequence[Record]) -> list[str]:
    """Every limit of Egnyte's that `journal` exceeds, counted anew from its times.

    The journal is in the order of answers: a slow one whose asker was killed stands long after later requests.
    """
    wrong: list[str] = []
    for length_ms, limit in LIMITS:
        of_stream = length_ms in STREAM_LIMITS_MS
        times = sorted(record.at_ms for record in journal if record.path == STREAM or not of_stream)
        if length_ms == DAY_MS:
            most = max(Counter(time_ms // DAY_MS for time_ms in times).values(), default=0)
        else:
            first, most = 0, 0
            for last, time_ms in enumerate(times):
                while times[first] <= time_ms - length_ms:
                    first += 1
                most = max(most, last - first + 1)
        if most > limit:
            wrong.append(f"{most} requests in {length_ms // 1_000} s, {limit} are allowed")
    return wrong


async def _read(cluster: ConnectorCluster, settings: Settings, topic: str) -> list[Any]:
    found: list[Any] = []
    for number in range(PARTITIONS):
        async for chunk in cluster.read(TopicPartition(topic_name(settings, topic), number), 0):
            found += chunk
    return found


async def _statuses(cluster: ConnectorCluster, settings: Settings) -> list[StatusRecord]:
    key = status_key("acme")
    tp = TopicPartition(topic_name(settings, "connectors"), partition_of(key, PARTITIONS))
    return [
        msgspec.json.decode(record.value, type=StatusRecord)
        async for chunk in cluster.read(tp, 0)
        for record in chunk
        if record.key == key and record.value is not None
    ]
