"""Moments as people write them."""

import pytest
from typer.testing import CliRunner

from console.cli import app
from console.moments import moment_ms, shown

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2023-11-01", "2023-11-01 00:00:00Z"),
        ("2023-11-01T08:30", "2023-11-01 08:30:00Z"),
        ("2023-11-01 08:30:15", "2023-11-01 08:30:15Z"),
        ("2023-11-01T08:30Z", "2023-11-01 08:30:00Z"),
        ("2023-11-01T08:30+02:00", "2023-11-01 06:30:00Z"),
        ("7d", "2023-11-07 22:13:20Z"),
        (" 90 min ", "2023-11-14 20:43:20Z"),
        ("0h", "2023-11-14 22:13:20Z"),
    ],
)
def test_a_moment_is_a_date_a_time_or_so_long_ago(text: str, meant: str) -> None:
    assert shown(moment_ms(text, NOW)) == meant


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01", "7", "d", "-3d", "999999d"])
def test_what_is_none_is_told_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no moment: write 2026-11-01"):
        moment_ms(text, NOW)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing option"),
        (["--from", "soon"], "is no moment"),
        (["--from", "2999-01-01"], "is not past"),
        (["--from", "7d", "--agents", "enrich"], "enrich can't be replayed"),
        (["--from", "7d", "--agents", ","], "no agent is named"),
        (["--from", "7d", "--json"], "goes with --yes or --dry-run"),
    ],
)
def test_a_replay_that_makes_no_sense_is_wrong_usage(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["replay", *arguments])
    assert result.exit_code == 2
    assert words in " ".join(result.output.replace("│", " ").split())
