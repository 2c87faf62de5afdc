"""Owns the broker's process, so that the broker ends with whoever started it, even by kill -9.

A program of its own: `supervisor.py LOG GRACE_S REMOVE -- COMMAND...`. Standard input is a pipe from the parent: one
letter per order, answered on standard output when it is done. Its end means that the parent is gone, and so goes the
broker. Only this process signals the broker, and only before it has reaped it: no signal can hit a stranger that got
the same pid.

It uses the standard library alone, because it starts without site-packages to be up in milliseconds.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time

ORDERS = {b"t": signal.SIGTERM, b"k": signal.SIGKILL, b"p": signal.SIGSTOP, b"r": signal.SIGCONT}
PARENT_CHECK_S = 1.0  # the pipe's end is late when the parent's children hold copies of it; a new parent pid is not


def main(arguments: list[str]) -> int:
    """Runs the command until it ends by itself, by order, or with the parent; returns the process's exit code."""
    log, grace_s, remove, _, *command = arguments
    parent = os.getppid()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler is needed for the wake-up to be written
    with open(log, "ab") as out:
        broker = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_supervisor if sys.platform == "linux" else None,
        )
    _answer(f"{broker.pid}\n".encode())
    while broker.poll() is None:
        ready, _, _ = select.select([0, wake_read], [], [], PARENT_CHECK_S)
        if wake_read in ready:
            os.read(wake_read, 4096)
        order = os.read(0, 1) if 0 in ready else None
        if order == b"" or os.getppid() != parent:
            _end(broker, float(grace_s))
            if remove:
                shutil.rmtree(remove, ignore_errors=True)
            return 1
        if order and broker.poll() is None:
            os.killpg(broker.pid, ORDERS[order])
        if order:
            _answer(order)
    return 0


def _answer(message: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone; the next read says so too
        os.write(1, message)


def _end(broker: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """Asks first, if there is data to close in order, then kills."""
    os.killpg(broker.pid, signal.SIGCONT)
    os.killpg(broker.pid, signal.SIGTERM if grace_s else signal.SIGKILL)
    deadline = time.monotonic() + grace_s
    while broker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if broker.poll() is None:
        os.killpg(broker.pid, signal.SIGKILL)
    broker.wait()


def _die_with_supervisor() -> None:
    """Linux: the kernel kills the broker if even this process is killed. Elsewhere Kafka's own lock file tells."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG in linux/prctl.h


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
