"""The containers of docker-compose.yml, as the tests see them: from outside, by Docker's and Kafka's own means."""

import json
import os
import secrets
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

ROOT: Final = Path(__file__).parents[2]
PARTITIONS: Final = 12
POLL_S: Final = 0.5
"""Between two looks at something that tells nobody when it changes."""

T = TypeVar("T")


class Stack:
    """One Compose project of its own: name, images and port collide with no other."""

    def __init__(self, folder: Path, project: str = "egnyte-watch-test") -> None:
        """`folder`: for the secrets of this run."""
        self.project = project
        self.port, self.console_port = free_port(), free_port()
        self.console_token = secrets.token_hex(32)
        token = folder / "console_token"
        token.write_text(self.console_token)
        token.chmod(0o444)  # the container's user is another one
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")},
            "KAFKA_PORT": str(self.port),
            "CONSOLE_PORT": str(self.console_port),
            "CONSOLE_TOKEN_FILE": str(token),
            "IMAGE_TAG": "test",
        }
        if not has_buildkit():
            self._environment["DOCKER_BUILDKIT"] = "0"

    @property
    def bootstrap(self) -> str:
        """The broker, as consumers on this machine reach it."""
        return f"localhost:{self.port}"

    def compose(self, *arguments: str, given: str | None = None, within_s: float = 120) -> str:
        """`docker compose ...` on this project; what it printed. Raises AssertionError with its words if it fails."""
        files = ["--env-file", "deploy/demo.env", "--profile", "demo", "--profile", "console", "--progress", "plain"]
        return run(
            "docker", "compose", "-p", self.project, *files, *arguments,
            given=given, within_s=within_s, environment=self._environment,
        )  # fmt: skip

    def containers(self, service: str) -> list[str]:
        """Ids of the running containers of `service`."""
        return self.compose("ps", "--quiet", "--status", "running", service).split()

    def simulator(self, command: str, body: Mapping[str, Any] | None = None) -> Any:
        """Asks /control/`command` of the simulated Egnyte, which only its network reaches, from within it."""
        script = (
            "import sys, urllib.request as http\n"
            f"body = sys.stdin.buffer.read() or None\n"
            f"sys.stdout.buffer.write(http.urlopen('http://127.0.0.1:8080/control/{command}', body, 30).read())\n"
        )
        answer = self.compose(
            "exec", "-T", "simulators", "python", "-c", script, given="" if body is None else json.dumps(body)
        )
        return json.loads(answer)

    async def members(self, group: str) -> dict[str, set[int]]:
        """The partitions that each running worker owns in `group`, by container id."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            answer: Any
            [answer] = await admin.describe_consumer_groups([group])
        finally:
            await admin.close()
        [(_, _, _, _, _, members, *_)] = answer.groups
        by_address = {address(container): container for container in self.containers("worker")}
        owned: dict[str, set[int]] = {}
        for _, _, host, _, assignment, *_ in members:
            partitions = {
                partition
                for _, partitions in (
                    ConsumerProtocolMemberAssignment.decode(assignment).assignment if assignment else []
                )
                for partition in partitions
            }
            owned[by_address.get(host.strip("/"), host)] = partitions
        return owned

    async def read(self, topic: str, enough: Callable[[list[Any]], bool], within_s: float) -> list[Any]:
        """Committed records of `topic` from its beginning, until `enough` of them are there or the time is over."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        deadline = time.monotonic() + within_s
        records: list[Any] = []
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
            while not enough(records) and time.monotonic() < deadline:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    records += batch
        finally:
            await consumer.stop()
        return records


def run(
    *command: str, given: str | None = None, within_s: float = 60, environment: Mapping[str, str] | None = None
) -> str:
    """Runs `command` in the repository and returns its standard output. AssertionError with its words if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=given, capture_output=True, text=True, timeout=within_s, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def inspected(container: str, template: str) -> Any:
    """One value of `docker inspect`, by a Go template."""
    return json.loads(run("docker", "inspect", "--format", f"{{{{json {template}}}}}", container))


def address(container: str) -> str:
    """The container's address in the project's only network."""
    [network] = inspected(container, ".NetworkSettings.Networks").values()
    found: str = network["IPAddress"]
    return found


def status_of(process: int) -> dict[str, str]:
    """/proc/PID/status of a process of this machine's."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def processes(container: str) -> list[int]:
    """Ids, on this machine, of all processes in the container."""
    return [int(line) for line in run("docker", "top", container, "-eo", "pid").splitlines()[1:]]


def canonical(event: Any) -> str:
    """The same text for the same event, however its JSON was written."""
    return json.dumps(event, sort_keys=True)


def doubled(ids: list[str]) -> dict[str, int]:
    """Those that occur more than once, and how often."""
    return {each: times for each, times in Counter(ids).items() if times > 1}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def has_buildkit() -> bool:
    """Whether the builder that Compose prefers is there."""
    return subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False).returncode == 0
