"""`make score`: a labelled organisation through the pipeline; exit code 1 where a bar is not met, 2 for wrong usage."""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import msgspec
import structlog

from benchmarks.score import memory, repeat
from benchmarks.score.bars import Score, not_asked, score
from benchmarks.score.findings import Told
from benchmarks.score.lateness import differences
from benchmarks.score.pipeline import Run, Site
from benchmarks.score.report import report
from benchmarks.score.world import World
from simulators.kafka import DevelopmentKafkaError, development_kafka
from simulators.scenario import Scenario


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make score ARGS=...", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    parser.add_argument("--shuffle", action="store_true", help="events come late by chance, within the allowed hour")
    parser.add_argument("--repeat", action="store_true", help="judge the same log by 1 and by 3 fresh workers; compare")
    parser.add_argument("--memory", action="store_true", help="only the agents' handlers, in one process, no Kafka")
    parser.add_argument("--partly", action="store_true", help="kinds may be left out for which people are too few")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the report")
    asked = parser.parse_args(arguments)
    if asked.memory and asked.repeat:
        parser.error("--repeat needs the real pipeline: leave out --memory")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it retries is no news
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        scenario = Scenario(asked.seed, asked.users, asked.days)
    except ValueError as refusal:
        parser.error(str(refusal))
    try:
        with tempfile.TemporaryDirectory(prefix="egnyte-watch-score-") as folder:
            found = _in_memory(scenario, asked, Path(folder)) if asked.memory else _real(scenario, asked, Path(folder))
    except (DevelopmentKafkaError, RuntimeError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    print(msgspec.json.encode(found).decode() if asked.json else report(found))
    return 1 if found.failures else 0


def _in_memory(scenario: Scenario, asked: argparse.Namespace, folder: Path) -> Score:
    told = memory.run(scenario, folder / "world", shuffled=asked.shuffle)
    found = _scored(scenario, asked, told, sum(1 for _ in scenario))
    return _with_order(found, scenario, told, folder) if asked.shuffle else found


def _with_order(found: Score, scenario: Scenario, shuffled: list[Told], folder: Path) -> Score:
    """`found` with how what was told differs from what is told of the same events in order."""
    unlike = differences(memory.run(scenario, folder / "in order"), shuffled)
    return msgspec.structs.replace(found, order=unlike.told, failures=(*found.failures, *unlike.failures))


def _real(scenario: Scenario, asked: argparse.Namespace, folder: Path) -> Score:
    world = World(folder / "world", scenario)

    async def go(bootstrap: str) -> Score:
        site = Site(bootstrap, folder, world)
        run = Run(site, world, scenario, asked.workers, _say)
        try:
            told = await run.run(shuffled=asked.shuffle)
            found = _scored(scenario, asked, told, run.events)
            found = msgspec.structs.replace(found, wall_s=tuple(run.wall_s))
            if asked.shuffle:
                found = _with_order(found, scenario, told, folder)
            if asked.repeat:
                differences = await repeat.compare(site, world, bootstrap, folder, _say)
                found = msgspec.structs.replace(found, failures=(*found.failures, *differences.failures),
                                                repeated=differences.told)  # fmt: skip
            return found
        finally:
            await site.close()

    with development_kafka() as broker:
        return asyncio.run(go(broker.bootstrap))


def _scored(scenario: Scenario, asked: argparse.Namespace, told: list[Told], events: int) -> Score:
    found = score(told, scenario.labels, seed=asked.seed, users=asked.users, days=asked.days, events=events)
    untried = () if asked.partly else not_asked(found, scenario.left_out)
    return msgspec.structs.replace(found, missing=scenario.left_out, failures=(*found.failures, *untried))


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
    else:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
