"""`python -m simulators.egnyte`, as a user meets it."""

import asyncio
import contextlib
import signal
import socket
import sys

import httpx
import pytest
from typer.testing import CliRunner

from simulators.clock import from_iso, iso
from simulators.egnyte.__main__ import app

GIVEN = "t0ken"


@contextlib.asynccontextmanager
async def _running(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulators.egnyte",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            printed = [(await process.stdout.readline()).decode().strip().split("=", 1) for _ in range(2)]
        yield process, dict(printed)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _run(*arguments):
    return CliRunner().invoke(app, arguments)


async def test_it_serves_the_organisation_on_a_clock_that_stands_and_ends_on_a_signal():
    arguments = ["--scenario", "organisation", "--users", "30", "--start", "2025-11-26", "--speed", "0"]
    async with _running(*arguments, "--token", GIVEN, "--set", "slice_minutes=0", "--set", "page_cap=0") as (
        process,
        printed,
    ):
        assert printed["token"] == GIVEN
        headers = {"Authorization": f"Bearer {GIVEN}"}
        async with httpx.AsyncClient(base_url=printed["url"], headers=headers, trust_env=False) as client:
            now_ms = (await client.get("/control/clock")).json()["now_ms"]
            page = (await client.get("/pubapi/v2/audit/stream", params={"startDate": iso(now_ms - 86_400_000)})).json()
            assert len(page["events"]) > 100
            assert page["moreEvents"] is False
            await client.post("/control/clock", json={"advance_s": 86_400})
            page = (await client.post("/pubapi/v2/audit/stream", json={"nextCursor": page["nextCursor"]})).json()
            assert len(page["events"]) > 100
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--set", "page_cap=many"], "page_cap is a number"),
        (["--set", "paging=1"], "page_cap"),
        (["--set", "plan_has_audit=maybe"], "true or false"),
        (["--set", "throttle_style=rude"], "throttle_style"),
        (["--start", "tomorrow"], "tomorrow"),
        (["--scenario", "organisation", "--days", "5"], "too short"),
        (["--scenario", "organisation", "--users", "0"], "at least one user"),
    ],
)
def test_a_mistake_is_told_in_a_line(arguments, word):
    result = _run(*arguments)
    assert result.exit_code == 1
    assert word in result.stderr
    assert "Traceback" not in result.output


def test_a_taken_port_is_told_in_a_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = _run("--scenario", "empty", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "cannot listen" in result.stderr


def test_the_switches_are_listed():
    result = _run("--list-switches")
    assert result.exit_code == 0
    assert "page_cap=5000" in result.stdout


async def test_the_demonstrations_past_can_be_read_where_the_window_is_wide_enough(tmp_path):
    arguments = ["--start", "2025-11-24T08:00:00Z", "--speed", "0", "--no-limits", "--set", "slice_minutes=0"]
    wide = ["--set", "window_days=11", "--lists", str(tmp_path / "lists")]
    async with _running(*arguments, *wide) as (_, printed):
        headers = {"Authorization": f"Bearer {printed['token']}"}
        async with httpx.AsyncClient(base_url=printed["url"], headers=headers, trust_env=False) as client:
            first = await client.get("/pubapi/v2/audit/stream", params={"startDate": "2025-11-13T08:00:00Z"})
            page = first.json()
            assert page["events"][0]["date"] < from_iso("2025-11-15")
            assert page["moreEvents"] is False
            await client.post("/control/clock", json={"advance_s": 40})
            live = (await client.post("/pubapi/v2/audit/stream", json={"nextCursor": page["nextCursor"]})).json()[
                "events"
            ]
            assert sum(event["action"] == "Failed Login" for event in live) == 30
    assert "vpn" in (tmp_path / "lists" / "company.csv").read_text()
