"""A worker or a connector that can be told to die by kill -9 at a named step. Run as a process of its own.

    python -m tests.crash.victim worker [--at STEP --times N]
    python -m tests.crash.victim connector

Settings come from the environment, as in production.
"""

import argparse
import os
import signal
import sys

from streams.logs import configure
from streams.settings import load
from streams.unit import Probe, no_probe


def deadly(step: str, times: int) -> Probe:
    """A probe that kills this process when `step` is reached for the `times`-th time."""
    left = times

    def probe(reached: str) -> None:
        nonlocal left
        if reached == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return probe


def main() -> int:
    """Run the victim; returns its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["worker", "connector"])
    parser.add_argument("--at", default="")
    parser.add_argument("--times", type=int, default=1)
    asked = parser.parse_args()
    settings = load().settings
    configure("INFO", json=False)
    if asked.role == "connector":
        from connectors.egnyte.service import run as run_connector

        return run_connector(settings)
    from agents.worker import run as run_worker

    return run_worker(settings, ("enrich", "detect"), deadly(asked.at, asked.times) if asked.at else no_probe)


if __name__ == "__main__":
    sys.exit(main())
