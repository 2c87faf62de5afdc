"""This pipeline: enrich and detect in one worker process, exactly once. Run by `benchmarks.contest` as a process of
its own.

The worker is the ordinary one; a probe on its steps notes when the first chunk was taken and when the last was
committed.
"""

import json
import sys
import time

from agents.worker import run
from streams.logs import configure
from streams.settings import load


def main() -> int:
    """Run until SIGTERM, then say from when to when the work was done (s, `time.monotonic`), and the CPU time between
    (s, of all threads)."""
    times = {"first": 0.0, "last": 0.0, "cpu": 0.0}
    begun = 0.0

    def probe(step: str) -> None:
        nonlocal begun
        if step == "taken" and not times["first"]:
            times["first"], begun = time.monotonic(), time.process_time()
        elif step == "folded":
            times["last"], times["cpu"] = time.monotonic(), time.process_time() - begun

    configure("INFO", json=False)
    code = run(load().settings, ("enrich", "detect"), probe)
    print(json.dumps(times), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
