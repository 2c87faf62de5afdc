"""The archive's process is killed while the topics fill: it holds each record of each of them once."""

from pathlib import Path

from tests.console.archive.trial import EACH, trial

ACTIVITIES = 3_000
KILLS = 3


async def test_killed_at_any_moment_it_holds_what_the_topics_hold(kafka: str, prefix: str, tmp_path: Path) -> None:
    held = await trial(kafka, prefix, tmp_path, ACTIVITIES, KILLS, print)
    several = ACTIVITIES // EACH
    assert held == {
        "activities": ACTIVITIES, "alerts": several // 2, "behaviors": several // 2, "governance": several,
    }  # fmt: skip
