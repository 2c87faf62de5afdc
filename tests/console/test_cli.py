"""The command line without a broker: usage, mistakes, and exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.cli import app
from console.commands import run as run_commands

AWAY = {"EGNYTE_WATCH_KAFKA__BOOTSTRAP": "127.0.0.1:1", "EGNYTE_WATCH_CONSOLE__DEADLINE_MS": "1000"}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EGNYTE_WATCH_KAFKA__BOOTSTRAP", raising=False)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environ, prog_name="egnyte-watch")


def test_help_lists_the_commands() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in ("topics", "doctor", "worker", "connector", "demo", "alerts"):
        assert command in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["topics", "--check", "--fix"], "does not go with --fix"),
        (["topics", "--nonsense"], "nonsense"),
        (["worker", "--agents", "enrich,detekt"], "unknown agent detekt"),
        (["worker", "--agents", ","], "no agent is named"),
        (["alerts", "tail", "--count", "0"], "--count"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


@pytest.mark.parametrize("arguments", [["topics"], ["alerts", "tail"]])
def test_wrong_settings_are_1_and_a_line(arguments: list[str]) -> None:
    result = run(*arguments, EGNYTE_WATCH_KAFKA__BOOTSRAP="x")
    assert result.exit_code == 1
    assert "EGNYTE_WATCH_KAFKA__BOOTSRAP: unknown field kafka.bootsrap: did you mean 'bootstrap'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_settings_file_that_is_not_there_is_named() -> None:
    result = run("--settings", "absent.toml", "topics")
    assert result.exit_code == 1
    assert "absent.toml: can't be read" in result.stderr


@pytest.mark.parametrize("arguments", [["topics"], ["topics", "--check", "--json"], ["alerts", "tail"]])
def test_a_broker_that_is_away_is_1_and_a_line(arguments: list[str]) -> None:
    result = run(*arguments, **AWAY)
    assert result.exit_code == 1
    assert "no Kafka broker at 127.0.0.1:1 within 1 s" in result.stderr
    assert "check kafka.bootstrap" in result.stderr
    assert result.stdout == ""


def test_debug_shows_where() -> None:
    result = run("--debug", "topics", EGNYTE_WATCH_KAFKA__BOOTSRAP="x")
    assert type(result.exception).__name__ == "SettingsError"


def test_doctor_goes_on_where_it_can() -> None:
    result = run("doctor", "--json", EGNYTE_WATCH_EGNYTE__TOKEN="hush", EGNYTE_WATCH_EGNYTE__NAME="acme", **AWAY)  # noqa: S106
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    checks = {check["what"]: check for check in told["checks"]}
    assert checks["kafka"]["state"] == "fail"
    assert checks["egnyte"] == {
        "state": "ok",
        "what": "egnyte",
        "found": "acme at https://acme.egnyte.com",
        "advice": "",
    }
    assert checks["policies.dir"]["state"] == "warn"
    token = next(setting for setting in told["settings"] if setting["name"] == "egnyte.token")
    assert token == {"name": "egnyte.token", "value": "********", "origin": "environment EGNYTE_WATCH_EGNYTE__TOKEN"}
    assert "hush" not in result.output


def test_doctor_tells_of_wrong_settings_as_of_any_failure() -> None:
    result = run("doctor", EGNYTE_WATCH_STREAMS__CHUNK_RECORDS="0")
    assert result.exit_code == 1
    assert "streams.chunk_records: '0' is not allowed" in result.stdout


def test_a_worker_runs_the_agents_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def worker(settings: object, agents: tuple[str, ...]) -> int:
        asked.append(agents)
        return 1

    monkeypatch.setitem(__import__("sys").modules, "agents.worker", type("worker", (), {"run": staticmethod(worker)}))
    assert run("worker", "--agents", "detect, enrich,detect").exit_code == 1
    assert run("worker").exit_code == 1
    assert asked == [("detect", "enrich"), run_commands.AGENTS]
