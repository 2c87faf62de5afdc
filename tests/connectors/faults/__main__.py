"""`make connector-faults`: one run for each fault, then runs with three at random; a table. Exits with 1 unless each
run's books are right.
"""

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from simulators.egnyte import Switches
from simulators.kafka import DevelopmentKafkaError, development_kafka
from tests.connectors.faults.bad_days import FAULTS, MIXABLE
from tests.connectors.faults.trial import Outcome, Run

REPORT_DAYS = Switches().report_days
COLUMNS = ("events", "kills", "requests", "most/h", "wakes/h", "gaps", "dead", "seconds")


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.connectors.faults", description=__doc__)
    parser.add_argument("--days", type=int, default=10, help="simulated days of each run")
    parser.add_argument("--mixed", type=int, default=20, help="runs with three faults at random")
    parser.add_argument("--kills", type=int, default=4, help="kill -9 amid a request, in each run")
    parser.add_argument("--poll-s", type=int, default=600, help="pause between polls; 90 s as in production takes 6x")
    parser.add_argument("--history", type=int, default=0, metavar="DAYS", help="older events fetched first, by reports")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), help="only this fault; repeatable")
    parser.add_argument("--mixed-only", action="store_true", help="leave out the runs with one fault")
    asked = parser.parse_args()
    if asked.history and asked.history + asked.days > REPORT_DAYS:
        # What reports should have told is looked up when the run is over.
        parser.error(f"--history and --days: {REPORT_DAYS} days together at most, as far as reports reach back")
    folder = Path(tempfile.mkdtemp(prefix="connector-faults-"))
    print(f"seed {asked.seed}; {asked.days} days each, polls every {asked.poll_s} s; logs in {folder}", flush=True)
    chance = random.Random(asked.seed)  # noqa: S311 - repeatable, not secret
    runs: list[Sequence[str]] = [] if asked.mixed_only else [(name,) for name in asked.only or FAULTS]
    runs += [chance.sample(MIXABLE, 3) for _ in range(0 if asked.only else asked.mixed)]
    print(f"{'':44}" + "".join(f"{column:>9}" for column in COLUMNS), flush=True)
    wrong = 0
    try:
        with development_kafka() as broker:
            for number, faults in enumerate(runs):
                run = Run(
                    broker.bootstrap, f"faults{secrets.token_hex(3)}", asked.seed + number, faults,
                    days=asked.days, poll_s=asked.poll_s, kills=asked.kills, history_days=asked.history,
                )  # fmt: skip
                outcome = _played(run, folder / f"{number}.log")
                wrong += bool(outcome.wrong)
                print(_line(outcome), flush=True)
    except DevelopmentKafkaError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(runs)} runs, {wrong} wrong")
    return 1 if wrong else 0


def _played(run: Run, log: Path) -> Outcome:
    """What the run came to; one that does not come to its end is wrong, and no reason to leave out the others."""
    try:
        return asyncio.run(run.play(log))
    except (RuntimeError, TimeoutError) as error:
        run.outcome.wrong.append(f"{error or type(error).__name__} ({log})")
        return run.outcome


def _line(outcome: Outcome) -> str:
    figures = (
        outcome.events, outcome.kills, outcome.requests, outcome.busiest_hour, outcome.wakes_in_an_hour, outcome.gaps,
        outcome.dead_letters, f"{outcome.seconds:.0f}",
    )  # fmt: skip
    verdict = f"  WRONG: {'; '.join(outcome.wrong)}" if outcome.wrong else ""
    return f"{outcome.name:44}" + "".join(f"{figure:>9}" for figure in figures) + verdict


if __name__ == "__main__":
    sys.exit(main())
