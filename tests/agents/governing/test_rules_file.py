"""Rules that change while a worker governs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from agents.governing import rules_file
from agents.governing.rules import FILE, Rules
from agents.governing.rules_file import RulesFile
from tests.broker.waiting import until

RULES = "mode: on\nprotected: [breakglass@acme.example]\n"


async def until_true(condition: Callable[[], bool]) -> None:
    async def is_true() -> bool:
        return condition()

    await until(is_true, "the rules' file has been looked at")


@pytest.mark.parametrize("broken", [None, "", "# nothing\n", "{}", "mode: ["])
async def test_a_file_that_is_broken_gone_or_empty_leaves_the_rules_of_before(
    broken: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_file, "RULES_EVERY_S", 0.005)
    path = tmp_path / FILE
    path.write_text(RULES)
    rules = RulesFile(tmp_path)
    before = rules.current
    assert before.protected
    following = asyncio.create_task(rules.follow())
    try:
        with structlog.testing.capture_logs() as said:
            path.unlink() if broken is None else path.write_text(broken)
            await until_true(lambda: bool(said))
        assert rules.current == before
        assert FILE in said[0]["reason"]
        path.write_text("mode: dry-run\n")
        await until_true(lambda: rules.current == Rules())
        path.unlink()  # now there is nothing to lose
        with structlog.testing.capture_logs() as said:
            path.write_text(RULES)
            await until_true(lambda: rules.current == before)
        assert {each["event"] for each in said} == {"rules reloaded"}
    finally:
        following.cancel()
