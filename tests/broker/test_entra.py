"""People of a tenant reach the topics by the connector's own process, on a real broker, over real HTTP: each change
once, whenever the process is killed.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from schemas import directory as schema
from schemas.directory import DirectoryRecord
from schemas.event import DIRECTORY, Envelope
from simulators.egnyte import EgnyteSimulator
from simulators.egnyte import Switches as EgnyteSwitches
from simulators.entra import App, AppSecret, EntraSimulator, Switches
from streams.cluster import TopicPartition
from streams.kafka import partition_of
from streams.kafka_cluster import KafkaCluster
from streams.settings import ConsoleSettings, KafkaSettings, Settings
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS
from tests.broker.test_connector import DEADLINE_S, PROGRAM, ROOT
from tests.connectors.entra.harness import SECRET, people
from tests.console.connecting import run

PEOPLE = 60
KILLS = 2
LOOK_S = 0.25


class Place:
    """A broker with this test's topics, a tenant, an Egnyte, and one connector process after another."""

    def __init__(self, settings: Settings, tenant: EntraSimulator, environ: dict[str, str], logs: Path) -> None:
        self.settings = settings
        self.tenant = tenant
        self._environ = environ
        self._logs = logs
        self._started = 0
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> asyncio.subprocess.Process:
        self._started += 1
        with (self._logs / f"connector-{self._started}.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, env=self._environ, cwd=self._logs, stdout=log, stderr=log
            )
        return self.process

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def said(self) -> str:
        return "".join(path.read_text() for path in self._logs.glob("*.log"))

    async def until(self, condition: Callable[[], bool]) -> None:
        assert self.process is not None
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                assert self.process.returncode is None, self.said()
                await asyncio.sleep(0.005)

    async def records(self, topic: str) -> list[tuple[bytes, bytes | None, list[tuple[str, bytes]]]]:
        """Key, value and headers of every committed record, each in its key's partition."""
        cluster, found = KafkaCluster(self.settings, "test"), []
        try:
            for number in range(PARTITIONS):
                async for chunk in cluster.read(
                    TopicPartition(f"{self.settings.kafka.topic_prefix}.{topic}", number), 0
                ):
                    for record in chunk:
                        assert record.key is not None
                        assert partition_of(record.key, PARTITIONS) == number
                        found.append((record.key, record.value, list(record.headers)))
        finally:
            await cluster.close()
        return found

    async def status(self) -> tuple[list[dict[str, Any]], int]:
        """What `status --json` says, and its exit code."""
        ours = {name: value for name, value in self._environ.items() if name.startswith("EGNYTE_WATCH_")}
        result = await asyncio.to_thread(run, "status", "--json", environ=ours)
        assert SECRET not in result.output
        return json.loads(result.stdout), result.exit_code

    async def until_status(self, fits: Callable[[dict[str, Any]], bool]) -> tuple[list[dict[str, Any]], int]:
        """What `status` says once what it says of Entra ID fits."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                (report,), code = await self.status()
                if fits(report["people"][0]):
                    return [report], code
                await asyncio.sleep(LOOK_S)

    async def people(self) -> dict[str, DirectoryRecord]:
        newest = {key: value for key, value, _ in await self.records("directory")}
        records = [schema.decode(value) for key, value in newest.items() if value and b"/~source-" not in key]
        return {record.user: record for record in records if record.alias == record.user}

    async def changes(self) -> Counter[tuple[str, str]]:
        """How often each change of each user was published; no two have the same id."""
        events = await self.records("events")
        envelopes = [Envelope.from_headers(headers) for _, _, headers in events]
        assert {envelope.source for envelope in envelopes} <= {DIRECTORY}
        assert len({envelope.event_id for envelope in envelopes}) == len(events)
        return Counter(
            (key.decode().removeprefix("acme/"), schema.decode_change(value or b"").change) for key, value, _ in events
        )

    async def until_told(self, wanted: int) -> Counter[tuple[str, str]]:
        assert self.process is not None
        async with asyncio.timeout(DEADLINE_S):
            while (found := await self.changes()).total() < wanted:
                assert self.process.returncode is None, self.said()
                await asyncio.sleep(LOOK_S)
        return found


@asynccontextmanager
async def place(kafka: str, prefix: str, logs: Path) -> AsyncIterator[Place]:
    tenant = EntraSimulator(people(PEOPLE), switches=Switches.unlimited(page_size=20, repeats=3), client_secret=SECRET)
    egnyte = EgnyteSimulator((), switches=EgnyteSwitches.unlimited(slice_minutes=0))
    async with tenant.serve() as graph, egnyte.serve() as url:
        secret = logs / "secret"
        secret.write_text(SECRET)
        ours = {
            "KAFKA__BOOTSTRAP": kafka, "KAFKA__TOPIC_PREFIX": prefix, "EGNYTE__NAME": "acme", "EGNYTE__URL": url,
            "EGNYTE__TOKEN": egnyte.token, "ENTRA__TENANT": tenant.name, "ENTRA__CLIENT_ID": tenant.client_id,
            "ENTRA__CLIENT_SECRET_FILE": str(secret), "ENTRA__GRAPH_URL": graph, "ENTRA__LOGIN_URL": graph,
            "ENTRA__POLL_INTERVAL_S": "1",
        }  # fmt: skip
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
        environ |= {"PYTHONPATH": str(ROOT)} | {f"EGNYTE_WATCH_{name}": value for name, value in ours.items()}
        settings = Settings(
            kafka=KafkaSettings(bootstrap=kafka, topic_prefix=prefix), console=ConsoleSettings(deadline_ms=60_000)
        )
        await prepare_topics(settings)
        found = Place(settings, tenant, environ, logs)
        try:
            yield found
        finally:
            if found.process is not None and found.process.returncode is None:
                await found.kill()


async def test_people_appear_and_each_change_is_told_once_whenever_the_process_is_killed(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    chance = random.Random(20251124)  # noqa: S311 - repeatable, not secret
    async with place(kafka, prefix, tmp_path) as here:
        tenant, directory = here.tenant, here.tenant.directory
        process = await here.start()
        async with asyncio.timeout(DEADLINE_S):
            while len(await here.people()) < PEOPLE:
                assert process.returncode is None, here.said()
                await asyncio.sleep(LOOK_S)
        assert await here.changes() == Counter()
        wanted: Counter[tuple[str, str]] = Counter()
        for kill in range(KILLS):
            if kill == KILLS - 1:
                tenant.deltas.expire()
            for n in range(kill * 10, kill * 10 + 5):
                directory.delete(f"u{n}")
                directory.change(f"u{n + 5}", accountEnabled=False)
                wanted |= Counter({(f"user{n}@example.com", "removed"): 1})
                wanted |= Counter({(f"user{n + 5}@example.com", "disabled"): 1})
            asked = tenant.journal.total
            await here.until(lambda asked=asked: tenant.journal.total > asked)  # type: ignore[misc]
            await asyncio.sleep(chance.uniform(0, 0.1))  # anywhere between reading a change and having published it
            await here.kill()
            process = await here.start()
        assert await here.until_told(wanted.total()) == wanted
        found = await here.people()
        assert sum(person.account.deleted for person in found.values()) == 5 * KILLS
        assert sum(person.account.disabled and not person.account.deleted for person in found.values()) == 5 * KILLS
        # What changed is told page by page, and how many there are at the end of the round.
        (report,), code = await here.until_status(lambda entra: entra["people"] == PEOPLE - 5 * KILLS)
        entra, egnyte = report["people"]
        assert (egnyte["source"], egnyte["state"], egnyte["kind"]) == ("egnyte", "off", "permission"), "of the token"
        assert (code, entra["state"], entra["people"]) == (0, "connected", PEOPLE - 5 * KILLS)
        assert entra["delta_age_s"] <= DEADLINE_S
        assert entra["credential"]["days_left"] > 365
        assert entra["last_good_read"] >= entra["last_whole_read"]
        rounds = len([record for record in tenant.journal.records() if record.path.endswith("/delta")])
        await here.until(
            lambda: len([r for r in tenant.journal.records() if r.path.endswith("/delta")]) > rounds + 1
        )  # what is told again, is not published again
        tenant.apps.register(App(client_id=tenant.client_id, secrets=(AppSecret("another"),)))
        tenant.apps.revoke_tokens()
        (report,), code = await here.until_status(lambda entra: entra["state"] == "error")
        assert code != 0
        entra, egnyte = report["people"]
        assert (report["state"], entra["state"], entra["kind"]) == ("connected", "error", "auth")
        assert "AADSTS7000215" in entra["error"]
        assert entra["people"] == PEOPLE - 5 * KILLS
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == 0, here.said()
        assert await here.changes() == wanted
        assert SECRET not in here.said()
        assert "Traceback" not in here.said()
