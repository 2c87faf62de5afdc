"""Where governance can act: the tenant, the connected Egnyte domains, mail and webhooks. Opened once, for a process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import httpx

from agents.governing.domains import Domains
from agents.governing.in_entra import InEntra
from agents.governing.in_mail import InMail
from agents.governing.kinds import Where
from agents.governing.ports import Performer
from agents.governing.rules import Rules
from connectors.egnyte.clock import Clock
from connectors.entra.actions import EntraActions
from connectors.entra.client import GraphClient
from streams.sections import Settings


class Places:
    """What performs, by connector and place."""

    def __init__(self, entra: InEntra | None, mail: InMail, domains: Domains) -> None:
        self._entra = entra
        self._mail = mail
        self._domains = domains

    def performer(self, connector: str, where: Where) -> Performer | None:
        """What performs there; None where nothing is connected."""
        if where == "entra":
            return self._entra
        return self._mail if where == "mail" else self._domains.performer(connector)


@contextlib.asynccontextmanager
async def open_places(settings: Settings, rules: Callable[[], Rules], clock: Clock) -> AsyncIterator[Places]:
    """Raises ValueError for settings that can't be used."""
    async with contextlib.AsyncExitStack() as opened:
        actions: EntraActions | None = None
        if settings.entra.tenant:
            graph = await opened.enter_async_context(GraphClient(settings.entra))
            actions = EntraActions(graph, settings.entra.mailbox)
        domains = await opened.enter_async_context(Domains(settings, clock).opened())
        following = asyncio.create_task(domains.follow(), name="follow connected domains")
        opened.callback(following.cancel)
        http = await opened.enter_async_context(httpx.AsyncClient())
        mail = InMail(actions, http, lambda: rules().notify, clock.now_ms)
        yield Places(InEntra(actions, clock.now_ms) if actions else None, mail, domains)
