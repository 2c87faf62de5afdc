"""Where governance can act: the tenant, the connected Egnyte domains, mail and webhooks. Opened once, for a process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpx

from agents.governing.in_egnyte import InEgnyte
from agents.governing.in_entra import InEntra
from agents.governing.in_mail import InMail
from agents.governing.kinds import Where
from agents.governing.owner import Performer
from agents.governing.rules import Rules
from connectors.egnyte.actions import EgnyteActions
from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.clock import Clock
from connectors.egnyte.quota import Quota
from connectors.egnyte.supervisor import settings_of
from connectors.entra.actions import EntraActions
from connectors.entra.client import GraphClient
from connectors.secrets.vault import Vault
from streams.sections import EgnyteSettings, Settings

PER_MINUTE: Final = 100
"""Calls of one token, unless its settings allow the audit stream more. Egnyte allows 2 a second."""


class Places:
    """What performs, by connector and place."""

    def __init__(self, entra: InEntra | None, mail: InMail, egnyte: dict[str, InEgnyte]) -> None:
        self._entra = entra
        self._mail = mail
        self._egnyte = egnyte

    def performer(self, connector: str, where: Where) -> Performer | None:
        """What performs there; None where nothing is connected."""
        if where == "entra":
            return self._entra
        return self._mail if where == "mail" else self._egnyte.get(connector)


@contextlib.asynccontextmanager
async def open_places(settings: Settings, rules: Callable[[], Rules], clock: Clock) -> AsyncIterator[Places]:
    """Raises ValueError for settings that can't be used, VaultError."""
    async with contextlib.AsyncExitStack() as opened:
        actions: EntraActions | None = None
        if settings.entra.tenant:
            graph = await opened.enter_async_context(GraphClient(settings.entra))
            actions = EntraActions(graph, settings.entra.mailbox)
        egnyte: dict[str, InEgnyte] = {}
        for name, domain in (await asyncio.to_thread(_domains, settings)).items():
            quota = Quota(0, max(PER_MINUTE, domain.max_per_minute))
            api = EgnyteApi(domain.base_url, domain.token, allow_http=domain.allow_http, clock=clock, quota=quota)
            await opened.enter_async_context(api)
            egnyte[name] = InEgnyte(EgnyteActions(api, clock), clock.now_ms)
        http = await opened.enter_async_context(httpx.AsyncClient())
        mail = InMail(actions, http, lambda: rules().notify, clock.now_ms)
        yield Places(InEntra(actions, clock.now_ms) if actions else None, mail, egnyte)


def _domains(settings: Settings) -> dict[str, EgnyteSettings]:
    """The domains of the vault, and the one of the settings where it has a token. Raises VaultError."""
    egnyte, vault = settings.egnyte, Vault(settings.vault)
    found = {egnyte.name: egnyte} if egnyte.name and egnyte.token else {}
    for name in vault.names():
        entry = vault.read(name)
        if entry is not None and not entry.disabled:
            found[name] = settings_of(settings, entry).egnyte
    return found
