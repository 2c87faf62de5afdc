"""Findings on a real broker become actions, once each, whenever the worker is killed; and what is undone is undone."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from agents.governing.ledger import Ledger
from agents.governing.requests import undo
from connectors.entra.actions import MARK
from schemas import directory as people_schema
from schemas import finding as findings_schema
from schemas import governance
from schemas.activity import Account
from schemas.directory import DirectoryRecord
from schemas.finding import Finding
from simulators.egnyte import EgnyteSimulator
from simulators.egnyte import Switches as EgnyteSwitches
from simulators.egnyte.links import Link
from simulators.egnyte.users import User
from simulators.entra import EntraSimulator, Fault, Switches
from streams.cluster import TopicPartition
from streams.kafka import client_options, partition_of
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, topic_name
from tests.broker.waiting import until
from tests.connectors.entra.harness import SECRET, people
from tests.detections.test_finding import made

ROOT = Path(__file__).parents[2]
PEOPLE = 12
FINDINGS = 40
KILLS = 2
GOVERN = ("suspend_user", "revoke_links", "notify_user")
PROGRAM = """
import sys
from agents.worker import run
from streams import logs
from streams.settings import load
logs.configure("INFO", json=False)
sys.exit(run(load().settings, ("govern",)))
"""
RULES = """
mode: on
breaker: {locks: 1000}
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Place:
    """A broker with this test's topics, a tenant, an Egnyte domain, and one worker after another."""

    def __init__(
        self, settings: Settings, tenant: EntraSimulator, egnyte: EgnyteSimulator, environ: dict[str, str], logs: Path
    ) -> None:
        self.settings = settings
        self.tenant = tenant
        self.egnyte = egnyte
        self._environ = environ
        self._log = logs / "worker.log"
        self._cluster = KafkaCluster(settings, "test")
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, env=self._environ, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def send(self, topic: str, records: Sequence[tuple[bytes, bytes, int]], **headers: bytes) -> None:
        """Key, value and partition of each."""
        producer = AIOKafkaProducer(**client_options(self.settings.kafka))
        await producer.start()
        try:
            for key, value, partition in records:
                await producer.send_and_wait(
                    topic_name(self.settings, topic), value, key=key, partition=partition, headers=list(headers.items())
                )
        finally:
            await producer.stop()

    async def find(self, findings: Sequence[Finding], **headers: bytes) -> None:
        rows = [
            (
                found.finding_info.uid.encode(),
                findings_schema.encode(found),
                partition_of(found.unmapped.user_key.encode(), PARTITIONS),
            )
            for found in findings
        ]
        await self.send("alerts", rows, **headers)

    async def ledger(self) -> Ledger:
        ledger = Ledger()
        tp = TopicPartition(topic_name(self.settings, "governance"), partition_of(b"acme", PARTITIONS))
        async with aclosing(self._cluster.read(tp, 0)) as chunks:
            async for chunk in chunks:
                for record in chunk:
                    ledger.apply(governance.decode(record.value or b""))
        return ledger

    async def until_over(self, actions: int) -> Ledger:
        """Waits until so many actions have come to an end."""
        found = Ledger()

        async def over() -> bool:
            nonlocal found
            assert self.process is not None
            assert self.process.returncode is None, self._log.read_text()
            found = await self.ledger()
            return len(found) >= actions and not any(each.state in {"requested", "started"} for each in found.newest())

        await until(over, f"{actions} actions, and the end of each")
        return found

    async def close(self) -> None:
        if self.process is not None:
            await self.kill()
        await self._cluster.close()


def person(number: int) -> DirectoryRecord:
    email = f"user{number}@example.com"
    return DirectoryRecord(
        connector="acme", alias=email, kind="email", user=email, email=email, account=Account(auth_type="sso"),
        entra_ids=(f"u{number}",), egnyte_ids=(str(1_000 + number),),
    )  # fmt: skip


def finding(number: int) -> Finding:
    found = made(key=f"acme/user{number % PEOPLE}@example.com")
    info = replace(found.finding_info, uid=f"finding-{number}")
    return replace(found, time=now_ms(), finding_info=info, unmapped=replace(found.unmapped, govern=GOVERN))


@asynccontextmanager
async def place(kafka: str, prefix: str, folder: Path) -> AsyncIterator[Place]:
    tenant = EntraSimulator(people(PEOPLE + 1), switches=Switches.unlimited(), client_secret=SECRET)
    egnyte = EgnyteSimulator((), switches=EgnyteSwitches.unlimited())
    for number in range(PEOPLE):
        egnyte.users.add(User(id=1_000 + number, user_name=f"user{number}", email=f"user{number}@example.com"))
        egnyte.links.add(Link(id=f"link{number}", path="/Shared/plan.dwg", created_by=f"user{number}"))
    (folder / "governance.yaml").write_text(RULES)
    async with tenant.serve() as graph, egnyte.serve() as url:
        given = {
            "KAFKA__BOOTSTRAP": kafka, "KAFKA__TOPIC_PREFIX": prefix, "EGNYTE__NAME": "acme", "EGNYTE__URL": url,
            "EGNYTE__TOKEN": egnyte.issue_token(scopes=()), "ENTRA__TENANT": tenant.name,
            "ENTRA__CLIENT_ID": tenant.client_id, "ENTRA__CLIENT_SECRET": SECRET,
            "ENTRA__GRAPH_URL": graph, "ENTRA__LOGIN_URL": graph,
            "ENTRA__MAILBOX": f"user{PEOPLE}@example.com", "POLICIES__DIR": str(folder),
            "VAULT__DIR": str(folder / "vault"), "EGNYTE__MAX_PER_MINUTE": "100000",
            "EGNYTE__MAX_PER_HOUR": "1000000", "EGNYTE__MAX_PER_DAY": "0",
            "STREAMS__SESSION_TIMEOUT_MS": "6000", "STREAMS__HEARTBEAT_MS": "1000",
        }  # fmt: skip
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
        environ |= {"PYTHONPATH": str(ROOT)} | {f"EGNYTE_WATCH_{name}": value for name, value in given.items()}
        settings = load(None, environ).settings
        await prepare_topics(settings)
        here = Place(settings, tenant, egnyte, environ, folder)
        rows = [(f"acme/{each.alias}".encode(), people_schema.encode(each)) for each in map(person, range(PEOPLE))]
        await here.send("directory", [(key, value, partition_of(key, PARTITIONS)) for key, value in rows])
        try:
            yield here
        finally:
            await here.close()


async def test_findings_become_actions_once_each_whenever_the_worker_is_killed(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    chance = random.Random(20251124)  # noqa: S311 - repeatable, not secret
    async with place(kafka, prefix, tmp_path) as here:
        here.tenant.fault(Fault(kind="lost", method="PATCH", count=3))
        here.tenant.fault(Fault(kind="throttle", retry_after_s=0.3, count=3))
        await here.start()
        findings = [finding(number) for number in range(FINDINGS)]
        for kill in range(KILLS):
            part = findings[kill * FINDINGS // KILLS : (kill + 1) * FINDINGS // KILLS]
            await here.find(part)
            before = len(here.tenant.journal.records())

            async def at_work(before: int = before) -> bool:
                return len(here.tenant.journal.records()) > before

            await until(at_work, "requests to the tenant")
            await asyncio.sleep(chance.uniform(0, 0.1))  # somewhere in the middle of the work
            await here.kill()
            await here.start()
        await here.find(findings)
        await here.find([finding(FINDINGS)], replay=b"1")
        ledger = await here.until_over(len(GOVERN) * FINDINGS)

        actions = list(ledger.newest())
        assert len(actions) == len(GOVERN) * FINDINGS
        assert {each.state for each in actions} <= {"succeeded", "skipped", "uncertain"}
        disabled = Counter(effect.user for effect in here.tenant.effects("disabled") if effect.changed)
        assert disabled == Counter({f"u{number}": 1 for number in range(PEOPLE)})
        suspended = [each for each in actions if each.action == "suspend_user" and each.state == "succeeded"]
        assert Counter(each.items[0] for each in suspended) == disabled
        revoked = [link for each in actions if each.action == "revoke_links" for link in each.items]
        assert sorted(revoked) == sorted(f"link{number}" for number in range(PEOPLE))
        assert here.egnyte.links.all() == []
        mails = Counter(mail.headers[MARK] for mail in here.tenant.mails)
        notified = {each.uid: each.state for each in actions if each.action == "notify_user"}
        assert mails.keys() == notified.keys()
        assert {uid for uid, sent in mails.items() if sent > 1} <= {
            uid for uid, state in notified.items() if state == "uncertain"
        }

        wish = undo(suspended[0], "ann", now_ms())
        await here.send("governance", [(wish.uid.encode(), governance.encode(wish), partition_of(b"acme", PARTITIONS))])
        ledger = await here.until_over(len(actions) + 1)
        undone = ledger.get(suspended[0].uid)
        assert undone is not None
        assert (undone.state, undone.by) == ("reverted", "ann")
        assert here.tenant.state(suspended[0].items[0]).enabled
