"""The same log judged again by fresh groups, of one worker and of three: the same findings, byte for byte."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.score.pipeline import SOURCES, Say, Site
from benchmarks.score.world import World
from benchmarks.workload import Keyed, publish_to
from console.commands.run import AGENTS

LOGS: Final = ("activities", "attempts")
STAFF: Final = (1, 3)
JUDGES: Final = tuple(agent for agent in AGENTS if SOURCES.get(agent) in LOGS and agent != "profile")

Row = tuple[str, int, bytes, int, bytes]
"""Topic, partition, key, offset's rank within the key, and value."""


class Differences(msgspec.Struct, frozen=True):
    """`told`: what was compared, in a line; `failures`: what differed."""

    told: str
    failures: tuple[str, ...]


async def compare(site: Site, world: World, bootstrap: str, folder: Path, say: Say) -> Differences:
    """Copies the logs of `site` to a site for each staff, lets it judge them, and compares alerts and behaviors."""
    logs = {name: [_keyed(record) for record in await site.read(name)] for name in LOGS}
    found: dict[int, list[Row]] = {}
    for staff in STAFF:
        say(f"judging again with {staff} workers")
        fresh = Site(bootstrap, folder, world)
        try:
            await fresh.prepare()
            with fresh.workers(staff, JUDGES) as processes:
                await fresh.joined(processes, JUDGES)
                for name, records in logs.items():
                    await publish_to(fresh.settings, name, records)
                await fresh.drained(processes, JUDGES)
            found[staff] = rows(await fresh.read("alerts", "behaviors"), fresh.settings.kafka.topic_prefix)
        finally:
            await fresh.close()
    one, three = (found[staff] for staff in STAFF)
    told = f"{len(one)} records of alerts and behaviors by {STAFF[0]} worker, {len(three)} by {STAFF[1]}"
    if one == three:
        return Differences(f"{told}: the same, byte for byte", ())
    unlike = sorted(set(one) ^ set(three))
    examples = "; ".join(f"{topic}/{partition} {value.decode()}" for topic, partition, _, _, value in unlike[:4])
    return Differences(
        f"{told}: {len(unlike)} differ", (f"{len(unlike)} records differ between {STAFF} workers: {examples}",)
    )


def rows(records: Iterable[Any], prefix: str) -> list[Row]:
    """`records` by topic, partition and key, those of a key in their order."""
    ranks: dict[tuple[str, int, bytes], int] = {}
    found = []
    for record in sorted(records, key=lambda each: (each.topic, each.partition, each.offset)):
        place = (record.topic.removeprefix(prefix), record.partition, record.key)
        rank = ranks[place] = ranks.get(place, -1) + 1
        found.append((*place, rank, record.value))
    return sorted(found)


def _keyed(record: Any) -> Keyed:
    return Keyed(record.partition, record.key, record.value, list(record.headers), record.timestamp)
