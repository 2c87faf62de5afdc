"""The first page: what is open, how it goes, and whether all that happened has come in."""

import time
from datetime import UTC, datetime

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.archive import findings
from console.archive.database import Database
from console.archive.follower import Follower
from console.web.drawing import bars
from console.web.rendering import SEVERITIES, render
from console.web.standings import Standings


class Overview:
    """The route `/`."""

    def __init__(self, database: Database, follower: Follower, standings: Standings) -> None:
        self._database, self._follower, self._standings = database, follower, standings
        self.routes = [Route("/", self._look)]

    async def _look(self, request: Request) -> Response:
        now_ms = round(time.time() * 1000)
        heard = await self._standings.latest()
        run = anyio.to_thread.run_sync
        by_severity = await run(findings.open_by_severity, self._database)
        days = await run(findings.raised_by_day, self._database, now_ms)
        users = await run(findings.top_users, self._database)
        latest, _ = await run(findings.search, self._database, findings.FindingSearch(kind="alert", state="open"), 10)
        held = await run(self._database.read, "SELECT count(*), min(time_ms), max(time_ms) FROM activities")
        return render(
            request,
            "overview",
            by_severity=[(each, by_severity.get(each, 0)) for each in sorted(SEVERITIES, reverse=True)],
            trend=bars([(datetime.fromtimestamp(day / 1000, UTC).strftime("%d"), number) for day, number in days]),
            raised=sum(number for _, number in days),
            users=users,
            latest=latest,
            held=held[0],
            follower=self._follower,
            heard=heard,
        )
