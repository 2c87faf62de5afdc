"""Policies that change under two workers, verdicts, and a rewind under other policies: one pipeline, one story."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner, Result

from console.cli import app
from detections.policies import PolicySet
from schemas import finding as findings
from schemas.event import Envelope
from schemas.finding import Finding
from streams.cluster import Record, TopicPartition
from streams.kafka import client_options, partition_of
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, topic_name
from tests.broker.groups import until_shared
from tests.broker.test_bad_input import now_ms
from tests.broker.waiting import until
from tests.crash.books import read
from tests.crash.killing import ROOT, environment

KEYS = [f"acme/user{n}@example.com" for n in range(8)]
DOWNLOADS = "id: downloads\ntitle: Downloads\nfilters: {type: download}\nseverity: %s\n"
LOGINS = "id: logins\ntitle: Logins\nraise: behavior\nfilters: {type: login}\n"
OFF = "".join(f"{name}: {{enabled: false}}\n" for name in PolicySet.of({}).settings)


class Site:
    """Workers as processes of their own, the policies' folder, and what is on the topics."""

    def __init__(self, settings: Settings, variables: dict[str, str], folder: Path, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.folder = folder
        self.cluster = KafkaCluster(settings, "test")
        self._variables = variables
        self._log = stack.enter_context(closing((folder.parent / "workers.log").open("ab")))
        self._workers: list[asyncio.subprocess.Process] = []
        self._sent = 0

    async def start(self, workers: int) -> None:
        """Starts so many, and waits until they have shared the partitions."""
        for _ in range(workers):
            self._workers.append(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "console.cli", "worker", "--agents", "enrich,detect",
                    cwd=ROOT, env=self._variables, stdout=self._log, stderr=self._log,
                )
            )  # fmt: skip
        await until_shared(self.settings, f"{self.settings.kafka.topic_prefix}-watch-detect", workers)

    async def stop(self) -> None:
        """Stops them all, in order."""
        workers, self._workers = self._workers, []
        for worker in workers:
            if worker.returncode is None:
                worker.terminate()
        codes = [await worker.wait() for worker in workers]
        assert not any(codes), self.log()

    def log(self) -> str:
        return (self.folder.parent / "workers.log").read_text()[-5_000:]

    def write(self, name: str, text: str) -> None:
        (self.folder / "activity" / name).write_text(text)

    async def act(self, action: str) -> list[str]:
        """One event of each user; waits until it was judged. Returns the event ids."""
        producer: Any = AIOKafkaProducer(**client_options(self.settings.kafka))
        await producer.start()
        ids = []
        try:
            for key in KEYS:
                ids.append(f"{self._sent:032x}")
                self._sent += 1
                name = key.partition("/")[2]
                source = "LOGIN_AUDIT" if action == "Login" else "FILE_AUDIT"
                value = {
                    "date": now_ms() - 1_000, "sourcePath": "/Shared/plan.dwg", "targetPath": "N/A",
                    "user": f"{name} ( {name} )", "userId": "1", "action": action, "access": "Web UI",
                    "ipAddress": "198.51.100.23", "actionInfo": "", "auditSource": source,
                }  # fmt: skip
                await producer.send_and_wait(
                    topic_name(self.settings, "events"), msgspec.json.encode(value), key.encode(),
                    partition=partition_of(key.encode(), PARTITIONS), timestamp_ms=now_ms(),
                    headers=list(Envelope("acme", ids[-1]).to_headers()),
                )  # fmt: skip
        finally:
            await producer.stop()
        await until(self._judged, "detect has judged all that was sent")
        return ids

    async def _judged(self) -> bool:
        """Whether everything sent is an activity, and detect has committed all activities."""
        activities = await self.records("activities")
        if sum(b'"source":"verdict"' not in (record.value or b"") for record in activities) < self._sent:
            return False
        source, group = topic_name(self.settings, "activities"), f"{self.settings.kafka.topic_prefix}-watch-detect"
        for number in range(PARTITIONS):
            last = [record.offset for record in await read(self.cluster, source, number)][-1:]
            committed = await self.cluster.committed(group, TopicPartition(source, number))
            if last and (committed is None or committed.offset <= last[0]):
                return False
        return True

    async def records(self, name: str) -> list[Record]:
        topic = topic_name(self.settings, name)
        return [record for n in range(PARTITIONS) for record in await read(self.cluster, topic, n)]

    async def found(self, policy: str, topic: str = "alerts") -> list[Finding]:
        """All records of findings of `policy`."""
        every = [findings.decode(record.value or b"") for record in await self.records(topic)]
        return [each for each in every if each.unmapped.policy == policy]

    async def until_found(self, policy: str, condition: Callable[[list[Finding]], bool], what: str) -> list[Finding]:
        async def holds() -> bool:
            assert all(worker.returncode is None for worker in self._workers), self.log()
            return condition(await self.found(policy))

        await until(holds, what)
        return await self.found(policy)

    async def command(self, *arguments: str) -> Result:
        """`egnyte-watch`, as a person runs it."""
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=self._variables)


@pytest.fixture
async def site(kafka: str, prefix: str, tmp_path: Path) -> Any:
    folder = tmp_path / "policies"
    (folder / "activity").mkdir(parents=True)
    (folder / "builtin.yaml").write_text(OFF)
    (folder / "activity" / "downloads.yaml").write_text(DOWNLOADS % "low")
    (folder / "activity" / "logins.yaml").write_text(LOGINS)
    variables = environment(kafka, prefix, "http://127.0.0.1:9", "token") | {"EGNYTE_WATCH_POLICIES__DIR": str(folder)}
    settings = load(None, variables).settings
    await prepare_topics(settings)
    async with AsyncExitStack() as stack:
        made = Site(settings, variables, folder, stack)
        stack.push_async_callback(made.cluster.close)
        stack.push_async_callback(made.stop)
        yield made


async def test_policies_change_people_judge_and_history_is_judged_again(site: Site) -> None:
    await site.start(2)
    first = await site.act("Download")
    low = await site.found("downloads")
    assert sorted(each.unmapped.anchor for each in low) == first
    assert {each.severity for each in low} == {"Low"}

    # A bad file: both workers see it, one tells, and the old set goes on.
    site.write("downloads.yaml", DOWNLOADS % "hihg")
    rejected = await site.until_found("policy_rejected", lambda found: len(found) > 0, "the rejection is told")
    assert "downloads.yaml:4: severity is 'hihg'; did you mean 'high'?" in rejected[0].message
    second = await site.act("Download")
    assert {each.unmapped.policy_set for each in await site.found("downloads")} == {low[0].unmapped.policy_set}

    # Mended: in use, and the finding is closed. Each of its records was written once.
    site.write("downloads.yaml", DOWNLOADS % "high")
    await site.until_found("policy_rejected", lambda found: len(found) > 1, "the rejection is closed")
    told = await site.found("policy_rejected")
    assert [each.unmapped.step for each in told] == ["create", "close"]
    assert len({each.finding_info.uid for each in told}) == 1

    async def both_use_it() -> bool:
        return site.log().count("the policies are reloaded") == 2

    await until(both_use_it, "both workers use the mended files")
    third = await site.act("Download")
    high = {each.unmapped.anchor: each for each in await site.found("downloads") if each.severity == "High"}
    assert sorted(high) == third
    assert {each.unmapped.policy_set for each in high.values()}.isdisjoint({low[0].unmapped.policy_set})

    # A person closes one, and nobody can close it twice.
    judged = high[third[0]]
    uid = judged.finding_info.uid
    result = await site.command("alerts", "close", uid, "--as", "benign", "--by", "ann", "--comment", "Known", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["uid"] == uid
    await site.until_found("downloads", lambda found: any(each.verdict for each in found), "the close of the verdict")
    again = await site.command("alerts", "close", uid[:12], "--as", "true-positive")
    assert again.exit_code == 1
    assert "already closed: as benign by ann at" in again.output
    unknown = await site.command("alerts", "close", "0" * 32, "--as", "benign")
    assert unknown.exit_code == 1
    assert "there is no finding" in unknown.output

    # Nobody rewinds what is at work; with all at rest and the downloads' policy gone, its findings are withdrawn.
    await site.act("Login")
    refused = await site.command("replay", "--from", "1h", "--yes")
    assert refused.exit_code == 1
    assert "workers are active" in refused.output
    await site.stop()
    before = await site.records("alerts")
    site.folder.joinpath("activity", "downloads.yaml").unlink()
    tried = await site.command("backtest", "--policies", str(site.folder), "--from", "1h", "--id", "x1", "--json")
    assert tried.exit_code == 0, tried.output
    report = json.loads(tried.stdout)
    rows = {row["policy"]: (row["live"], row["backtest"], row["same"], row["gone"]) for row in report["policies"]}
    assert rows == {"downloads": (24, 0, 0, 24), "logins": (8, 8, 8, 0)}
    assert report["topics"] == [
        f"{site.settings.kafka.topic_prefix}.{name}.backtest-x1" for name in ("alerts", "behaviors")
    ]
    assert await kept(site, report["topics"]) == 8 + 1, "the logins, and the verdict's close"
    again = await site.command("backtest", "--policies", str(site.folder), "--from", "1h", "--id", "x1")
    assert (again.exit_code, "give this run another --id" in again.output) == (1, True)
    assert len(await site.records("alerts")) == len(before), "nothing live was touched"
    planned = await site.command("replay", "--from", "1h", "--dry-run", "--json")
    assert planned.exit_code == 0, planned.output
    done = await site.command("replay", "--from", "1h", "--yes", "--json")
    assert done.exit_code == 0, done.output
    detect = next(each for each in json.loads(done.stdout) if each["agent"] == "detect")
    assert detect["offsets"] == next(e for e in json.loads(planned.stdout) if e["agent"] == "detect")["offsets"] > 0
    await site.start(1)
    expected = {*first, *second, *third} - {third[0]}

    def all_withdrawn(found: list[Finding]) -> bool:
        return sum(each.status_detail == "withdrawn" for each in found) >= len(expected)

    await site.until_found("downloads", all_withdrawn, "what is not raised again is withdrawn")
    await site.stop()
    since = await new_records(site, before)
    closes = [(findings.decode(record.value or b""), dict(record.headers)) for record in since]
    withdrawn = [each for each, headers in closes if each.status_detail == "withdrawn" and headers["replay"] == b"1"]
    assert sorted(each.unmapped.anchor for each in withdrawn) == sorted(expected)
    repeated = [each for each, _ in closes if each.status_detail == "verdict"]
    assert [(each.unmapped.anchor, each.verdict) for each in repeated] == [(third[0], "Benign")]
    assert len(since) == len(withdrawn) + 1, "others are untouched"
    verdicts = [record.value for record in before if findings.decode(record.value or b"").status_detail == "verdict"]
    assert verdicts == [record.value for record in since if b'"verdict_id":5' in (record.value or b"")], "same bytes"
    logins = [each.unmapped.step for each in await site.found("logins", "behaviors")]
    assert logins == ["create"] * len(logins)


async def kept(site: Site, topics: list[str]) -> int:
    """How many records are on `topics`."""
    return sum([len(await read(site.cluster, topic, n)) for topic in topics for n in range(PARTITIONS)])


async def new_records(site: Site, before: list[Record]) -> list[Record]:
    """What was written to the alerts since `before`."""
    known = {(record.partition, record.offset) for record in before}
    return [record for record in await site.records("alerts") if (record.partition, record.offset) not in known]
