"""`python -m benchmarks.connectors`: many domains in one connector process. Memory for each, how evenly they are
served, and whether one that fails harms the others. Exits with 1 where it does.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.workload import events as workload
from connectors.secrets.vault import Entry, Vault
from simulators.clock import RealClock
from simulators.egnyte import EgnyteSimulator, Fault, Switches
from simulators.kafka import DevelopmentKafkaError, development_kafka
from streams.secret import Secret
from streams.sections import Settings
from streams.settings import load
from streams.topic_admin import prepare_topics

ROOT = Path(__file__).resolve().parents[1]
PAGE_EVENTS = 500
WITHIN_S = 600
MIB = 1024 * 1024
FAIREST = 0.5
"""When the first domain has been read, the slowest of those that answer has come at least so far."""


class Measured(msgspec.Struct):
    """One process. `rss`: MiB when all has been read. `slowest`: how far the slowest was when the first was done."""

    connectors: int
    rss: float
    slowest: float
    seconds: float


async def measure(bootstrap: str, number: int, events: int, *, failing: bool) -> Measured:
    """A process with `number` domains of `events` each; with `failing`, one more that only fails."""
    chosen = Switches.unlimited(page_cap=PAGE_EVENTS, slice_minutes=0)
    domains = [EgnyteSimulator(_history(events, seed), RealClock(), chosen) for seed in range(number)]
    with tempfile.TemporaryDirectory(prefix="connectors-") as folder:
        async with contextlib.AsyncExitStack() as opened:
            environment = _environment(bootstrap, f"many{number}", folder)
            settings = load(None, environment).settings
            await prepare_topics(settings)
            for at, domain in enumerate(domains):
                await _connect(opened, settings, f"domain{at}", domain)
            if failing:
                broken = EgnyteSimulator([], RealClock(), chosen)
                broken.fault(Fault(kind="status", status=503, count=0, duration_s=1e6))
                await _connect(opened, settings, "broken", broken)
            process = await opened.enter_async_context(_process(environment))
            began = time.monotonic()
            slowest = await _read(domains, events, process)
            return Measured(number, _rss(process.pid), slowest, time.monotonic() - began)


def _history(events: int, seed: int) -> list[dict[str, object]]:
    """Events of the last half hour, evenly."""
    now_ms = RealClock().now_ms()
    rows: list[dict[str, object]] = [msgspec.json.decode(event.value) for event in workload(events, 500, seed)]
    for at, row in enumerate(rows):
        row["date"] = now_ms - 1_800_000 + at * 1_700_000 // events
    return rows


async def _connect(opened: contextlib.AsyncExitStack, settings: Settings, name: str, domain: EgnyteSimulator) -> None:
    url, now_ms = await opened.enter_async_context(domain.serve()), RealClock().now_ms()
    entry = Entry(connector=name, url=url, token=Secret(domain.token), issued_ms=now_ms, connected_ms=now_ms)
    Vault(settings.vault).write(entry)


@contextlib.asynccontextmanager
async def _process(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console.cli", "connector", env=environment,
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


async def _read(domains: Sequence[EgnyteSimulator], events: int, process: asyncio.subprocess.Process) -> float:
    """Waits until all domains have been read and polled again; returns how far the slowest was when the first was."""
    slowest = -1.0
    async with asyncio.timeout(WITHIN_S):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the connectors ended with code {process.returncode}")
            served = [sum(record.events for record in domain.journal.records()) for domain in domains]
            if slowest < 0 and max(served) >= events:
                slowest = min(served) / events
            drained = (any(not record.more for record in domain.journal.records()[-1:]) for domain in domains)
            if min(served) >= events and all(drained):
                return slowest
            await asyncio.sleep(0.05)


def _environment(bootstrap: str, prefix: str, folder: str) -> dict[str, str]:
    given = {
        "KAFKA__BOOTSTRAP": bootstrap, "KAFKA__TOPIC_PREFIX": prefix, "VAULT__DIR": f"{folder}/vault",
        "EGNYTE__MAX_PER_MINUTE": "60000", "EGNYTE__MAX_PER_HOUR": "3600000", "EGNYTE__MAX_PER_DAY": "0",
        "EGNYTE__POLL_INTERVAL_S": "5",
    }  # fmt: skip
    ours = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
    return ours | {f"EGNYTE_WATCH_{name}": value for name, value in given.items()}


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.connectors", description=__doc__)
    parser.add_argument("--connectors", type=int, default=10)
    parser.add_argument("--events", type=int, default=5_000, help="of each domain")
    asked = parser.parse_args()
    try:
        with development_kafka() as broker:
            one = asyncio.run(measure(broker.bootstrap, 1, asked.events, failing=False))
            many = asyncio.run(measure(broker.bootstrap, asked.connectors, asked.events, failing=True))
    except DevelopmentKafkaError as error:
        print(error, file=sys.stderr)
        return 1
    print("connectors  rss MiB  slowest when the first was done  seconds")
    for each in (one, many):
        print(f"{each.connectors:>10}  {each.rss:>7.0f}  {each.slowest:>30.0%}  {each.seconds:>7.1f}")
    each_mib = (many.rss - one.rss) / asked.connectors  # the one that fails is a connector, too
    print(f"each further connector takes {each_mib:.1f} MiB, with the last hour of {asked.events:,} events remembered")
    print("one of them only failed, and the others were read to their ends")
    return 0 if many.slowest >= FAIREST else 1


if __name__ == "__main__":
    sys.exit(main())
