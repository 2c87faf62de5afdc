"""The command `govern`: what it takes, and how an action reads."""

import pytest
from typer.testing import CliRunner

from console import governing
from console.cli import app
from schemas.governance import GovernanceRecord, decode
from streams.errors import Refused
from streams.sections import Settings
from tests.agents.governing.records import request

RUN = CliRunner()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "fire", "ann@example.com"], "'fire' is none of"),
        (["run", "suspend_user", "ann@example.com", "--why", "x" * 501, "--connector", "acme"], "501 characters"),
        (["log", "--state", "done"], "'done' is none of"),
    ],
)
def test_what_it_does_not_take_is_said(arguments: list[str], said: str) -> None:
    found = RUN.invoke(app, ["govern", *arguments])
    assert found.exit_code == 2
    assert said in " ".join(found.output.replace("│", " ").split())


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[GovernanceRecord]:
    """The log, in place of Kafka's: read by the command, and written to."""
    found: list[GovernanceRecord] = []

    async def rows(settings: Settings, *, newest_only: bool = True) -> list[GovernanceRecord]:
        return list(found)

    async def ask(settings: Settings, requests: list[GovernanceRecord]) -> None:
        found.extend(requests)

    monkeypatch.setattr(governing, "rows", rows)
    monkeypatch.setattr(governing, "ask", ask)
    return found


def test_people_act_undo_and_try_again(log: list[GovernanceRecord]) -> None:
    asked = RUN.invoke(
        app, ["govern", "run", "suspend_user", "Ann@Example.com", "--connector", "acme", "--by", "joe", "--json"]
    )
    assert asked.exit_code == 0, asked.output
    record = decode(asked.output.strip().encode())
    assert (record.action, record.user, record.by, record.state) == (
        "suspend_user", "ann@example.com", "joe", "requested",
    )  # fmt: skip
    log[:] = [request(state="succeeded"), request(origin="f2", state="failed", reason="login")]
    undone = decode(
        RUN.invoke(app, ["govern", "undo", log[0].uid[:8], "--by", "joe", "--json"]).output.strip().encode()
    )
    assert (undone.action, undone.reverts) == ("unsuspend_user", log[0].uid)
    again = decode(RUN.invoke(app, ["govern", "retry", log[1].uid, "--by", "joe", "--json"]).output.strip().encode())
    assert (again.uid, again.state, again.by) == (log[1].uid, "requested", "joe")
    wrong = RUN.invoke(app, ["govern", "retry", log[0].uid, "--by", "joe"])
    assert wrong.exit_code == 1
    assert "is succeeded" in wrong.output


def test_the_log_can_be_narrowed(log: list[GovernanceRecord]) -> None:
    log[:] = [request(), request(origin="f2", user="ben@acme.example", state="requested", reason="breaker")]
    held = RUN.invoke(app, ["govern", "log", "--held", "--json"]).output.splitlines()
    assert [decode(line.encode()) for line in held] == [log[1]]
    shown = RUN.invoke(app, ["govern", "log", "--user", "Jane@acme.example"]).output
    assert shown.split()[:2] == ["2025-11-24", "08:00:00"]
    assert "suspend_user  acme/jane@acme.example  requested  by ransomware" in shown


async def test_a_uid_must_be_long_enough_and_known(log: list[GovernanceRecord]) -> None:
    log[:] = [request()]
    assert await governing.find(Settings(), log[0].uid[:8]) == log[0]
    for uid, said in (("abc", "too short"), ("0" * 36, "no action")):
        with pytest.raises(Refused, match=said):
            await governing.find(Settings(), uid)
