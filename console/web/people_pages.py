"""The page of a user: thirty days."""

import time
from typing import Final

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.archive import findings, summaries
from console.archive.database import Database
from console.web.drawing import bars, drawing
from console.web.rendering import render
from streams.sections import DAY_MS

DAYS: Final = 30
NAMED: Final = {
    "places": ("Places", ""),
    "networks": ("Networks", "isp"),
    "addresses": ("Addresses", "ip"),
    "clients": ("Clients", "client"),
    "types": ("What was done", "type"),
    "users": ("Who used it", "user_key"),
}
"""Each group with its heading, and the filter that finds the activities of one of its rows."""


class PeoplePages:
    """The route `/user?key=`: keys hold signs that a path can't."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.routes = [Route("/user", self._user)]

    async def _user(self, request: Request) -> Response:
        key = request.query_params.get("key", "")
        until_ms = round(time.time() * 1000) + 1
        span = until_ms - DAYS * DAY_MS, until_ms
        summary = await anyio.to_thread.run_sync(summaries.of_user, self._database, key, *span)
        found = await anyio.to_thread.run_sync(findings.of_user, self._database, key, 0, until_ms)
        if not key or not (summary.activities or found or await self._is_known(key)):
            raise HTTPException(404, "No such user")
        hours = {int(each.value): each.number for each in summary.counts.pop("hours")}
        return render(
            request,
            "summary",
            title=key.partition("/")[2] or key,
            by="user_key",
            value=key,
            summary=summary,
            days=DAYS,
            named=NAMED,
            findings=found,
            most_findings=findings.PAGE,
            map=drawing(summary.spots, "Map of places: " + ", ".join(spot.label for spot in summary.spots)),
            hours=bars([(f"{hour:02}", hours.get(hour, 0)) for hour in range(24)]) if hours else None,
        )

    async def _is_known(self, key: str) -> bool:
        query = "SELECT 1 FROM activities WHERE user_key = ? LIMIT 1"
        return bool(await anyio.to_thread.run_sync(self._database.read, query, (key,)))
