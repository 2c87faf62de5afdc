"""What a person has done about a finding's user: asked for on the finding's page, and written to the governance log."""

import time
from typing import Final

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agents.governing.requests import NOBODY, again, asked_by
from console.archive import actions, findings
from console.archive.database import Database
from console.web.outside import Outside
from console.web.rendering import address
from schemas.finding import Finding
from schemas.governance import WHY_CHARS, Action
from streams.errors import Refused

OFFERED: Final[tuple[Action, ...]] = (
    "require_sign_in", "suspend_user", "notify_user", "revoke_links", "deactivate_egnyte_user", "confirm_compromised",
)  # fmt: skip
"""From what costs the user least; what takes a lock away is asked for as an undo."""


def person_of(found: Finding) -> str:
    """The user whom something can be done to; empty where `found` is about nobody who has an account."""
    user = found.unmapped.user_key.removeprefix(f"{found.unmapped.connector}/")
    return "" if user.partition("-")[0] in NOBODY else user


class Acting:
    """The route `/governance/ask`, for admins as all of governance."""

    def __init__(self, database: Database, outside: Outside) -> None:
        self._database, self._outside = database, outside
        self.routes = [Route("/governance/ask", self._ask, methods=["POST"])]

    async def _ask(self, request: Request) -> Response:
        form, session = request.state.form, request.state.session
        if session is None or self._outside.ask is None:
            raise Refused("this can't be asked here: use egnyte-watch govern")
        said = await anyio.to_thread.run_sync(findings.records, self._database, form.get("finding", ""))
        if not said:
            raise HTTPException(404, "No such finding")
        found, why = said[-1].finding, form.get("why", "").strip()
        action = next((each for each in OFFERED if each == form.get("action")), None)
        if action is None or form.get("sure") != "yes":
            raise Refused("say what is to be done, and tick that you are sure")
        if not person_of(found):
            raise Refused("this finding is about nobody who has an account: there is nobody to act on")
        if len(why) > WHY_CHARS:
            raise Refused(f"the reason has {len(why):,} characters, at most {WHY_CHARS:,} are kept")
        now_ms = time.time_ns() // 1_000_000
        # Named after the finding: it is the same action that a policy asks for, and is done once, whoever asks.
        wish = asked_by(
            session.user, action, person_of(found), found.unmapped.connector, now_ms, why, found.finding_info.uid
        )
        before = actions.standing(await anyio.to_thread.run_sync(actions.records, self._database, wish.uid))
        try:
            wish = wish if before is None else again(before, session.user, now_ms, why)
        except ValueError as error:
            raise Refused(str(error)) from None
        await self._outside.ask([wish])
        return RedirectResponse(address("/governance", [("origin", found.finding_info.uid), ("told", "asked")]), 303)
