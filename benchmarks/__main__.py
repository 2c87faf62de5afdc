"""`make bench`: contest, latency and restore, medians of three rounds, and the page `benchmarks/results.md`."""

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path

from benchmarks import contest, latency, restore
from benchmarks.contest import Result
from benchmarks.restore import Restored
from benchmarks.workload import events
from simulators.kafka import DevelopmentKafkaError, development_kafka

USERS = 5_000
RESULTS = Path(__file__).parent / "results.md"
FLOOR_EVENTS_PER_S = 25_000
FLOOR_RATIO = 10
MOST_RSS_MIB = 400
MOST_P50_MS = 150
MOST_P99_MS = 500


def main() -> int:
    """Run it; returns 1 where a floor does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--stock-events", type=int, default=20_000, help="stock Faust is given fewer: it is slower")
    parser.add_argument("--no-write", action="store_true", help=f"leave {RESULTS.name} as it is")
    asked = parser.parse_args()
    print(f"making {asked.events:,} events of {USERS:,} users", flush=True)
    work = list(events(asked.events, USERS))
    rows: dict[str, list[Result]] = {"pipeline": [], "stock": [], "bound": []}
    times, restored = [], []
    try:
        for number in range(asked.rounds):
            with development_kafka() as broker:
                for name, runs in rows.items():
                    match name:
                        case "pipeline":
                            result = contest.pipeline(broker.bootstrap, work)
                        case "stock":
                            result = contest.stock(broker.bootstrap, work[: asked.stock_events])
                        case _:
                            result = contest.bound(broker.bootstrap, asked.events, USERS)
                    runs.append(result)
                    print(f"round {number + 1}  {name:9} {result.events_per_s:9,.0f} events/s", flush=True)
                times.append(latency.measure(broker.bootstrap, work, 500, 20))
                print(
                    f"round {number + 1}  latency   p50 {times[-1].p50:.0f} ms, p99 {times[-1].p99:.0f} ms", flush=True
                )
                restored.append(restore.measure(broker.bootstrap))
                print(f"round {number + 1}  restore   {restored[-1].seconds:.1f} s", flush=True)
    except DevelopmentKafkaError as error:
        print(error, file=sys.stderr)
        return 1
    table, held = report(rows, times, restored, asked.events, asked.stock_events)
    print(table)
    if not asked.no_write:
        RESULTS.write_text(table)
    return 0 if held else 1


def report(
    rows: dict[str, list[Result]],
    times: list[latency.Latency],
    restored: list[Restored],
    count: int,
    stock_count: int,
) -> tuple[str, bool]:
    """The page, and whether every floor holds."""

    def median(name: str, field: str) -> float:
        return float(statistics.median(getattr(result, field) for result in rows[name]))

    def cpu(name: str) -> str:
        return f"{median(name, 'cpu_s'):.0f}"

    ours, stock, bound = (median(name, "events_per_s") for name in ("pipeline", "stock", "bound"))
    rss, stock_rss = median("pipeline", "rss_mib"), median("stock", "rss_mib")
    p50, p99 = statistics.median(t.p50 for t in times), statistics.median(t.p99 for t in times)
    checks = [
        (f"at least {FLOOR_EVENTS_PER_S:,} events/s", ours >= FLOOR_EVENTS_PER_S),
        (f"at least {FLOOR_RATIO} times stock Faust", ours >= FLOOR_RATIO * stock),
        (f"peak memory under {MOST_RSS_MIB} MiB", rss < MOST_RSS_MIB),
        (f"event to alert: p50 under {MOST_P50_MS} ms", p50 < MOST_P50_MS),
        (f"event to alert: p99 under {MOST_P99_MS} ms", p99 < MOST_P99_MS),
        (f"{restore.USERS:,} users' state back in under {restore.MOST_S} s", restore.median(restored).soon),
    ]
    each = {name: ", ".join(f"{result.events_per_s:,.0f}" for result in runs) for name, runs in rows.items()}
    date = time.strftime("%Y-%m-%d", time.gmtime())
    table = f"""# Benchmark

`make bench` on {date}: {os.cpu_count()} cores shared with the broker, Python {platform.python_version()}, Kafka 4.3.0,
medians of {len(times)} interleaved rounds, each on a fresh broker.

The work: {count:,} audit events of {USERS:,} users out of 12 partitions ({stock_count:,} for stock Faust), enriched and
judged by the built-in policies, from `egnyte.events` to committed activities, findings and state. All run the same
handlers.

| contestant | guarantee | events/s | each round | peak RSS MiB | CPU s per million |
|---|---|---:|---|---:|---:|
| this pipeline, one process | exactly once | {ours:,.0f} | {each["pipeline"]} | {rss:,.0f} | {cpu("pipeline")} |
| stock Faust 0.15.3 | at least once | {stock:,.0f} | {each["stock"]} | {stock_rss:,.0f} | {cpu("stock")} |
| CPU bound: a loop, no Kafka | none | {bound:,.0f} | {each["bound"]} | | {cpu("bound")} |

This pipeline is {ours / stock:.1f} times stock Faust and reaches {ours / bound:.2f} of the CPU bound.

Event to alert at 500 events/s ({times[0].alerts} alerts a round): p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst
{max(t.worst for t in times):.0f} ms.

The state of a killed worker, read back by another (`python -m benchmarks.restore`):

{restore.table(restored)}
"""
    table += "".join(f"- {'holds' if holds else '**does not hold**'}: {what}\n" for what, holds in checks)
    return table, all(holds for _, holds in checks)


if __name__ == "__main__":
    sys.exit(main())
