"""What the console reaches beyond its archive: where verdicts and requests go, how connectors and policies stand."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from connectors.egnyte.standing import Report
from console import governing, verdicts
from console.backtests import Kept, last
from console.commands.policies import Row, has_directory, rows_of
from console.commands.status import read_statuses, reports_of
from console.events import Published
from console.learned import Learned, learned
from console.marking import Marking, marking_of
from console.policy_about import About, about
from schemas.governance import GovernanceRecord
from schemas.verdict import Verdict
from streams.errors import Refused
from streams.sections import Settings

LOOKS: Final = 2
"""Looks into what was learned at a time: each may read much from the broker."""


async def _only_shows(_: object) -> Published:
    raise Refused("this console only shows: nothing was written")


def _nothing_about(_: str) -> About | None:
    return None


def _no_backtest() -> Kept | None:
    return None


async def _nothing_learned(_: str) -> Learned:
    return Learned()


async def _no_connectors() -> list[Report]:
    return []


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """`publish`: writes a verdict to where workers read it. `ask`: writes requests of governance; None where this
    console can't. `connectors`: how they fare. `policies`: those in force; `about`: one of them. `backtest`: the last
    one. `learned`: what detection knows of a user. `marking`: sets marks of addresses; None where there is no folder
    for them. Each may raise Refused and Kafka's errors.
    """

    publish: Callable[[Verdict], Awaitable[Published]] = _only_shows
    ask: Callable[[Sequence[GovernanceRecord]], Awaitable[None]] | None = None
    connectors: Callable[[], Awaitable[list[Report]]] = _no_connectors
    policies: Callable[[], list[Row]] = list
    about: Callable[[str], About | None] = _nothing_about
    backtest: Callable[[], Kept | None] = _no_backtest
    learned: Callable[[str], Awaitable[Learned]] = _nothing_learned
    marking: Marking | None = None


def outside_of(settings: Settings) -> Outside:
    """The broker, the vault and the policies' folder of `settings`."""
    one_by_one = asyncio.Semaphore(LOOKS)

    async def publish(verdict: Verdict) -> Published:
        return await verdicts.publish(settings, verdict)

    async def ask(requests: Sequence[GovernanceRecord]) -> None:
        await governing.ask(settings, requests)

    async def connectors() -> list[Report]:
        async with asyncio.timeout(settings.console.deadline_ms / 1000):
            records = await read_statuses(settings)
        return await asyncio.to_thread(reports_of, settings, records, round(time.time() * 1000))

    async def learnt(user_key: str) -> Learned:
        async with asyncio.timeout(settings.console.deadline_ms / 1000), one_by_one:
            return await learned(settings, user_key)

    def policies() -> list[Row]:
        return rows_of(Path(settings.policies.dir), directory=has_directory(settings))

    return Outside(
        publish=publish,
        ask=ask,
        connectors=connectors,
        policies=policies,
        about=lambda name: about(Path(settings.policies.dir), name),
        backtest=lambda: last(settings),
        learned=learnt,
        marking=marking_of(settings),
    )
