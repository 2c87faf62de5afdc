"""All contestants' figures are of the same stretch: from the first event to the last."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import pipeline
from benchmarks.contest import ROOT, environment, result
from streams.unit import Probe


def test_figures_are_per_event() -> None:
    found = result({"first": 10.0, "last": 14.0, "cpu": 2.0}, 100_000, 340.0)
    assert (found.events_per_s, found.rss_mib, found.cpu_s) == (25_000, 340, 20)


def test_the_pipelines_cpu_time_is_that_between_first_and_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, 103.0, 107.0])

    def run(settings: object, agents: tuple[str, ...], probe: Probe) -> int:
        for step in ("taken", "judged", "folded", "taken", "folded"):
            probe(step)
        return 0

    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.setattr("benchmarks.pipeline.configure", lambda *given, **more: None)
    monkeypatch.setattr("benchmarks.pipeline.time.process_time", lambda: next(clock))
    assert pipeline.main() == 0
    assert json.loads(capsys.readouterr().out)["cpu"] == 7.0


def test_stock_faust_keeps_nothing_in_the_working_tree(tmp_path: Path) -> None:
    variables = environment("127.0.0.1:1", "benchtest", POLICIES__DIR=str(ROOT / "policies"))
    shown = subprocess.run(
        [sys.executable, "-c", "from benchmarks.stock_faust import app; print(app.conf.datadir)"],
        cwd=ROOT, env={**os.environ, **variables, "BENCH_FOLDER": str(tmp_path)}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert Path(shown.stdout.strip()) == tmp_path
