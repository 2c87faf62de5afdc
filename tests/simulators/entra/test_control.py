"""The control endpoints, and `python -m simulators.entra` as a user meets it."""

import asyncio
import contextlib
import signal
import socket
import sys

import httpx
import pytest
from typer.testing import CliRunner

from simulators.entra.__main__ import app
from simulators.entra.apps import SCOPE
from tests.simulators.entra.harness import people


async def test_people_come_change_and_go(serve):
    async with serve(people(2)) as served:
        control = served.client
        await control.post("/control/users", json={"users": [{"id": "new"}, {"id": "u0", "accountEnabled": False}]})
        await control.request("DELETE", "/control/users", json={"id": "u1"})
        await control.post("/control/roles", json={"role": "User Administrator", "user": "new"})
        await control.post("/control/managers", json={"user": "u0", "manager": "new"})
        found = {user["id"]: user for user in (await control.get("/control/users")).json()["users"]}
        assert found["u0"]["enabled"] is False
        assert found["u1"]["deleted"] is True
        assert (await control.get("/control/roles")).json() == {"roles": {"User Administrator": ["new"]}}
        assert (await control.get("/v1.0/users/u0/manager")).json()["id"] == "new"
        await control.request("DELETE", "/control/users", json={"id": "u1", "purge": True})
        assert (await control.get("/v1.0/directory/deletedItems/u1")).status_code == 404


async def test_clock_switches_and_faults(serve):
    async with serve(people(1)) as served:
        control = served.client
        moved = (await control.post("/control/clock", json={"advance_s": 90})).json()["now_ms"]
        assert moved == served.clock.now_ms()
        assert (await control.post("/control/switches", json={"page_size": 7})).json()["page_size"] == 7
        faults = await control.post("/control/faults", json={"kind": "throttle", "retry_after_s": 1})
        assert faults.json()["faults"][0]["kind"] == "throttle"
        assert (await control.request("DELETE", "/control/faults")).json() == {"faults": []}
        await control.get("/v1.0/users/u0")
        await control.patch("/v1.0/users/u0", json={"accountEnabled": False})
        assert [one["kind"] for one in (await control.get("/control/effects")).json()["effects"]] == ["disabled"]
        journal = (await control.get("/control/journal?since=1")).json()
        assert [(one["method"], one["status"]) for one in journal["requests"]] == [("GET", 200), ("PATCH", 204)]
        assert (await control.get("/control/mails")).json() == {"mails": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "word"),
    [
        ("POST", "switches", {"paging": 1}, "page_size"),
        ("POST", "switches", {"page_size": 0}, "less than 1"),
        ("POST", "faults", {"kind": "rude"}, "rude"),
        ("POST", "users", {"users": [{"shoeSize": 43}]}, "shoeSize"),
        ("POST", "users", {"users": [{"userPrincipalName": "user0@example.com"}]}, "already"),
        ("DELETE", "users", {"id": "nobody"}, "nobody"),
        ("POST", "roles", {"role": "King", "user": "nobody"}, "nobody"),
        ("POST", "clock", {"advance_s": -1}, "moved back"),
    ],
)
async def test_a_wrong_command_is_told(serve, method, path, body, word):
    async with serve(people(1)) as served:
        answer = await served.client.request(method, f"/control/{path}", json=body)
        assert answer.status_code == 400
        assert word in answer.json()["error"]


@contextlib.asynccontextmanager
async def _running(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.entra", *arguments, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            printed = [(await process.stdout.readline()).decode().strip().split("=", 1) for _ in range(4)]
        yield process, dict(printed)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_serves_an_organisation_and_ends_on_a_signal():
    async with _running("--users", "30", "--tenant", "acme", "--start", "2025-11-26", "--speed", "0") as (
        process,
        printed,
    ):
        form = {name: printed[name] for name in ("client_id", "client_secret")}
        form |= {"grant_type": "client_credentials", "scope": SCOPE}
        async with httpx.AsyncClient(base_url=printed["url"], trust_env=False) as client:
            token = (await client.post(f"/{printed['tenant']}/oauth2/v2.0/token", data=form)).json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            page = (await client.get("/v1.0/users/delta?$select=id,mail")).json()
            assert len(page["value"]) == 30
            assert all(user["mail"].endswith("@example.com") for user in page["value"])
            assert (await client.get("/v1.0/directoryRoles")).json()["value"]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--set", "page_size=many"], "page_size is a number"),
        (["--set", "paging=1"], "page_size"),
        (["--set", "p2_licence=maybe"], "true or false"),
        (["--set", "expired_style=rude"], "expired_style"),
        (["--start", "tomorrow"], "tomorrow"),
        (["--certificate", "absent.pem"], "absent.pem"),
    ],
)
def test_a_mistake_is_told_in_a_line(arguments, word):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert word in result.stderr
    assert "Traceback" not in result.output


def test_a_taken_port_is_told_in_a_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(app, ["--users", "0", "--port", str(taken.getsockname()[1])])
    assert result.exit_code == 1
    assert "cannot listen" in result.stderr


def test_the_switches_are_listed():
    result = CliRunner().invoke(app, ["--list-switches"])
    assert result.exit_code == 0
    assert "page_size=200" in result.stdout
