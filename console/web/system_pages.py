"""What stands behind the findings: policies in force, connectors, and what was done: governance."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agents.governing.kinds import KINDS
from agents.governing.requests import again, is_held, undo
from console.archive import actions, findings
from console.archive.database import Database
from console.commands.status import lines_of
from console.web.outside import Outside
from console.web.rendering import address, render
from schemas.governance import WHY_CHARS, GovernanceRecord
from streams.errors import Refused

_MADE: Final[Mapping[str, Callable[[GovernanceRecord, str, int, str], GovernanceRecord]]] = {
    "undo": undo,
    "retry": again,
}
MAX_PAGES: Final = 10_000


class SystemPages:
    """Routes `/policies`, `/connectors`, `/governance`."""

    def __init__(self, database: Database, outside: Outside) -> None:
        self._database, self._outside = database, outside
        self.routes = [
            Route("/policies", self._policies),
            Route("/policies/{id}", self._policy),
            Route("/connectors", self._connectors),
            Route("/governance", self._governance),
            Route("/governance/{uid}", self._action, methods=["GET"]),
            Route("/governance/{uid}/ask", self._ask, methods=["POST"]),
        ]

    async def _policies(self, request: Request) -> Response:
        rows = await anyio.to_thread.run_sync(self._outside.policies)
        hits = {each["policy"]: each for each in await anyio.to_thread.run_sync(findings.policies, self._database)}
        known = {row.id for row in rows}
        tried = await anyio.to_thread.run_sync(self._outside.backtest)
        return render(
            request,
            "policies",
            rows=rows,
            hits=hits,
            gone=[each for name, each in hits.items() if name not in known],
            tried=tried,
            compared={each.policy: each for each in tried.report.policies} if tried is not None else {},
        )

    async def _policy(self, request: Request) -> Response:
        name = request.path_params["id"]
        about = await anyio.to_thread.run_sync(self._outside.about, name)
        if about is None:
            raise HTTPException(404, "No such policy")
        hits = {each["policy"]: each for each in await anyio.to_thread.run_sync(findings.policies, self._database)}
        tried = await anyio.to_thread.run_sync(self._outside.backtest)
        compared = {each.policy: each for each in tried.report.policies} if tried is not None else {}
        return render(request, "policy", about=about, hit=hits.get(name), compared=compared.get(name))

    async def _connectors(self, request: Request) -> Response:
        found = await self._outside.connectors()
        return render(request, "connectors", connectors=[(each, lines_of(each)) for each in found])

    async def _governance(self, request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in ("origin", "user_key")}
        number = request.query_params.get("page", "0")
        if not number.isdecimal() or int(number) > MAX_PAGES:
            raise Refused(f"page is {number[:20]!r}: expected a whole number up to {MAX_PAGES:,}")
        skip = int(number) * actions.PAGE
        rows = await anyio.to_thread.run_sync(
            lambda: actions.latest(self._database, **asked, limit=actions.PAGE + 1, skip=skip)
        )
        more = len(rows) > actions.PAGE
        following = address("/governance", [*asked.items(), ("page", int(number) + 1)]) if more else ""
        return render(
            request,
            "governance",
            rows=rows[: actions.PAGE],
            about=[each for each in asked.values() if each],
            told=request.query_params.get("told", ""),
            following=following,
        )

    async def _records(self, request: Request) -> tuple[list[GovernanceRecord], GovernanceRecord]:
        said = await anyio.to_thread.run_sync(actions.records, self._database, request.path_params["uid"])
        stands = actions.standing(said)
        if stands is None:
            raise HTTPException(404, "No such action")
        return said, stands

    async def _action(self, request: Request) -> Response:
        said, stands = await self._records(request)
        may_undo = stands.state in ("succeeded", "uncertain") and KINDS[stands.action].undone_by is not None
        may_retry = stands.state in ("failed", "skipped", "uncertain") or is_held(stands)
        return render(
            request,
            "action",
            stands=stands,
            records=said,
            ways=[way for way, may in (("undo", may_undo), ("retry", may_retry)) if may],
            can_ask=self._outside.ask is not None,
            why_chars=WHY_CHARS,
            told=request.query_params.get("told", ""),
        )

    async def _ask(self, request: Request) -> Response:
        _, stands = await self._records(request)
        form, session = request.state.form, request.state.session
        made, why = _MADE.get(form.get("way", "")), form.get("why", "").strip()
        if session is None or self._outside.ask is None:
            raise Refused("this can't be asked here: use egnyte-watch govern")
        if made is None or form.get("sure") != "yes":
            raise Refused("say what is to be done, undo or retry, and tick that you are sure")
        if len(why) > WHY_CHARS:
            raise Refused(f"the reason has {len(why):,} characters, at most {WHY_CHARS:,} are kept")
        try:
            asked = made(stands, session.user, time.time_ns() // 1_000_000, why)
        except ValueError as error:
            raise Refused(str(error)) from None
        await self._outside.ask([asked])
        return RedirectResponse(address(f"/governance/{stands.uid}", [("told", form["way"])]), 303)
