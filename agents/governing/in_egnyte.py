"""Performs actions at Egnyte. All of them may be repeated without harm; a link that is gone has been deleted."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

from agents.governing.requests import outcome
from agents.governing.standing import Standing
from connectors.egnyte.actions import EgnyteActions, NothingToSpare
from connectors.egnyte.refusals import Forbidden, NoAnswer, NotFound, RequestRefused, Throttled, Unauthorized
from schemas.governance import DETAIL_CHARS, GovernanceRecord, Reason

MOST_LINKS: Final = 2_000
"""Of one action: at two a second that is 17 minutes. Who has more is named in a warning."""
MORE_LINKS: Final = f"the user may have more than {MOST_LINKS:,} links: ask for it again"
SPARE: Final = (
    "ask for the rest tomorrow, delete it in Egnyte's own pages, or have Egnyte raise the token's daily quota"
)
_REASONS: Final[Mapping[type[NoAnswer], Reason]] = {
    Unauthorized: "login", Forbidden: "forbidden", RequestRefused: "invalid", NotFound: "not_found",
    Throttled: "throttled",
}  # fmt: skip
_ADVICE: Final[Mapping[Reason, str]] = {
    "login": "egnyte-watch rotate gets a new token",
    "forbidden": "the token needs the scopes Egnyte.user and Egnyte.link, and an administrator's account",
    "invalid": "this is a fault of this program or of its settings",
    "throttled": "it is tried again, or ask for it once more",
    "unavailable": "it is tried again, or ask for it once more",
}


class InEgnyte:
    """`deactivate_egnyte_user`, `reactivate_egnyte_user` and `revoke_links`, on every account of a person."""

    def __init__(
        self, actions: Callable[[], EgnyteActions], now_ms: Callable[[], int], look: Callable[[], Awaitable[None]]
    ) -> None:
        """`actions`: by the token in force; raises Unauthorized where there is none. `look`: looks for a newer one."""
        self._current = actions
        self._now_ms = now_ms
        self._look = look

    async def prepare(self, request: GovernanceRecord, standing: Standing) -> GovernanceRecord:
        """See `agents.governing.ports.Performer`. `before` holds the accounts, or the links that are to go."""
        return await self._let_in(lambda: self._prepare(request, standing))

    async def perform(self, started: GovernanceRecord) -> GovernanceRecord:
        """See `agents.governing.ports.Performer`."""
        return await self._let_in(lambda: self._perform(started))

    async def look(self, started: GovernanceRecord) -> GovernanceRecord:
        """See `agents.governing.ports.Performer`."""
        return await self._let_in(lambda: self._look_up(started))

    async def _let_in(self, work: Callable[[], Awaitable[GovernanceRecord]]) -> GovernanceRecord:
        """What `work` gives; tried once more where the token was replaced meanwhile. All of it may be repeated."""
        try:
            before = self._current()
        except Unauthorized:
            return await work()
        done = await work()
        if done.reason != "login":
            return done
        await self._look()
        try:
            replaced = self._current() is not before
        except Unauthorized:
            return done
        return await work() if replaced else done

    async def _prepare(self, request: GovernanceRecord, standing: Standing) -> GovernanceRecord:
        first = request.before if request.attempt else {}  # an attempt before this one may have done it
        before: dict[str, Any] = {}
        missing = False
        warnings = list(request.warnings)
        try:
            for user_id in standing.egnyte_ids:
                try:
                    account = await self._current().account(user_id)
                    if request.action == "revoke_links":
                        links = await self._current().links_of(account.user_name, MOST_LINKS)
                        now: dict[str, Any] = {"links": links}
                        known = first.get(user_id, {"links": []})["links"]
                        before[user_id] = {"links": list(dict.fromkeys([*known, *links]))[:MOST_LINKS]}
                        warnings += [MORE_LINKS] if len(links) == MOST_LINKS else []
                    else:
                        now = {"active": account.active}
                        before[user_id] = first.get(user_id, now)
                    missing = missing or not (
                        _is_done(request.action, now) and _is_done(request.action, before[user_id])
                    )
                except NotFound:
                    continue
        except NoAnswer as error:
            return self._failed(request, error)
        if not before:
            return self._outcome(request, "skipped", reason="not_found", detail="the account is not there (any more)")
        if not missing:
            return self._outcome(request, "skipped", reason="already_done", detail="it was so before", before=before)
        return self._outcome(
            request, "started", attempt=request.attempt + 1, before=before, warnings=tuple(dict.fromkeys(warnings))
        )

    async def _perform(self, started: GovernanceRecord) -> GovernanceRecord:
        done = list(started.items)  # by an attempt that broke off
        try:
            for user_id, before in started.before.items():
                await self._on(started, user_id, cast(Mapping[str, Any], before), done)
        except NoAnswer as error:
            return self._failed(started, error, tuple(done))
        if not done:
            return self._outcome(started, "skipped", reason="not_found", detail="the account is not there any more")
        return self._outcome(started, "succeeded", items=tuple(done))

    async def _look_up(self, started: GovernanceRecord) -> GovernanceRecord:
        done = list(started.items)
        gone = set(done)
        missing = 0
        try:
            for user_id, before in started.before.items():
                try:
                    account = await self._current().account(user_id)
                except NotFound:
                    continue
                if started.action == "revoke_links":
                    there = set(await self._current().links_of(account.user_name, MOST_LINKS))
                    done += [link for link in before["links"] if link not in there and link not in gone]
                    missing += len(there.intersection(before["links"]))
                elif account.active == (started.action == "reactivate_egnyte_user"):
                    done += [user_id] if user_id not in gone else []
                else:
                    missing += 1
        except NoAnswer as error:
            detail = f"it can't be looked up: {error}"
            return self._outcome(started, "uncertain", reason="interrupted", detail=detail, items=tuple(done))
        if done and missing:
            detail = f"{len(done)} of {len(done) + missing} were done"
            return self._outcome(started, "uncertain", reason="interrupted", detail=detail, items=tuple(done))
        return self._outcome(started, "succeeded" if done else "skipped", items=tuple(done))

    async def _on(self, started: GovernanceRecord, user_id: str, before: Mapping[str, Any], done: list[str]) -> None:
        """One account. `done` gets what was done as it goes on, so that it is known wherever this breaks off."""
        if started.action != "revoke_links":
            with contextlib.suppress(NotFound):
                await self._current().set_active(user_id, active=started.action == "reactivate_egnyte_user")
                done += [user_id] if user_id not in done else []
            return
        gone = set(done)
        for link in before["links"]:
            if link not in gone:
                # Not found: deleted by an attempt before this, or by its owner. It is gone.
                with contextlib.suppress(NotFound):
                    await self._current().delete_link(link)
                done.append(link)

    def _failed(self, record: GovernanceRecord, error: NoAnswer, items: tuple[str, ...] = ()) -> GovernanceRecord:
        reason: Reason = "unavailable"
        reason = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), reason)
        return self._outcome(
            record, "failed", reason=reason, detail=str(error), items=items,
            advice=SPARE if isinstance(error, NothingToSpare) else _ADVICE.get(reason, ""),
        )  # fmt: skip

    def _outcome(self, record: GovernanceRecord, state: Any, **facts: Any) -> GovernanceRecord:
        if "detail" in facts:
            facts["detail"] = facts["detail"][:DETAIL_CHARS]
        return outcome(record, state, self._now_ms(), **facts)


def _is_done(action: str, before: Mapping[str, Any]) -> bool:
    """Whether it is as the action would leave it."""
    if action == "revoke_links":
        return not before["links"]
    return bool(before["active"]) == (action == "reactivate_egnyte_user")
