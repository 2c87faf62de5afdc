"""What the browser looks at: a real broker, a worker that judges and acts, and the console, each a process of its own.

Events of thirteen days go in as a connector publishes them; in them somebody's stolen session is used from afar, and
somebody whose name and files want to be code renames files as ransomware does.
"""

import asyncio
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import msgspec
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from benchmarks.score.traffic import days
from benchmarks.score.world import World
from benchmarks.workload import CONNECTOR, Keyed, keyed, login_failures, publish
from console.demo_settings import environment
from schemas import directory
from schemas.activity import Account
from schemas.directory import DirectoryRecord
from simulators.entra import EntraSimulator, Switches
from simulators.kafka.node import free_ports
from simulators.scenario import Scenario
from simulators.scenario.attacks.stolen_session import STOLEN_SESSION
from streams.kafka import client_options, partition_of
from streams.secret import Secret
from streams.sections import (
    DAY_MS,
    ConsoleSettings,
    EntraSettings,
    KafkaSettings,
    PoliciesSettings,
    Settings,
    StreamsSettings,
    VaultSettings,
)
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, topic_name

ROOT: Final = Path(__file__).parents[2]
SCRIPT: Final = "<script>alert(1)</script>"
IMAGE: Final = '"><img src=x onerror=alert(1)>'
FORMULA: Final = "=cmd()"
ADDRESS: Final = "=cmd@example.com"
SECRET: Final = "s3cret"  # noqa: S105 - of a stand-in
DAYS: Final = 13
USERS: Final = 6
FILES: Final = 40
AGENTS: Final = "enrich,detect,govern"
GOVERNANCE: Final = f"""
mode: on
max_age_minutes: {2 * DAYS * 24 * 60}
breaker: {{locks: 1000}}
"""
WITHIN_S: Final = 90
T = TypeVar("T")


class Stage:
    """Everything that runs, and the address of the console with the link that opens it."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage")
        now_ms = time.time_ns() // 1_000_000
        start_ms = now_ms // DAY_MS * DAY_MS - DAYS * DAY_MS
        self.scenario = Scenario(1, USERS, DAYS, start_ms, behaviours=(STOLEN_SESSION,))
        self.victim = self.scenario.labels[0].user
        self.tenant = EntraSimulator(
            [
                {
                    "id": f"u{number}",
                    "userPrincipalName": person.email,
                    "mail": person.email,
                    "displayName": person.name,
                }
                for number, person in enumerate(self.scenario.organisation.people)
            ],
            switches=Switches.unlimited(),
            client_secret=SECRET,
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stack = AsyncExitStack()
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.link = ""
        policies = folder / "policies"
        shutil.copytree(ROOT / "policies", policies)
        (policies / "governance.yaml").write_text(GOVERNANCE)
        builtin = (policies / "builtin.yaml").read_text()
        first, rest = builtin.split("failed_logins:", 1)
        (policies / "builtin.yaml").write_text(
            f"{first.replace('govern: []', 'govern: [suspend_user]')}failed_logins:{rest}"
        )
        self.settings = Settings(
            kafka=KafkaSettings(bootstrap=bootstrap, topic_prefix=prefix),
            places=World(folder / "world", self.scenario).settings,
            policies=PoliciesSettings(dir=str(policies)),
            streams=StreamsSettings(data_dir=str(folder / "data")),
            vault=VaultSettings(dir=str(folder / "vault")),
            console=ConsoleSettings(port=port),
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What has to be awaited, on a loop beside the browser's."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    @contextmanager
    def up(self) -> Iterator["Stage"]:
        """While it lasts all processes run, and all that was published has been judged and is in the archive."""
        self._thread.start()
        try:
            self.run(self._prepare())
            self._start("worker", "worker", "--agents", AGENTS)
            self._start("console", "console")
            self.run(self._settled())
            yield self
        finally:
            for process in self._processes:
                process.terminate()
            for process in self._processes:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self.run(self._stack.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _prepare(self) -> None:
        graph = await self._stack.enter_async_context(self.tenant.serve())
        entra = EntraSettings(
            tenant=self.tenant.name, client_id=self.tenant.client_id, client_secret=Secret(SECRET), graph_url=graph,
            login_url=graph,
        )  # fmt: skip
        self.settings = replace(self.settings, entra=entra)
        await prepare_topics(self.settings)
        await self._introduce()
        for day in days(self.scenario):
            await publish(self.settings, day.records)
        await self.tell(hostile())

    async def _introduce(self) -> None:
        """The directory, as its connector has published it."""
        producer: Any = AIOKafkaProducer(**client_options(self.settings.kafka))
        await producer.start()
        try:
            for number, person in enumerate(self.scenario.organisation.people):
                record = DirectoryRecord(
                    connector=CONNECTOR, alias=person.email, kind="email", user=person.email, email=person.email,
                    account=Account(auth_type="sso"), entra_ids=(f"u{number}",),
                )  # fmt: skip
                key = directory.directory_key(CONNECTOR, person.email)
                await producer.send_and_wait(
                    topic_name(self.settings, "directory"), directory.encode(record), key=key,
                    partition=partition_of(key, PARTITIONS),
                )  # fmt: skip
        finally:
            await producer.stop()

    def _start(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "console.cli", *arguments]
        variables = environment(self.settings) | {"PYTHONUNBUFFERED": "1"}
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    def log(self, name: str) -> str:
        """What a process has said."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    async def _settled(self) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not (self.link and await self._is_all_there()):
            dead = [each for each in self._processes if each.poll() is not None]
            assert not dead, self.log("worker")[-3_000:] + self.log("console")[-3_000:]
            assert time.monotonic() < deadline, self.log("worker")[-3_000:] + self.log("console")[-3_000:]
            found = re.search(r"http://\S+/login\?token=\S+", self.log("console"))
            self.link = found[0] if found else ""
            await asyncio.sleep(0.1)

    async def _is_all_there(self) -> bool:
        """Whether both stories were found, and what they asked for was done."""
        token = (Path(self.settings.streams.data_dir) / "console.token").read_text()
        client = httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20
        )
        async with client:
            try:
                found = (await client.get("/findings")).text
                done = (await client.get("/governance")).text
            except httpx.TransportError:
                return False
        return "Impossible travel" in found and "Ransomware activity" in found and "succeeded" in done

    async def tell(self, work: Sequence[Keyed]) -> None:
        """Events, as a connector publishes them."""
        await publish(self.settings, list(work))

    def fail_logins(self, email: str) -> None:
        """So many failed logins of one user that a finding comes of it."""
        self.run(self.tell(list(login_failures(email, 15, time.time_ns() // 1_000_000))))


def hostile() -> list[Keyed]:
    """What a user whose name is a formula did to files whose names are scripts."""
    now_ms = time.time_ns() // 1_000_000
    made = []
    for number in range(FILES):
        event = {
            "date": now_ms - 60_000 + number * 500,
            "user": f"{FORMULA} ( {ADDRESS} )",
            "userId": "10427000001",
            "action": "Upload",
            "access": IMAGE,
            "ipAddress": "81.2.69.142",
            "actionInfo": "",
            "auditSource": "FILE_AUDIT",
            "sourcePath": f"/Shared/{SCRIPT}{number}.docx.locky",
            "targetPath": "N/A",
        }
        made.append(keyed(msgspec.json.encode(event), now_ms, number))
    return made
