"""`egnyte-watch policies`: list, check, test."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.cli import app

SHIPPED = Path(__file__).parents[2] / "policies"
GOOD = """\
id: night_work
title: Work at night
severity: low
raise: behavior
govern: [notify]
filters: {type: download, time: 22:00-06:00}
cases:
  fires:
    - {name: At eleven, activities: [{at: '23:00', type: download}]}
  quiet:
    - {name: At noon, activities: [{at: '12:00', type: download}]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    activity = tmp_path / "policies" / "activity"
    activity.mkdir(parents=True)
    (activity / "night.yaml").write_text(GOOD)
    return tmp_path / "policies"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policies", *arguments], prog_name="egnyte-watch")


def test_list_shows_built_in_and_activity_policies(folder: Path) -> None:
    (folder / "builtin.yaml").write_text("failed_logins: {enabled: false, severity: low}\n")
    (folder / "activity" / "typed.yaml").write_text("id: typed\ntitle: T\nfilters: {user_type: x}\n")
    result = run("list", "--json")
    assert result.exit_code == 0
    rows = {row["id"]: row for row in json.loads(result.stdout)}
    assert rows["impossible_travel"]["kind"] == "built-in"
    assert (rows["failed_logins"]["state"], rows["failed_logins"]["severity"]) == ("off", "low")
    night = rows["night_work"]
    assert (night["kind"], night["state"], night["severity"], night["raise"]) == ("activity", "on", "low", "behavior")
    assert (night["govern"], night["needs"], len(night["version"])) == (["notify"], [], 12)
    assert rows["typed"]["needs"] == rows["terminated_user"]["needs"] == ["a directory, and none is connected"]
    assert rows["impossible_travel"]["needs"] == []
    words = run("list").stdout
    assert all(name in words for name in rows)
    assert "(needs a directory" in words


@pytest.mark.parametrize("source", ["entra", "egnyte"])
def test_a_directory_can_be_entra_or_egnyte_alone(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "activity" / "typed.yaml").write_text("id: typed\ntitle: T\nfilters: {user_type: x}\n")
    given = {"entra": ("ENTRA__TENANT", "ENTRA__CLIENT_ID", "ENTRA__CLIENT_SECRET"), "egnyte": ("EGNYTE__NAME",)}
    for name in given[source]:
        monkeypatch.setenv(f"EGNYTE_WATCH_{name}", "acme")
    rows = {row["id"]: row for row in json.loads(run("list", "--json").stdout)}
    assert rows["terminated_user"]["needs"] == rows["typed"]["needs"] == []
    assert "note" not in run("check", "policies").stdout
    monkeypatch.setenv("EGNYTE_WATCH_EGNYTE__USERS_INTERVAL_S", "0")
    rows = {row["id"]: row for row in json.loads(run("list", "--json").stdout)}
    assert bool(rows["terminated_user"]["needs"]) is (source == "egnyte")


def test_list_refuses_a_wrong_file_in_words(folder: Path) -> None:
    (folder / "activity" / "night.yaml").write_text(GOOD.replace("severity: low", "severity: lwo"))
    result = run("list")
    assert result.exit_code == 1
    assert "night.yaml:3: severity is 'lwo'; did you mean 'low'?" in " ".join(result.stderr.split())


def test_check_tells_every_mistake_and_fails(folder: Path) -> None:
    (folder / "activity" / "wrong.yaml").write_text("id: night_work\ntitle: x\nfilters: {tipe: x, client: {neq: }}\n")
    result = run("check", "policies", "--json")
    assert result.exit_code == 1
    told = [(Path(each["file"]).name, each["line"], each["field"]) for each in json.loads(result.stdout)]
    assert told == [
        ("wrong.yaml", 3, "filters.tipe"), ("wrong.yaml", 3, "filters.client.neq"), ("wrong.yaml", 1, "id"),
    ]  # fmt: skip
    words = run("check", str(folder / "activity" / "wrong.yaml"))
    assert words.exit_code == 1
    assert "wrong.yaml:3: filters.tipe is no setting here; did you mean 'type'?" in words.stdout
    assert "1 files, 2 mistakes" in words.stdout


def test_check_passes_what_is_right_and_what_is_only_noted(folder: Path) -> None:
    (folder / "activity" / "typed.yaml").write_text("id: typed\ntitle: T\nfilters: {user_type: x}\n")
    result = run("check", "policies")
    assert result.exit_code == 0
    assert "note" in result.stdout
    assert "0 mistakes" in result.stdout


def test_check_knows_the_lists_beside_the_file(folder: Path) -> None:
    (folder / "activity" / "night.yaml").write_text(GOOD.replace("time: 22:00-06:00", "actor: '@team'"))
    assert run("check", "policies/activity/night.yaml").exit_code == 1
    (folder / "organisation.yaml").write_text("lists: {team: [mara@example.com]}\n")
    assert run("check", "policies/activity/night.yaml").exit_code == 0


def test_check_of_a_file_that_is_not_there_fails(folder: Path) -> None:
    result = run("check", "absent.yaml")
    assert result.exit_code == 1
    assert "can't be read" in result.stdout


def test_test_runs_the_cases(folder: Path) -> None:
    result = run("test", "policies/activity/night.yaml", "--json")
    assert result.exit_code == 0
    assert [(each["case"], each["wrong"]) for each in json.loads(result.stdout)] == [("At eleven", ""), ("At noon", "")]
    assert "2 cases, 0 wrong" in run("test", "policies").stdout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("'12:00'", "'03:00'"), "At noon: must be quiet, found create"),
        (("22:00-06:00", "22:00-22:30"), "At eleven: must fire, found nothing"),
        (("22:00-06:00", "10-11"), "expected a time of day"),
        ((GOOD[GOOD.index("cases:") :], ""), "there is none"),
    ],
)
def test_test_fails_where_a_case_does_not_hold(folder: Path, change: tuple[str, str], told: str) -> None:
    (folder / "activity" / "night.yaml").write_text(GOOD.replace(*change))
    result = run("test", "policies/activity/night.yaml")
    assert result.exit_code == 1
    assert told in result.stdout


def test_check_reads_the_rules_of_governance(folder: Path) -> None:
    rules = folder / "governance.yaml"
    rules.write_text("mode: on\n")
    assert run("check", str(rules)).exit_code == 0
    rules.write_text("mode: perhaps\n")
    result = run("check", str(rules))
    assert result.exit_code == 1
    assert "perhaps" in result.stdout


def test_what_is_shipped_passes() -> None:
    assert run("check", str(SHIPPED)).exit_code == 0
    assert run("test", str(SHIPPED / "activity")).exit_code == 0
