"""Searches of the activity log that people keep under a name: kept and forgotten; the log's own page shows them."""

from typing import Final
from urllib.parse import parse_qsl

import anyio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.archive import searches
from console.archive.database import Database
from console.archive.search import where
from console.archive.searches import Saved
from console.web.api import search_of
from console.web.rendering import address
from console.web.sessions import Session
from streams.errors import Refused

PAGE: Final = "/activities"
MOST_FIELDS: Final = 100
_NOT_KEPT: Final = frozenset({"after", "columns", "limit", "format", "as"})
"""They are of one page, or of programs."""


class SearchesPages:
    """Routes `/searches` and `/searches/forget`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.routes = [
            Route("/searches", self._keep, methods=["POST"]),
            Route("/searches/forget", self._forget, methods=["POST"]),
        ]

    async def _keep(self, request: Request) -> Response:
        form, owner = request.state.form, owner_of(request.state.session)
        target = target_of(form.get("query", ""))
        query = target.partition("?")[2]
        where(search_of(parse_qsl(query)))  # what can't be asked is told now, not when it is wanted
        await anyio.to_thread.run_sync(searches.keep, self._database, owner, Saved(form.get("name", ""), query))
        return RedirectResponse(target, 303)

    async def _forget(self, request: Request) -> Response:
        form, owner = request.state.form, owner_of(request.state.session)
        await anyio.to_thread.run_sync(searches.forget, self._database, owner, form.get("name", ""))
        return RedirectResponse(target_of(form.get("query", "")), 303)


def target_of(query: str) -> str:
    """The page that a kept search leads to: always one of the activity log."""
    try:
        asked = parse_qsl(query, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused(f"a search has at most {MOST_FIELDS} filters") from None
    return address(PAGE, [each for each in asked if each[0] not in _NOT_KEPT])


def owner_of(session: Session | None) -> str:
    """Whose searches they are: by what a provider knows somebody by for good, or else by name. Raises Refused for a
    program."""
    if session is None:
        raise Refused("searches are kept by people who sign in")
    return session.identity or f"local {session.user}"
