"""The long trial: python -m tests.governance [--findings 1000] [--kills 30]"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from simulators.kafka import development_kafka
from tests.governance.trial import place, trial


async def _run(kafka: str, findings: int, kills: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with place(kafka, f"t{secrets.token_hex(3)}", Path(folder), findings) as here:
            began = time.monotonic()
            ledger = await trial(here, findings, findings, kills, lambda words: print(words, flush=True))
            states = Counter(f"{each.action} {each.state}" for each in ledger.newest())
            for name, number in sorted(states.items()):
                print(f"{number:6}  {name}")
            extra = sum(sent - 1 for sent in here.mails().values())
            missing = findings - len(here.mails())
            print(f"{findings} findings, {kills} kills: each account suspended once")
            print(f"mails: {missing} missing, {extra} extra")
            print(f"the log and the journals agree; {time.monotonic() - began:.0f} s")


def main() -> int:
    """Runs the trial on a broker of its own; returns the exit code."""
    parser = argparse.ArgumentParser(description="Kill the governing worker again and again, then read the books.")
    parser.add_argument("--findings", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=30)
    asked = parser.parse_args()
    with development_kafka() as broker:
        asyncio.run(_run(broker.bootstrap, asked.findings, asked.kills))
    return 0


if __name__ == "__main__":
    sys.exit(main())
