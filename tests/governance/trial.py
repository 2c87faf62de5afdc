"""The trial of governance: findings on a real broker, a worker that is killed again and again, and then the books."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from agents.governing.in_mail import UNHEARD
from agents.governing.ledger import Ledger
from connectors.entra.actions import MARK
from schemas import directory as people_schema
from schemas import finding as findings_schema
from schemas import governance
from schemas.activity import Account
from schemas.directory import DirectoryRecord
from schemas.finding import Finding
from simulators.egnyte import EgnyteSimulator
from simulators.egnyte import Fault as EgnyteFault
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
OVER_WITHIN_S = 600
"""A thousand mails go out one after another."""
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
breaker: {locks: 100000}
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
        self._ledger = Ledger()
        self._next = 0
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
        """How each action stands, by what has been read so far and what has come since."""
        tp = TopicPartition(topic_name(self.settings, "governance"), partition_of(b"acme", PARTITIONS))
        async with aclosing(self._cluster.read(tp, self._next)) as chunks:
            async for chunk in chunks:
                for record in chunk:
                    self._ledger.apply(governance.decode(record.value or b""))
                    self._next = record.offset + 1
        return self._ledger

    async def until_over(self, actions: int) -> Ledger:
        """Waits until so many actions have come to an end."""
        found = Ledger()

        async def over() -> bool:
            nonlocal found
            assert self.process is not None
            assert self.process.returncode is None, self._log.read_text()
            found = await self.ledger()
            return len(found) >= actions and not any(each.state in {"requested", "started"} for each in found.newest())

        await until(over, f"{actions} actions, and the end of each", OVER_WITHIN_S)
        return found

    def audit(self, ledger: Ledger, count: int, findings: int, kills: int) -> None:
        """Raises AssertionError where the log and the journals of tenant and domain do not agree."""
        actions = list(ledger.newest())
        assert len(actions) == len(GOVERN) * findings
        assert {each.state for each in actions} <= {"succeeded", "skipped", "uncertain"}
        disabled = Counter(effect.user for effect in self.tenant.effects("disabled") if effect.changed)
        assert disabled == Counter({f"u{number}": 1 for number in range(count)})
        suspended = [each for each in actions if each.action == "suspend_user" and each.state == "succeeded"]
        assert Counter(each.items[0] for each in suspended) == disabled
        revoked = [link for each in actions if each.action == "revoke_links" for link in each.items]
        assert sorted(revoked) == sorted(link for number in range(count) for link in links_of(number))
        assert self.egnyte.links.all() == []
        mails = self.mails()
        notified = {each.uid: each.state for each in actions if each.action == "notify_user"}
        missing = [each for each in actions if each.uid in notified.keys() - mails.keys()]
        assert not missing, f"mails are missing: {missing[:3]}"
        assert mails.keys() == notified.keys()
        twice = {uid for uid, sent in mails.items() if sent > 1}
        assert twice <= {uid for uid, state in notified.items() if state == "uncertain"}
        unheard = sum(each.detail == UNHEARD for each in actions)
        assert mails.total() - len(mails) <= kills + unheard

    def done(self, *, mails: bool) -> int:
        """How many requests the tenant has had so far, or accepted mails."""
        return len(self.tenant.mails) if mails else len(self.tenant.journal.records())

    def mails(self) -> Counter[str]:
        """How often each mail was accepted, by its action's uid."""
        return Counter(mail.headers[MARK] for mail in self.tenant.mails)

    async def close(self) -> None:
        if self.process is not None:
            await self.kill()
        await self._cluster.close()


def links_of(number: int) -> list[str]:
    return [f"link{number}-{each}" for each in range(3)]


def person(number: int) -> DirectoryRecord:
    email = f"user{number}@example.com"
    return DirectoryRecord(
        connector="acme", alias=email, kind="email", user=email, email=email, account=Account(auth_type="sso"),
        entra_ids=(f"u{number}",), egnyte_ids=(str(1_000 + number),),
    )  # fmt: skip


def finding(number: int, people_count: int) -> Finding:
    found = made(key=f"acme/user{number % people_count}@example.com")
    info = replace(found.finding_info, uid=f"finding-{number}")
    return replace(found, time=now_ms(), finding_info=info, unmapped=replace(found.unmapped, govern=GOVERN))


@asynccontextmanager
async def place(kafka: str, prefix: str, folder: Path, count: int) -> AsyncIterator[Place]:
    tenant = EntraSimulator(people(count + 1), switches=Switches.unlimited(), client_secret=SECRET)
    egnyte = EgnyteSimulator((), switches=EgnyteSwitches.unlimited())
    for number in range(count):
        egnyte.users.add(User(id=1_000 + number, user_name=f"user{number}", email=f"user{number}@example.com"))
        for link in links_of(number):
            egnyte.links.add(Link(id=link, path="/Shared/plan.dwg", created_by=f"user{number}"))
    (folder / "governance.yaml").write_text(RULES)
    async with tenant.serve() as graph, egnyte.serve() as url:
        given = {
            "KAFKA__BOOTSTRAP": kafka, "KAFKA__TOPIC_PREFIX": prefix, "EGNYTE__NAME": "acme", "EGNYTE__URL": url,
            "EGNYTE__TOKEN": egnyte.issue_token(scopes=()), "ENTRA__TENANT": tenant.name,
            "ENTRA__CLIENT_ID": tenant.client_id, "ENTRA__CLIENT_SECRET": SECRET,
            "ENTRA__GRAPH_URL": graph, "ENTRA__LOGIN_URL": graph,
            "ENTRA__MAILBOX": f"user{count}@example.com", "POLICIES__DIR": str(folder),
            "VAULT__DIR": str(folder / "vault"), "EGNYTE__MAX_PER_MINUTE": "100000",
            "EGNYTE__MAX_PER_HOUR": "1000000", "EGNYTE__MAX_PER_DAY": "0",
            "STREAMS__SESSION_TIMEOUT_MS": "6000", "STREAMS__HEARTBEAT_MS": "1000",
        }  # fmt: skip
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
        environ |= {"PYTHONPATH": str(ROOT)} | {f"EGNYTE_WATCH_{name}": value for name, value in given.items()}
        settings = load(None, environ).settings
        await prepare_topics(settings)
        here = Place(settings, tenant, egnyte, environ, folder)
        rows = [(f"acme/{each.alias}".encode(), people_schema.encode(each)) for each in map(person, range(count))]
        await here.send("directory", [(key, value, partition_of(key, PARTITIONS)) for key, value in rows])
        try:
            yield here
        finally:
            await here.close()


async def trial(here: Place, count: int, findings: int, kills: int, say: Callable[[str], None]) -> Ledger:
    """`findings` about `count` people while the worker is killed `kills` times, then all of them once more. Raises
    AssertionError where the log and the journals do not agree, or something was not done, or done twice."""
    chance = random.Random(20251124)  # noqa: S311 - repeatable, not secret
    await here.start()
    found = [finding(number, count) for number in range(findings)]
    for kill in range(kills):
        here.tenant.fault(Fault(kind="lost", method="PATCH", count=1))
        here.tenant.fault(Fault(kind="throttle", retry_after_s=0.3, count=1))
        here.tenant.fault(Fault(kind="status", status=503, count=1))
        here.egnyte.fault(EgnyteFault(kind="reset", count=1))
        await here.find(found[kill * findings // kills : (kill + 1) * findings // kills])
        before = here.done(mails=kill % 2 == 1)

        async def at_work(kill: int = kill, before: int = before) -> bool:
            return here.done(mails=kill % 2 == 1) > before

        await until(at_work, "mails" if kill % 2 else "requests to the tenant")
        await asyncio.sleep(chance.uniform(0, 0.1))  # somewhere in the middle of the work
        await here.kill()
        await here.start()
        say(f"kill {kill + 1} of {kills}")
    await here.find(found)
    await here.find([finding(findings, count)], replay=b"1")
    ledger = await here.until_over(len(GOVERN) * findings)
    here.audit(ledger, count, findings, kills)
    return ledger
