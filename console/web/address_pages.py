"""The page of an address: thirty days of it, what people marked it as, and marking it.

Marks are for admins: they change what is found for all users from then on, and `corporate` and `vpn` keep findings
away.
"""

import time
from typing import Any, Final

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connectors.places.marks import Marked, covering
from console.archive import marks, summaries
from console.archive.database import Database
from console.archive.summaries import Summary
from console.marking import Marking
from console.web.drawing import drawing
from console.web.people_pages import DAYS, NAMED
from console.web.rendering import address, render
from schemas.mark import CATEGORIES, WHY_CHARS, Category, Mark
from schemas.verdict import BY_CHARS
from streams.errors import Refused
from streams.sections import DAY_MS

TOLD: Final = {"set": "The mark is set", "removed": "The mark is taken away"}


class AddressPages:
    """Routes `/ip?ip=` and `/ip/mark`. `marking`: None where there is no folder to write marks to."""

    def __init__(self, database: Database, marking: Marking | None) -> None:
        self._database, self._marking = database, marking
        self.routes = [Route("/ip", self._look, methods=["GET"]), Route("/ip/mark", self._mark, methods=["POST"])]

    async def _look(self, request: Request) -> Response:
        ip = request.query_params.get("ip", "")
        until_ms = round(time.time() * 1000) + 1
        summary = await anyio.to_thread.run_sync(
            summaries.of_address, self._database, ip, until_ms - DAYS * DAY_MS, until_ms
        )
        held, trouble = await anyio.to_thread.run_sync(self._held, ip)
        if not ip or not (summary.activities or held or await self._is_known(ip)):
            raise HTTPException(404, "No such address")
        network = str(summary.facts.get("prefix", ""))
        blocks = {each for each in (ip, network, *(mark.block for mark in held)) if each}
        return render(
            request,
            "address",
            title=ip,
            by="ip",
            value=ip,
            summary=summary,
            days=DAYS,
            named=NAMED,
            findings=None,
            map=drawing(summary.spots, "Map of where the address is"),
            hours=None,
            can_mark=self._marking is not None,
            trouble=trouble,
            marks=held,
            said=await anyio.to_thread.run_sync(marks.said, self._database, blocks),
            network=network,
            categories=CATEGORIES,
            why_chars=WHY_CHARS,
            listed=_listed(summary, held),
            told=TOLD.get(request.query_params.get("told", ""), ""),
        )

    def _held(self, ip: str) -> tuple[list[Marked], str]:
        """Marks that hold for it, and why they are not known, where that is so."""
        try:
            return covering(self._marking.marks(), ip) if self._marking is not None else [], ""
        except Refused as error:
            return [], str(error)

    async def _is_known(self, ip: str) -> bool:
        query = "SELECT 1 FROM activities WHERE ip = ? LIMIT 1"
        return bool(await anyio.to_thread.run_sync(self._database.read, query, (ip,)))

    async def _mark(self, request: Request) -> Response:
        form, session = request.state.form, request.state.session
        if session is None or self._marking is None:
            raise Refused("this console can't mark addresses: use egnyte-watch networks import")
        mark = _meant(form, session.user)
        if not mark.category and mark.block not in {each.block for each in self._marking.marks()}:
            raise Refused(f"{mark.block} is not marked (any more)")
        await self._marking.say(mark, time.time_ns() // 1_000_000)
        told = "set" if mark.category else "removed"
        return RedirectResponse(address("/ip", [("ip", form.get("ip", "")), ("told", told)]), 303)


def _meant(form: dict[str, str], user: str) -> Mark:
    """What the form says. Raises Refused."""
    choice, why = form.get("category", ""), form.get("why", "").strip()
    category: Category | None = next((each for each in CATEGORIES if each == choice), None)
    if form.get("sure") != "yes":
        raise Refused("tick that you are sure: a mark changes what is found for all users")
    if category is None and choice != "none":
        raise Refused(f"{choice[:40]!r} is no category: expected one of {', '.join(CATEGORIES)}, or none")
    if len(why) > WHY_CHARS:
        raise Refused(f"the reason has {len(why):,} characters, at most {WHY_CHARS:,} are kept")
    return Mark(block=form.get("block", ""), category=category or "", by=user[:BY_CHARS], why=why)


def _listed(summary: Summary, held: list[Marked]) -> Any:
    """What other lists say of it, as its latest activity was stamped."""
    return "" if held else summary.facts.get("ip_category", "")
