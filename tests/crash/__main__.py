"""`make crash`: 60 kills by default, then the books. Exits with 1 unless they balance."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path

from simulators.kafka import DevelopmentKafkaError, development_kafka
from tests.crash.killing import massacre


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--rate", type=int, default=300, help="events per second while the killing goes on")
    asked = parser.parse_args()
    log_path = Path(tempfile.mkdtemp(prefix="crash-")) / "victims.log"
    print(f"seed {asked.seed}; the victims' log: {log_path}", flush=True)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)

    try:
        with development_kafka() as broker:
            prefix = f"crash{secrets.token_hex(3)}"
            balance = asyncio.run(
                massacre(broker.bootstrap, prefix, asked.kills, asked.seed, log_path, say, asked.rate)
            )
    except DevelopmentKafkaError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{asked.kills} kills in {time.monotonic() - began:.0f} s; {balance.events} events, "
        f"{balance.activities} activities, {balance.findings} findings, "
        f"{balance.keys} states against an undisturbed sequential run:"
    )
    print(balance)
    return 0 if balance.balanced else 1


if __name__ == "__main__":
    sys.exit(main())
