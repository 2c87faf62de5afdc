"""docker-compose.yml for real: three workers share the work, one dies, and nothing is lost or doubled.

In this order: each test builds on what the ones before have left.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest

from schemas.event import Envelope
from simulators.scenario.demo import Demo
from simulators.scenario.events import file_event
from simulators.scenario.organisation import Organisation
from tests.compose.stack import (
    POLL_S,
    Stack,
    canonical,
    doubled,
    inspected,
    processes,
    run,
    status_of,
)

pytestmark = pytest.mark.compose

ALL = set(range(12))
GROUPS = ("egnyte-watch-enrich", "egnyte-watch-detect")
OURS = ("connector", "worker", "console", "simulators")
ALERTS_WITHIN_S = 180
TAKEN_OVER_WITHIN_S = 120
"""The session of a worker that died lasts 30 s; the rest is a busy machine's."""


async def until(look: Callable[[], Awaitable[Any]], fits: Callable[[Any], bool], within_s: float) -> Any:
    """What `look` sees once it fits, or at the end of the time."""
    deadline = time.monotonic() + within_s
    while True:
        seen = await look()
        if fits(seen) or time.monotonic() >= deadline:
            return seen
        await asyncio.sleep(POLL_S)


def work(begins_ms: int) -> list[dict[str, Any]]:
    """A preview by each of 100 people, from their homes: users in every partition, and nothing to alert on."""
    people = Organisation(1, 100).people
    return [
        file_event(person, begins_ms + number, "Preview", f"/Shared/Paper {number}.pdf", ip=person.home_ip)
        for number, person in enumerate(people)
    ]


async def test_the_demos_alerts_can_be_read_from_outside(stack: Stack) -> None:
    expected = set(Demo(0).expected)

    def found(records: list[Any]) -> set[tuple[str, str]]:
        found = [json.loads(record.value)["unmapped"] for record in records]
        return {(each["policy"], each["user_key"].partition("/")[2]) for each in found}

    records = await stack.read("egnyte.alerts", lambda records: expected <= found(records), ALERTS_WITHIN_S)
    assert found(records) == expected


async def shared_out(stack: Stack, group: str) -> dict[str, set[int]]:
    """The partitions of each worker of `group`, once three share all of them; as they are when that takes too long."""

    def shared(owned: dict[str, set[int]]) -> bool:
        return len(owned) == 3 and all(owned.values()) and set().union(*owned.values()) == ALL

    owned: dict[str, set[int]] = await until(partial(stack.members, group), shared, TAKEN_OVER_WITHIN_S)
    return owned


@pytest.mark.parametrize("group", GROUPS)
async def test_every_worker_owns_partitions(stack: Stack, group: str) -> None:
    owned = await shared_out(stack, group)
    assert set(owned) == set(stack.containers("worker"))
    assert sorted(len(partitions) for partitions in owned.values()) == [4, 4, 4]
    assert set().union(*owned.values()) == ALL


@pytest.mark.parametrize("service", [*OURS, "kafka"])
def test_no_process_is_root_or_can_become_it(stack: Stack, service: str) -> None:
    containers = stack.containers(service)
    assert containers
    for container in containers:
        ids = processes(container)
        assert ids
        for process in ids:
            status = status_of(process)
            assert "0" not in status["Uid"].split(), f"{service}: process {process} is root"
            assert int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
            assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", OURS)
def test_ours_run_as_10001_in_a_file_system_that_nobody_changes(stack: Stack, service: str) -> None:
    for container in stack.containers(service):
        assert run("docker", "exec", container, "id", "-u").strip() == "10001"
        assert inspected(container, ".HostConfig.ReadonlyRootfs") is True
        with pytest.raises(AssertionError, match="Read-only file system"):
            run("docker", "exec", "--user", "0", container, "touch", "/app/here")


def test_workers_share_a_folder_for_the_lists_that_they_fetch(stack: Stack) -> None:
    first, *others = stack.containers("worker")
    run("docker", "exec", first, "sh", "-c", "echo 198.51.100.7 > /lists/.written")
    for other in others:
        assert run("docker", "exec", other, "cat", "/lists/.written") == "198.51.100.7\n"
    run("docker", "exec", first, "rm", "/lists/.written")


def test_the_product_carries_no_tools_to_build_or_install(stack: Stack) -> None:
    [worker, *_] = stack.containers("worker")
    tools = run("docker", "exec", worker, "sh", "-c", "command -v gcc make git pip pip3 || true")
    assert tools == ""
    modules = "import importlib.util as find; print([m for m in ('pip', 'setuptools', 'pytest') if find.find_spec(m)])"
    assert run("docker", "exec", worker, "python", "-c", modules).strip() == "[]"


def test_secrets_are_files_and_in_no_environment(stack: Stack) -> None:
    [connector] = stack.containers("connector")
    environment = run("docker", "exec", connector, "env")
    assert "EGNYTE_WATCH_EGNYTE__TOKEN_FILE=/run/secrets/egnyte_token" in environment.splitlines()
    assert "EGNYTE_WATCH_EGNYTE__TOKEN=" not in environment


async def test_the_console_keeps_every_activity_for_who_has_its_token(stack: Stack) -> None:
    address = f"http://127.0.0.1:{stack.console_port}/api/activities/count?from=180d"
    activities = await stack.read("egnyte.activities", lambda records: len(records) > 0, 60)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {stack.console_token}"}) as http:

        async def counted() -> int:
            return int((await http.get(address)).json()["count"])

        assert await until(counted, lambda count: count >= len(activities), 60) >= len(activities)
        stranger = await http.get(address, headers={"Authorization": "Bearer " + "0" * 64})
        assert stranger.status_code == httpx.codes.UNAUTHORIZED
    logs = stack.compose("logs", "--no-color", "console")
    assert stack.console_token not in logs


async def test_a_killed_workers_partitions_are_taken_over_and_nothing_is_lost_or_doubled(stack: Stack) -> None:
    [victim, *others] = stack.containers("worker")
    before_ms = int(stack.simulator("clock")["now_ms"])
    stack.simulator("events", {"events": work(before_ms)})
    run("docker", "kill", "--signal", "KILL", victim)
    stack.simulator("events", {"events": work(before_ms + 1_000)})

    def taken_over(owned: dict[str, set[int]]) -> bool:
        return set(owned) == set(others) and set().union(*owned.values()) == ALL

    for group in GROUPS:
        owned = await until(partial(stack.members, group), taken_over, TAKEN_OVER_WITHIN_S)
        assert taken_over(owned), f"{group}: {owned}"

    past = len(Demo(0).history)  # out of the stream's reach, and published by `history` as of another moment
    happened = Counter(canonical(event) for event in stack.simulator(f"events?offset={past}")["events"])
    total = past + happened.total()
    events = await stack.read("egnyte.events", lambda records: len(records) >= total, 60)
    ids = [Envelope.from_headers(record.headers).event_id for record in events]
    assert not doubled(ids)
    assert not happened - Counter(canonical(json.loads(record.value)) for record in events)
    assert len(events) == total

    records = await stack.read("egnyte.activities", lambda records: len(records) >= len(events), 60)
    judged = [json.loads(record.value)["event_id"] for record in records]
    assert not doubled(judged)
    assert set(judged) == set(ids)


async def test_a_worker_that_comes_back_gets_its_share(stack: Stack) -> None:
    stack.compose("up", "--detach", "--no-recreate", "--scale", "worker=3", within_s=120)
    owned = await shared_out(stack, GROUPS[1])
    assert set(owned) == set(stack.containers("worker"))
    assert sorted(len(partitions) for partitions in owned.values()) == [4, 4, 4]


def test_all_stop_by_themselves_when_asked(stack: Stack) -> None:
    stopped = {container: service for service in OURS for container in stack.containers(service)}
    assert len(stopped) == 6
    stack.compose("stop", *OURS)
    codes = {
        f"{service} {container[:12]}": inspected(container, ".State.ExitCode") for container, service in stopped.items()
    }
    assert codes == dict.fromkeys(codes, 0)
