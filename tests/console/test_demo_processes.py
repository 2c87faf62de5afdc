"""The demo's processes: ended with it, and heard when they end by themselves."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.demo_processes import Process
from streams.errors import Refused

DEADLINE_S = 60
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}


def test_one_that_ends_by_itself_is_told_with_its_reason(tmp_path: Path) -> None:
    process = Process("connector", ENVIRON, tmp_path, 1_000)  # no domain is set
    deadline = time.monotonic() + DEADLINE_S
    with pytest.raises(Refused, match=r"(?s)the connector ended by itself.*egnyte\.name is empty"):  # noqa: PT012
        while time.monotonic() < deadline:
            process.check()
            time.sleep(0.05)
    process.stop()


PARENT = """
import os, signal, sys, time
from pathlib import Path
from console.demo_processes import Process
Process("worker", dict(os.environ), Path(sys.argv[1]), 500)
print("started", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_ends_when_the_demo_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    environ = ENVIRON | {"EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": folder.parent.name}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], env=environ, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    deadline = time.monotonic() + DEADLINE_S
    while len(started := _descendants(parent.pid)) < 2:  # the supervisor and the worker
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while any(_lives(pid) for pid in started) or folder.exists():
        assert time.monotonic() < deadline, "it goes on without the demo"
        time.sleep(0.05)


def _descendants(pid: int) -> list[int]:
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            parents[int(folder.name)] = int(fields[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def _lives(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def _stat(pid: int) -> list[str]:
    """State, parent and so on; nothing for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
