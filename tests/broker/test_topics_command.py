"""`topics` and `doctor` on a real broker."""

import json

import pytest
from typer.testing import CliRunner, Result

from console.cli import app
from streams.topics import TOPICS


@pytest.fixture
def environ(kafka: str, prefix: str) -> dict[str, str]:
    return {"EGNYTE_WATCH_KAFKA__BOOTSTRAP": kafka, "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": prefix}


def run(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environ)


def kafka_checks(result: Result) -> dict[str, str]:
    checks = json.loads(result.stdout)["checks"]
    return {check["what"]: check["state"] for check in checks if check["what"] in {"kafka", "topics"}}


def test_check_create_check(environ: dict[str, str], prefix: str) -> None:
    before = run(environ, "topics", "--check")
    assert before.exit_code == 1
    assert f"missing {prefix}.events  12 partitions, 1 replica, delete: run egnyte-watch topics" in before.stdout
    assert kafka_checks(run(environ, "doctor", "--json")) == {"kafka": "ok", "topics": "fail"}

    created = run(environ, "topics")
    assert created.exit_code == 0
    assert f"created {prefix}-watch-detect-changelog  12 partitions, 1 replica, compact" in created.stdout
    assert f"{len(TOPICS)} topics: {len(TOPICS)} created" in created.stdout

    after = run(environ, "topics", "--check", "--json")
    assert after.exit_code == 0
    rows = json.loads(after.stdout)
    assert {row["state"] for row in rows if row["topic"].startswith(prefix)} == {"ok"}
    assert {"topic", "what", "wanted", "found", "state", "advice"} == set(rows[0])
    assert kafka_checks(run(environ, "doctor", "--json")) == {"kafka": "ok", "topics": "ok"}


def test_what_differs_is_mended_with_fix(environ: dict[str, str], prefix: str) -> None:
    assert run(environ, "topics").exit_code == 0
    longer = environ | {"EGNYTE_WATCH_STREAMS__RETENTION_MS": str(200 * 86_400_000)}
    told = run(longer, "topics")
    assert told.exit_code == 1
    assert (
        f"differs {prefix}.alerts  retention.ms is 15552000000, wanted 17280000000: run egnyte-watch topics --fix"
        in told.stdout
    )
    mended = run(longer, "topics", "--fix")
    assert mended.exit_code == 0
    assert f"fixed   {prefix}.alerts  retention.ms is now 17280000000" in mended.stdout
