"""A worker or a connector that can be told to die, or to stop, at a named step. Run as a process of its own.

    python -m tests.crash.victim worker [--at STEP --times N [--stop]]
    python -m tests.crash.victim connector

Settings come from the environment, as in production.
"""

import argparse
import os
import signal
import sys

from console.commands.run import AGENTS
from streams.logs import configure
from streams.settings import load
from streams.unit import Probe, no_probe


def striking(step: str, times: int, number: int = signal.SIGKILL) -> Probe:
    """A probe that sends this process a signal when `step` is reached for the `times`-th time."""
    left = times

    def probe(reached: str) -> None:
        nonlocal left
        if reached == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    return probe


def main() -> int:
    """Run the victim; returns its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["worker", "connector"])
    parser.add_argument("--at", default="")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--stop", action="store_true", help="stop at the step (SIGSTOP) instead of dying there")
    asked = parser.parse_args()
    settings = load().settings
    configure("INFO", json=False)
    if asked.role == "connector":
        from connectors.egnyte.process import run as run_connector

        return run_connector(settings)
    from agents.worker import run as run_worker

    number = signal.SIGSTOP if asked.stop else signal.SIGKILL
    return run_worker(settings, AGENTS, striking(asked.at, asked.times, number) if asked.at else no_probe)


if __name__ == "__main__":
    sys.exit(main())
