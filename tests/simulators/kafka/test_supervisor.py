"""The supervisor: whatever ends first, no broker is left. `sleep` stands for the broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.kafka.process import BrokerProcess
from tests.simulators.kafka.waiting import DEADLINE_S, is_gone, until

ROOT = Path(__file__).parents[3]
STARTS_AND_DIES = """
import os, pathlib, sys
from simulators.kafka.process import BrokerProcess
folder, fate = pathlib.Path(sys.argv[1]), sys.argv[2]
lock = os.open(folder / "lock", os.O_CREAT)
remove = None if fate == "keeps" else folder
process = BrokerProcess(["sleep", "1000"], folder / "broker.log", remove=remove, keep_open=lock)
if fate == "leaves a child" and os.fork() == 0:
    os.read(0, 1)  # alive, with a copy of the supervisor's pipe, until the test lets it go
    os._exit(0)
os.write(1, b"%d\\n" % process.pid)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[BrokerProcess]:
    with (tmp_path / "lock").open("w") as lock:
        started = BrokerProcess(["sleep", "1000"], tmp_path / "log", remove=None, keep_open=lock.fileno())
        yield started
        started.kill()


def state(pid: int) -> str:
    """The kernel's letter for a process: S sleeping, T stopped."""
    return subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout.strip()[:1]


@pytest.mark.parametrize("fate", ["keeps", "removes", "leaves a child"])
def test_the_broker_goes_with_a_killed_parent(tmp_path: Path, fate: str) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    command = [sys.executable, "-c", STARTS_AND_DIES, str(folder), fate]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.wait(DEADLINE_S) == -signal.SIGKILL
        until(lambda: is_gone(pid), "the end of the broker")
        until(lambda: folder.exists() == (fate == "keeps"), "the fate of its folder")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child whose parent was killed")
def test_the_broker_goes_with_a_killed_supervisor(process: BrokerProcess) -> None:
    pid = process.pid
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: is_gone(pid), "the end of the broker")
    assert process.ended_within(DEADLINE_S)
    assert not process.running


def test_orders_are_done_when_they_return(process: BrokerProcess) -> None:
    process.order(b"p")
    until(lambda: state(process.pid) == "T", "a stopped process")
    process.order(b"r")
    until(lambda: state(process.pid) == "S", "a process that goes on")
    process.kill()
    assert is_gone(process.pid)
    assert not process.running


def test_a_stopped_broker_can_be_ended_in_order(process: BrokerProcess) -> None:
    process.order(b"p")
    process.stop()
    assert is_gone(process.pid)


def test_an_end_by_itself_is_seen(process: BrokerProcess) -> None:
    os.kill(process.pid, signal.SIGTERM)
    assert process.ended_within(DEADLINE_S)
    process.order(b"t")  # to nobody: no error, and no signal to a stranger
    assert not process.running
