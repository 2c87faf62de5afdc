"""Performs actions in Entra ID. What a process that ended may have done is looked up, and only what is missing is done.

`prepare` looks before anything is done, so that `started` says what was before; `perform` acts on what was started,
whether by this process or by one that has ended since.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from agents.governing.requests import outcome
from agents.governing.standing import Standing
from connectors.entra.actions import AccountState, EntraActions
from connectors.entra.outcomes import Failure, NotFound, Outcome, Refused, Succeeded, Throttled, Uncertain
from schemas.governance import DETAIL_CHARS, GovernanceRecord, Reason

SESSIONS_GO_ON: Final = "the account is disabled, but its sessions could not be revoked"
LOOKED_UP: Final = "no answer came: a look at the account told that it was done"
_YES: Final = "yes"


class InEntra:
    """`require_sign_in`, `suspend_user`, `unsuspend_user` and `confirm_compromised`, on every account of a person."""

    def __init__(self, actions: EntraActions, now_ms: Callable[[], int]) -> None:
        self._actions = actions
        self._now_ms = now_ms

    async def prepare(self, request: GovernanceRecord, standing: Standing) -> GovernanceRecord:
        """`request` as `started`, to be written before `perform`; or its outcome, where there is nothing to do or no
        way to look.
        """
        first = request.before if request.attempt else {}  # an attempt before this one may have done it
        before: dict[str, Any] = {}
        missing = False
        for user_id in standing.entra_ids:
            account = await self._actions.account(user_id)
            if isinstance(account, AccountState):
                now = {"enabled": account.enabled, "sessions_from_ms": account.sessions_from_ms}
                before[user_id] = first.get(user_id, now)
                missing = missing or not (_is_done(request.action, now) and _is_done(request.action, before[user_id]))
            elif not isinstance(account, NotFound):
                return self._failed(request, account)
        if not before:
            return self._outcome(request, "skipped", reason="not_found", detail="the account is not there (any more)")
        if not missing:
            return self._outcome(request, "skipped", reason="already_done", detail="it was so before", before=before)
        arguments = request.arguments | ({"privileged": _YES} if standing.privileged else {})
        return self._outcome(request, "started", attempt=request.attempt + 1, before=before, arguments=arguments)

    async def perform(self, started: GovernanceRecord) -> GovernanceRecord:
        """The outcome of what was `started`. From the second attempt on it may have happened: a look tells."""
        done: list[str] = []
        told: list[str] = []
        warnings = list(started.warnings)
        for user_id, before in started.before.items():
            result = await self._on(started, user_id, cast(Mapping[str, Any], before), warnings)
            if isinstance(result, Succeeded):
                done.append(user_id)
                told += [LOOKED_UP] if result.looked_up else []
            elif not isinstance(result, NotFound):
                return self._failed(started, result, items=tuple(done))
        if not done:
            return self._outcome(started, "skipped", reason="not_found", detail="the account is not there any more")
        return self._outcome(
            started, "succeeded", detail="; ".join(dict.fromkeys(told)), items=tuple(done), warnings=tuple(warnings)
        )

    async def look(self, started: GovernanceRecord) -> GovernanceRecord:
        """See `agents.governing.ports.Performer`."""
        done: list[str] = []
        missing = 0
        warnings = list(started.warnings)
        for user_id, before in started.before.items():
            happened = await self._happened(started.action, user_id, cast(Mapping[str, Any], before), warnings)
            if isinstance(happened, bool):
                done += [user_id] if happened else []
                missing += not happened
            elif not isinstance(happened, NotFound):
                detail = f"it can't be looked up: {happened.message}"
                return self._outcome(started, "uncertain", reason="interrupted", detail=detail, items=done)
        if done and missing:
            detail = f"it was done to {len(done)} of {len(done) + missing} accounts"
            return self._outcome(started, "uncertain", reason="interrupted", detail=detail, items=done)
        if done:
            return self._outcome(started, "succeeded", detail=LOOKED_UP, items=done, warnings=tuple(warnings))
        return self._outcome(started, "skipped")

    async def _happened(
        self, action: str, user_id: str, before: Mapping[str, Any], warnings: list[str]
    ) -> bool | Failure:
        """Whether the account is as the action would leave it."""
        if action == "confirm_compromised":
            return await self._actions.is_compromised(user_id)
        account = await self._actions.account(user_id)
        if not isinstance(account, AccountState):
            return account
        revoked = bool(account.sessions_from_ms != before["sessions_from_ms"])
        if action == "require_sign_in":
            return revoked
        if action == "suspend_user" and not account.enabled and not revoked:
            warnings.append(SESSIONS_GO_ON)
        return account.enabled == (action == "unsuspend_user")

    async def _on(
        self, started: GovernanceRecord, user_id: str, before: Mapping[str, Any], warnings: list[str]
    ) -> Outcome:
        """One account."""
        actions, privileged = self._actions, started.arguments.get("privileged") == _YES
        account: AccountState | None = None
        if started.attempt > 1:
            looked = await actions.account(user_id)
            if not isinstance(looked, AccountState):
                return looked
            account = looked
        if started.action == "confirm_compromised":
            if account is not None and (known := await actions.is_compromised(user_id)) is not False:
                return Succeeded(looked_up=True) if known is True else known
            return await actions.confirm_compromised(user_id)
        if started.action == "unsuspend_user":
            if account is not None and account.enabled:
                return Succeeded(looked_up=True)
            return await actions.enable(user_id, privileged=privileged)
        if started.action == "require_sign_in":
            return await self._revoke(user_id, before, account)
        disabled: Outcome = Succeeded(looked_up=True)
        if account is None or account.enabled:
            disabled = await actions.disable(user_id, privileged=privileged)
        if not isinstance(disabled, Succeeded):
            return disabled
        revoked = await self._revoke(user_id, before, account)
        if not isinstance(revoked, Succeeded):
            warnings.append(f"{SESSIONS_GO_ON}: {revoked.message}"[:DETAIL_CHARS])
        return disabled

    async def _revoke(self, user_id: str, before: Mapping[str, Any], account: AccountState | None) -> Outcome:
        if account is not None and account.sessions_from_ms != before["sessions_from_ms"]:
            return Succeeded(looked_up=True)
        return await self._actions.revoke_sign_in_sessions(user_id, before["sessions_from_ms"])

    def _failed(
        self, record: GovernanceRecord, failure: Failure | Uncertain, items: tuple[str, ...] = ()
    ) -> GovernanceRecord:
        """What may have been done although nobody could tell is tried again as well: the next attempt looks first."""
        reason: Reason = "unavailable"
        advice = "it is tried again, or ask for it once more"
        if isinstance(failure, Refused):
            reason, advice = failure.reason, failure.advice
        elif isinstance(failure, NotFound):
            reason, advice = "not_found", ""
        elif isinstance(failure, Throttled):
            reason = "throttled"
        return self._outcome(record, "failed", reason=reason, detail=failure.message, advice=advice, items=items)

    def _outcome(self, record: GovernanceRecord, state: Any, **facts: Any) -> GovernanceRecord:
        if "detail" in facts:
            facts["detail"] = facts["detail"][:DETAIL_CHARS]
        if "items" in facts:
            facts["items"] = tuple(facts["items"])
        return outcome(record, state, self._now_ms(), **facts)


def _is_done(action: str, before: Mapping[str, Any]) -> bool:
    """Whether the account is as the action would leave it. Sessions are revoked anew for each finding."""
    return (action == "suspend_user" and not before["enabled"]) or (action == "unsuspend_user" and before["enabled"])
