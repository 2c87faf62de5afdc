"""The worker process: any set of agents, each an app and a group of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from agents import detect, enrich, govern, networks, profile
from agents.fetch_lists import keep_fetched
from agents.governing.rules import RulesError
from agents.governing.rules_file import RulesFile
from agents.keep_going import keep_going
from agents.policy_alarm import tell_rejections
from agents.policy_reload import PolicyFolder, keep_current
from connectors.places import Places, PlacesError
from connectors.places.fetched import FetchedLists
from detections.policies import PoliciesError
from streams import host
from streams.app import build
from streams.chunk_app import ChunkApp
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.unit import Probe, no_probe

log = structlog.get_logger(__name__)
POLICED = frozenset({detect.NAME, networks.NAME})
"""Agents that judge by policies: their handlers follow `agents.policy_reload`."""
REFRESH_S = 10
"""How often files (databases, lists) are looked at for changes."""


def run(settings: Settings, agents: tuple[str, ...], probe: Probe = no_probe) -> int:
    """Run `agents` until SIGTERM, SIGINT or a failure; returns the exit code. Workers share the partitions among
    them."""
    tasks: list[asyncio.Task[None]] = []
    beside: list[asyncio.Task[None]] = []
    try:
        places = Places(settings.places) if enrich.NAME in agents else None
        policies = PolicyFolder(Path(settings.policies.dir)) if POLICED.intersection(agents) else None
        makers: dict[str, Callable[[], AgentSpec]] = {profile.NAME: lambda: profile.spec(settings)}
        if policies is not None:
            makers[detect.NAME] = lambda: detect.spec(settings, policies.current)
            makers[networks.NAME] = lambda: networks.spec(settings, policies.current)
        if places is not None:
            makers[enrich.NAME] = lambda: enrich.spec(settings, places)
        specs = [makers[name]() for name in agents if name != govern.NAME]
        rules = RulesFile(Path(settings.policies.dir)) if govern.NAME in agents else None
    except (PlacesError, PoliciesError, RulesError) as refusal:
        log.error("the worker can't start", reason=str(refusal))  # noqa: TRY400 - a user's mistake, not a traceback
        return 1

    def keep(what: str, loop: Callable[[], Awaitable[None]]) -> None:
        tasks.append(asyncio.create_task(keep_going(what, loop), name=what))

    def apps() -> Sequence[ChunkApp]:
        if places is not None:
            keep("refresh places", partial(_refresh, places))
            if settings.places.lists_dir:
                keep("fetch lists", partial(keep_fetched, FetchedLists(Path(settings.places.lists_dir))))
        built = [build(settings, spec, probe) for spec in specs]
        if policies is not None:
            keep("reload policies", partial(keep_current, policies, built))
            keep("tell rejections", partial(tell_rejections, settings, policies, built))
        if rules is not None:
            beside.append(asyncio.create_task(govern.serve(settings, rules), name="govern"))
        return built

    return host.run(apps, settings.streams.stop_within_ms, beside)


async def _refresh(places: Places) -> None:
    """Take changed files into use; a broken one is refused, and the old stays."""
    while True:
        await asyncio.sleep(REFRESH_S)
        try:
            changes = await asyncio.to_thread(places.refresh)
        except OSError as error:  # a full disk, say: what is in use stays in use
            log.warning("could not look for changed files", reason=str(error))
            continue
        for changed in changes:
            if changed.ok:
                log.info("reloaded", file=changed.path, what=changed.reason)
            else:
                log.error("not reloaded, the old one stays in use", file=changed.path, reason=changed.reason)
