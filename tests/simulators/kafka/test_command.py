"""`python -m simulators.kafka`: says what it needs, ends when asked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from simulators.kafka.node import answers

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "simulators.kafka"]


def test_without_java_it_advises_and_shows_no_traceback(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(COMMAND, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Install Java 17" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_it_serves_until_it_is_asked_to_end(tmp_path: Path) -> None:
    command = [*COMMAND, "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as running:
        assert running.stdout is not None
        port = int(running.stdout.readline().rpartition(":")[2])
        assert answers(port)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    assert not answers(port)
    assert (tmp_path / "data" / "data" / "meta.properties").exists()


def prepare(tmp_path: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path), **environ}
    command = [*COMMAND, "--prepare"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_prepare_names_all_that_is_missing(tmp_path: Path) -> None:
    done = prepare(tmp_path)
    assert done.returncode == 1
    assert "Install Java 17" in done.stderr
    assert "Install Maven" in done.stderr


def test_prepare_needs_nothing_for_a_named_kafka(tmp_path: Path) -> None:
    done = prepare(tmp_path, EGNYTE_WATCH_KAFKA__BOOTSTRAP="kafka.example:9092")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
