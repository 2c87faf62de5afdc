"""The page of `make bench`: medians, and whether each promise holds."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from benchmarks import policy_sets, restore
from benchmarks.contest import Result
from benchmarks.latency import Latency
from benchmarks.restore import Restored

FLOOR_EVENTS_PER_S: Final = 25_000
FLOOR_RATIO: Final = 10
LEAST_SHARE: Final = 0.6
"""Of the speed with two policies, with all that are built in and shipped."""
MOST_TIMES: Final = 2.0
"""What activity policies may cost: the time with `policy_sets.MANY` of them against the time with none."""
MOST_RSS_MIB: Final = 400
MOST_P50_MS: Final = 150
MOST_P99_MS: Final = 500


class Round(msgspec.Struct, frozen=True):
    """One sitting on one broker. `two`, `everything`, `none` and `many` are this pipeline with the policies of
    `benchmarks.policy_sets`; `stock` and `bound` run with `two`."""

    two: Result
    stock: Result
    bound: Result
    everything: Result
    none: Result
    many: Result
    latency: Latency
    restored: Restored

    def told(self) -> str:
        """In one line."""
        names = ("two", "stock", "bound", "everything", "none", "many")
        speeds = (f"{name} {getattr(self, name).events_per_s:,.0f}" for name in names)
        delay = f"p50 {self.latency.p50:.0f} ms, p99 {self.latency.p99:.0f} ms"
        return f"{', '.join(speeds)} events/s; {delay}; restored in {self.restored.seconds:.1f} s"


def page(rounds: Sequence[Round], count: int, stock_count: int, users: int) -> tuple[str, bool]:
    """The page, and whether every promise holds."""

    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    def speed(name: str) -> float:
        return median(lambda each: float(getattr(each, name).events_per_s))

    def row(title: str, guarantee: str, policies: str, name: str) -> str:
        each = ", ".join(f"{getattr(one, name).events_per_s:,.0f}" for one in rounds)
        rss = median(lambda one: float(getattr(one, name).rss_mib))
        cpu = median(lambda one: float(getattr(one, name).cpu_s))
        memory = f"{rss:,.0f}" if rss else ""
        return f"| {title} | {guarantee} | {policies} | {speed(name):,.0f} | {each} | {memory} | {cpu:.0f} |"

    p50, p99 = median(lambda each: each.latency.p50), median(lambda each: each.latency.p99)
    share, times = speed("everything") / speed("two"), speed("none") / speed("many")
    rss = max(median(lambda each, name=name: getattr(each, name).rss_mib) for name in ("two", "everything", "many"))  # type: ignore[misc]
    checks = [
        (f"at least {FLOOR_EVENTS_PER_S:,} events/s with two policies", speed("two") >= FLOOR_EVENTS_PER_S),
        (f"at least {FLOOR_RATIO} times stock Faust", speed("two") >= FLOOR_RATIO * speed("stock")),
        (f"with all policies at least {LEAST_SHARE:.0%} of the speed with two", share >= LEAST_SHARE),
        (f"{policy_sets.MANY} activity policies cost at most {MOST_TIMES:g} times none", times <= MOST_TIMES),
        (f"peak memory under {MOST_RSS_MIB} MiB", rss < MOST_RSS_MIB),
        (f"event to alert: p50 under {MOST_P50_MS} ms", p50 < MOST_P50_MS),
        (f"event to alert: p99 under {MOST_P99_MS} ms", p99 < MOST_P99_MS),
        (
            f"{restore.USERS:,} users' state back in under {restore.MOST_S} s",
            restore.median([each.restored for each in rounds]).soon,
        ),
    ]
    date = time.strftime("%Y-%m-%d", time.gmtime())
    table = "\n".join(
        [
            row("this pipeline, one process", "exactly once", "two", "two"),
            row("stock Faust 0.15.3", "at least once", "two", "stock"),
            row("CPU bound: a loop, no Kafka", "none", "two", "bound"),
            row("this pipeline, one process", "exactly once", "all built-in and shipped", "everything"),
            row("this pipeline, one process", "exactly once", "all built-in", "none"),
            row("this pipeline, one process", "exactly once", f"all built-in, {policy_sets.MANY} more", "many"),
        ]
    )
    text = f"""# Benchmark

`make bench` on {date}: {os.cpu_count()} cores shared with the broker, Python {platform.python_version()}, Kafka 4.3.0,
medians of {len(rounds)} interleaved rounds, each on a fresh broker that did some of the work untimed before.

The work: {count:,} audit events of {users:,} users out of 12 partitions ({stock_count:,} for stock Faust), enriched and
judged, from `egnyte.events` to committed activities, attempts, findings and state. All run the same handlers. Two
policies are {" and ".join(f"`{name}`" for name in policy_sets.FIRST_TWO)}.

| contestant | guarantee | policies | events/s | each round | peak RSS MiB | CPU s per million |
|---|---|---|---:|---|---:|---:|
{table}

This pipeline is {speed("two") / speed("stock"):.1f} times stock Faust and reaches
{speed("two") / speed("bound"):.2f} of the CPU bound. All policies leave {share:.0%} of its speed;
{policy_sets.MANY} activity policies cost {times:.2f} times none.

Event to alert at 500 events/s, all policies on ({rounds[0].latency.alerts} alerts a round): p50 {p50:.0f} ms,
p99 {p99:.0f} ms, worst {max(each.latency.worst for each in rounds):.0f} ms.

The state of a killed worker, read back by another (`python -m benchmarks.restore`):

{restore.table([each.restored for each in rounds])}
"""
    text += "".join(f"- {'holds' if holds else '**does not hold**'}: {what}\n" for what, holds in checks)
    return text, all(holds for _, holds in checks)
