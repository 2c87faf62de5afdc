"""A short form of `make connector-faults`: four days with three faults at once, and with history in between."""

from pathlib import Path

import pytest

from tests.connectors.faults.bad_days import FAULTS
from tests.connectors.faults.trial import Run


@pytest.mark.parametrize(
    ("faults", "kills"),
    [(("slow", "Mashery 403", "truncated"), 1), (("cursor expired", "broken events", "HTML body"), 0)],
)
async def test_bad_days_lose_and_double_nothing(
    kafka: str, prefix: str, tmp_path: Path, faults: tuple[str, ...], kills: int
) -> None:
    assert set(faults) <= set(FAULTS)
    run = Run(kafka, prefix, 20251124, faults, days=3, poll_s=3_600, kills=kills)
    outcome = await run.play(tmp_path / "connector.log")
    assert outcome.wrong == [], (tmp_path / "connector.log").read_text()[-4_000:]
    assert outcome.events > 500
    assert outcome.requests > 80
    assert outcome.gaps == 0
    assert (outcome.dead_letters > 0) == ("broken events" in faults)
