"""The counting agent as a process of its own: `python -m tests.broker.counting_worker --at STEP --times N` dies there.

Settings come from the environment, as in production.
"""

import argparse
import sys

from streams.app import build
from streams.host import run
from streams.logs import configure
from streams.settings import load
from tests.crash.victim import striking
from tests.streams.counting import counting


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--at", required=True)
    parser.add_argument("--times", type=int, required=True)
    asked = parser.parse_args()
    settings = load().settings
    configure("INFO", json=False)
    spec = counting(prefix=f"{settings.kafka.topic_prefix}.")
    return run(lambda: [build(settings, spec, striking(asked.at, asked.times))], settings.streams.stop_within_ms)


if __name__ == "__main__":
    sys.exit(main())
