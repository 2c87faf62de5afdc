"""Waiting for a condition, with a deadline."""

import os
import time
from collections.abc import Callable
from pathlib import Path

DEADLINE_S = 60


def until(condition: Callable[[], bool], what: str) -> None:
    """Returns when the condition holds; fails after 60 s."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    """Whether no such process runs (one that ended and was not reaped yet counts as gone)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"
