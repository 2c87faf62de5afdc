"""The broker's process as its parent sees it: orders go through the supervisor, which owns the process."""

import subprocess
import sys
from pathlib import Path

from simulators.kafka.distribution import HERE
from simulators.kafka.errors import BrokerFailedError

STOP_WITHIN_S = 30  # Kafka closes its logs in a second or two; a loaded machine takes its time
ORPHAN_GRACE_S = 10  # how long a broker with data to keep may close it after its parent's death


class BrokerProcess:
    """A started broker. It ends when this process does, by whatever cause."""

    def __init__(self, command: list[str], log: Path, *, remove: Path | None, keep_open: int) -> None:
        """Starts `command`, its output to `log`.

        `remove` is deleted if this process dies first; None: the broker is then asked to end in order.
        `keep_open` is the descriptor of the folder's lock, so that it is held as long as the broker lives.
        """
        grace, folder = (str(ORPHAN_GRACE_S), "") if remove is None else ("0", str(remove))
        # -I and -S: the supervisor is up in milliseconds and can't be led astray by the environment
        supervisor = [sys.executable, "-I", "-S", str(HERE / "supervisor.py"), str(log), grace, folder, "--"]
        self._supervisor = subprocess.Popen(
            [*supervisor, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C in a terminal is for the parent, which then ends the broker in order
            pass_fds=(keep_open,),
        )
        self.pid = int(self._answer(until=b"\n") or 0)

    @property
    def running(self) -> bool:
        """Whether the process lives (paused counts)."""
        return self._supervisor.poll() is None

    def ended_within(self, timeout_s: float) -> bool:
        """Waits for the process's end, at most so long; whether it came."""
        try:
            self._supervisor.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._close_pipes()
        return True

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after 30 s; returns when it is gone."""
        self.order(b"r")  # a paused process can't end in order
        self.order(b"t")
        if not self.ended_within(STOP_WITHIN_S):
            self.kill()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self.order(b"k")
        if not self.ended_within(STOP_WITHIN_S):
            raise BrokerFailedError(f"The broker (pid {self.pid}) does not end, though killed; is its disk stuck?")

    def order(self, letter: bytes) -> None:
        """Has the supervisor send the signal of this letter and waits until it is sent; nothing if it is gone."""
        if self._supervisor.stdin is None or self._supervisor.stdin.closed:
            return
        try:
            self._supervisor.stdin.write(letter)
        except BrokenPipeError:  # it ended in this very moment: nothing left to signal
            return
        self._answer(until=letter)

    def _answer(self, until: bytes) -> bytes:
        """Reads to a mark; b"" when the supervisor ended instead."""
        read = b""
        while self._supervisor.stdout is not None and not read.endswith(until):
            byte = self._supervisor.stdout.read(1)
            if not byte:
                return b""
            read += byte
        return read

    def _close_pipes(self) -> None:
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                pipe.close()
