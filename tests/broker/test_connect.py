"""A domain from connect to disconnect, on a real broker and over real HTTP, with failures on the way: what `status`
says at each step, that no event is lost, and that no secret is to be seen anywhere.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.secrets.vault import Vault
from schemas.event import Envelope
from simulators.egnyte import EgnyteSimulator, Fault
from streams.cluster import TopicPartition
from streams.kafka_cluster import KafkaCluster
from streams.settings import load
from streams.topics import PARTITIONS, TOPICS, full_name
from tests.connectors.egnyte.harness import upload
from tests.console.browser import answered
from tests.console.connecting import KEY, environment, free_port, key_given, run, served

ROOT = Path(__file__).parents[2]
DEADLINE_S = 90.0


class Browser(webbrowser.BaseBrowser):
    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        httpx.get(answered(url, "allow"), trust_env=False, timeout=20)
        return True


class Installation:
    """One folder with a vault, the connector's process beside it, and all that it ever said."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ
        self.settings = load(environ=environ).settings
        self.said: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "connector.log"

    def command(self, *arguments: str) -> str:
        result = run(*arguments, environ=self.environ)
        assert result.exit_code == 0, result.output
        self.said.append(result.output)
        return result.output

    def start(self) -> None:
        others = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
        key = {name for name in self.environ if "CLIENT" in name}  # the running connector has no need of it
        ours = {name: value for name, value in self.environ.items() if name not in key}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "console.cli", "--debug", "connector"], stdout=log, stderr=log, cwd=self.folder,
                env=others | {"PYTHONPATH": str(ROOT)} | ours,
            )  # fmt: skip

    def stop(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(DEADLINE_S)

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What `status` says as soon as it meets `condition`."""
        found: dict[str, Any] = {}
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            result = run("status", "--json", environ=self.environ)
            (found,) = json.loads(result.stdout)
            assert result.exit_code == (1 if found["state"] == "error" else 0)
            if condition(found):
                self.said += [result.output, run("status", environ=self.environ).output]
                return found
        raise AssertionError(f"status stays {found}\n{self._log.read_text()}")

    def everything(self) -> dict[str, str]:
        """All that anybody could read: logs, what commands said, the process list, files at rest."""
        found = {f"command {number}": text for number, text in enumerate(self.said)}
        found["ps"] = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
        for path in self.folder.rglob("*"):
            if path.is_file():
                found[str(path)] = path.read_bytes().decode(errors="replace")
        return found


async def on_the_topics(installation: Installation) -> dict[str, bytes]:
    """Every record of every topic: key, headers, value."""
    cluster = KafkaCluster(installation.settings, "test")
    found = {}
    try:
        for topic in TOPICS:
            name = full_name(installation.settings, topic)
            for number in range(PARTITIONS):
                async for chunk in cluster.read(TopicPartition(name, number), 0):
                    for record in chunk:
                        headers = b"".join(value or b"" for _, value in record.headers)
                        whole = b"|".join([record.key or b"", headers, record.value or b""])
                        found[f"{name}/{number}/{record.offset}"] = whole
    finally:
        await cluster.close()
    return found


async def events(installation: Installation) -> list[str]:
    cluster = KafkaCluster(installation.settings, "test")
    topic, found = f"{installation.settings.kafka.topic_prefix}.events", []
    try:
        for number in range(PARTITIONS):
            async for chunk in cluster.read(TopicPartition(topic, number), 0):
                found += [Envelope.from_headers(record.headers).event_id for record in chunk]
    finally:
        await cluster.close()
    return found


@pytest.fixture
def installation(kafka: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(webbrowser, "get", Browser)
    monkeypatch.chdir(tmp_path)
    fast = {"POLL_INTERVAL_S": "1", "MAX_PER_MINUTE": "6000", "MAX_PER_HOUR": "100000", "MAX_PER_DAY": "0"}
    kafka_settings = {
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": kafka, "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": prefix,
        "EGNYTE_WATCH_CONSOLE__DEADLINE_MS": "60000", "EGNYTE_WATCH_EGNYTE__USERS_INTERVAL_S": "0",
    }  # fmt: skip
    environ = environment(tmp_path, free_port()) | key_given() | kafka_settings
    found = Installation(tmp_path, environ | {f"EGNYTE_WATCH_EGNYTE__{name}": value for name, value in fast.items()})
    yield found
    found.stop(signal.SIGKILL)


def test_from_connect_to_disconnect_nothing_is_lost_and_no_secret_seen(installation: Installation) -> None:
    place, secrets = installation, {KEY.client_secret}

    def token_of(egnyte: EgnyteSimulator) -> str:
        entry = Vault(place.settings.vault).read("acme")
        assert entry is not None
        secrets.update(filter(None, (entry.token.reveal(), entry.refresh_token.reveal())))
        return entry.token.reveal()

    with served(slice_minutes=0) as (egnyte, url):
        for number in range(20):
            egnyte.append(upload(number, date=egnyte.clock.now_ms() - 60_000))
        place.command("topics")
        assert "Connected." in place.command("connect", "acme", url)
        first = token_of(egnyte)
        place.start()
        found = place.until(lambda found: found["state"] == "connected" and found["events"] == 20)
        assert found["user"] == "audit.reader@example.com"
        assert (found["token"]["age_days"], found["token"]["renews_itself"]) == (0, True)
        assert found["expected_latency"] == {"typical_s": 0.5, "worst_s": 1.0}
        assert found["requests_left_hour"] > 99_000
        assert found["last_good_poll"] is not None
        assert found["newest_event_age_s"] >= 60

        egnyte.fault(Fault(kind="throttle", retry_after_s=2))
        place.until(lambda found: (found["state"], found["kind"]) == ("degraded", "throttled"))
        egnyte.fault(Fault(kind="status", status=503, retry_after_s=2))
        place.until(lambda found: (found["state"], found["kind"]) == ("degraded", "api"))
        place.until(lambda found: found["state"] == "connected")

        place.stop(signal.SIGKILL)
        place.command("rotate", "acme")
        assert token_of(egnyte) != first
        egnyte.append(upload(100, date=egnyte.clock.now_ms()))
        place.start()
        place.until(lambda found: found["state"] == "connected" and found["events"] == 1)
        place.command("rotate", "acme")  # while it runs
        token = token_of(egnyte)
        egnyte.append(upload(101, date=egnyte.clock.now_ms()))
        place.until(lambda found: found["state"] == "connected" and found["events"] >= 1)

        egnyte.change(refresh_tokens=False)
        egnyte.oauth.revoke(token)
        found = place.until(lambda found: found["state"] == "error")
        assert (found["kind"], found["advice"]) == ("auth", "the token is not accepted: egnyte-watch rotate acme")
        place.command("rotate", "acme")
        token_of(egnyte)
        egnyte.append(upload(102, date=egnyte.clock.now_ms()))
        place.until(lambda found: found["state"] == "connected" and found["events"] >= 1)

        place.command("disable", "acme")
        place.until(lambda found: found["state"] == "disabled")
        place.command("enable", "acme")
        place.until(lambda found: found["state"] == "connected")
        token = token_of(egnyte)
        place.command("disconnect", "acme")
        assert egnyte.access.grant(f"Bearer {token}", egnyte.clock.now_ms()) is None
        place.until(lambda found: found["state"] == "disconnected")
        starts = [record for record in egnyte.journal.records() if record.start_date and record.status == 200]
        tests = 1 + 3  # connect, and each rotation
        assert len(starts) == tests + 1, "it began once, and went on from its cursor ever after"
        place.stop(signal.SIGTERM)
        published = asyncio.run(events(place))
        assert len(published) == len(set(published)) == len(egnyte.visible_events()) == 23

    assert len(secrets) >= 8
    for where, text in place.everything().items():
        assert not [secret for secret in secrets if secret in text], where
    told = asyncio.run(on_the_topics(place))
    assert len(told) > 50
    for where, whole in told.items():
        assert not [secret for secret in secrets if secret.encode() in whole], where
