"""`make bench`: contest, latency and restore, medians of three rounds, and the page `benchmarks/results.md`."""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import contest, latency, policy_sets, restore
from benchmarks.page import Round, page
from benchmarks.workload import events
from simulators.kafka import DevelopmentKafkaError, development_kafka

USERS = 5_000
WARM_UP_EVENTS = 100_000
RESULTS = Path(__file__).parent / "results.md"


def main() -> int:
    """Run it; returns 1 where a floor does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--stock-events", type=int, default=20_000, help="stock Faust is given fewer: it is slower")
    parser.add_argument("--no-write", action="store_true", help=f"leave {RESULTS.name} as it is")
    asked = parser.parse_args()
    print(f"making {asked.events:,} events of {USERS:,} users", flush=True)
    work = list(events(asked.events, USERS))
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        two, everything = policy_sets.two(here / "two"), policy_sets.everything(here / "everything")
        none, many = policy_sets.built_in(here / "none"), policy_sets.many(here / "many")
        try:
            for number in range(asked.rounds):
                with development_kafka() as broker:
                    kafka = broker.bootstrap
                    contest.pipeline(kafka, work[:WARM_UP_EVENTS], two)  # untimed: a JVM is slow at first
                    rounds.append(
                        Round(
                            two=contest.pipeline(kafka, work, two),
                            stock=contest.stock(kafka, work[: asked.stock_events], two),
                            bound=contest.bound(kafka, asked.events, USERS, two),
                            everything=contest.pipeline(kafka, work, everything),
                            none=contest.pipeline(kafka, work, none),
                            many=contest.pipeline(kafka, work, many),
                            latency=latency.measure(kafka, work, 500, 20, everything),
                            restored=restore.measure(kafka),
                        )
                    )
                    print(f"round {number + 1}: {rounds[-1].told()}", flush=True)
        except DevelopmentKafkaError as error:
            print(error, file=sys.stderr)
            return 1
    text, held = page(rounds, asked.events, asked.stock_events, USERS)
    print(text)
    if not asked.no_write:
        RESULTS.write_text(text)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
