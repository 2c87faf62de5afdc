"""Egnyte's connected domains, as vault and settings have them now: new domains and new tokens are taken up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import structlog

from agents.governing.in_egnyte import InEgnyte
from connectors.egnyte.actions import EgnyteActions
from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.clock import Clock
from connectors.egnyte.quota import Quota
from connectors.egnyte.refusals import Unauthorized
from connectors.egnyte.supervisor import LOOK_S, Wanted, Wishes
from connectors.secrets.vault import Vault
from streams.sections import Settings

log = structlog.get_logger(__name__)
PER_MINUTE: Final = 100
"""Calls of one token, unless its settings allow the audit stream more. Egnyte allows 2 a second."""
RETIRED_S: Final = 120.0
"""A connection that was replaced is kept for so long: no request that is under way by it takes longer."""


class _Domain:
    """One domain, by the token of `wanted`."""

    def __init__(self, wanted: Wanted, clock: Clock) -> None:
        """Raises ValueError for an address or a token that can't be used."""
        egnyte = wanted.settings.egnyte
        quota = Quota(0, max(PER_MINUTE, egnyte.max_per_minute))
        self.wanted = wanted
        self.api = EgnyteApi(egnyte.base_url, egnyte.token, allow_http=egnyte.allow_http, clock=clock, quota=quota)
        self.actions = EgnyteActions(self.api, clock)


class Domains:
    """What performs at Egnyte, by connector. `opened` opens and closes it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._wishes = Wishes(settings, Vault(settings.vault))
        self._refused: dict[str, Wanted] = {}
        self._domains: dict[str, _Domain] = {}
        self._retired: list[tuple[float, EgnyteApi]] = []
        self._looking = asyncio.Lock()

    def performer(self, connector: str) -> InEgnyte | None:
        """What performs at the domain of `connector`; None where none is connected."""
        if connector not in self._domains:
            return None
        return InEgnyte(lambda: self._actions(connector), self._clock.now_ms, self.look)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator["Domains"]:
        """Open while the context lasts."""
        try:
            await self.look()
            yield self
        finally:
            for api in [*(domain.api for domain in self._domains.values()), *(api for _, api in self._retired)]:
                await api.__aexit__(None, None, None)

    async def follow(self) -> None:
        """Looks for changes, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Takes up what vault and settings have now."""
        async with self._looking:
            wanted = await asyncio.to_thread(self._wishes.look)
            wanted = {name: each for name, each in wanted.items() if each.settings.egnyte.token}
            for name in self._domains.keys() - wanted.keys():
                log.info("a domain is no longer connected", connector=name)
                self._retire(self._domains.pop(name))
            for name, each in wanted.items():
                await self._take_up(name, each)
            await self._close_retired()

    async def _take_up(self, name: str, wanted: Wanted) -> None:
        before = self._domains.get(name)
        if wanted in (before.wanted if before else None, self._refused.get(name)):
            return
        try:
            domain = _Domain(wanted, self._clock)
        except ValueError as error:
            self._refused[name] = wanted
            log.error("a domain can't be acted on", connector=name, reason=str(error))  # noqa: TRY400 - a user's mistake
            return
        self._domains[name] = domain
        if before is not None:
            self._retire(before)
        log.info("acting on a domain", connector=name, new_token=before is not None)

    def _actions(self, connector: str) -> EgnyteActions:
        if connector not in self._domains:
            raise Unauthorized(f"{connector} is no longer connected")
        return self._domains[connector].actions

    def _retire(self, domain: _Domain) -> None:
        self._retired.append((asyncio.get_running_loop().time(), domain.api))

    async def _close_retired(self) -> None:
        now_s = asyncio.get_running_loop().time()
        while self._retired and now_s - self._retired[0][0] > RETIRED_S:
            await self._retired.pop(0)[1].__aexit__(None, None, None)
