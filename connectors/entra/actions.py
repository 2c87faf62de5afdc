"""Stops accounts in Entra ID, and tells people: each action one coroutine with a typed outcome.

What may have happened without an answer is looked up before it is repeated, where it can be looked up. A mail can't: it
is never repeated here.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import msgspec

from connectors.entra.accounts import time_ms
from connectors.entra.client import GraphClient
from connectors.entra.outcomes import Failure, Outcome, Reason, Refused, Succeeded, Unavailable, Uncertain, outcome_of
from connectors.entra.outcomes import NotFound as Missing
from connectors.entra.refusals import NoAnswer, NotFound

WITHIN_S: Final = 60.0
"""Of one action, its retries included: whoever waits for longer is better told, and tries again later."""
RISK_EVERY_S: Final = 1.1
"""Identity protection takes one request a second of a tenant, from all its apps, and does not say how long to wait."""
MAILS_AT_ONCE: Final = 4
"""For each app and mailbox."""
MARK: Final = "x-egnyte-watch-action"
"""Header of each mail: the action's uid, by which doubles are told."""
ACCOUNT: Final = ("id", "userPrincipalName", "mail", "displayName", "userType", "accountEnabled",
                  "onPremisesSyncEnabled", "signInSessionsValidFromDateTime")  # fmt: skip
RISKY: Final = "/identityProtection/riskyUsers"

_ADVICE: Final[dict[str, str]] = {
    "look up": "grant the app User.Read.All",
    "disable": "grant the app User.EnableDisableAccount.All and User.Read.All",
    "revoke": "grant the app User.RevokeSessions.All",
    "confirm": "grant the app IdentityRiskyUser.ReadWrite.All; it takes Entra ID P2",
    "mail": "grant the app Mail.Send, and let its application access policy include entra.mailbox",
}
_PRIVILEGED: Final = (
    "the user holds an administrator's role: assign the app itself Privileged Authentication Administrator, or act by "
    "hand"
)


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stands. `sessions_from_ms`: sessions from before are of no use (ms since the epoch, UTC; 0: not
    told).
    """

    id: str
    upn: str
    mail: str
    name: str
    enabled: bool
    guest: bool
    synced: bool
    sessions_from_ms: int


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A message. `html`: sent where it is given, else `text`. `mark`: the action's uid."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""
    cc: tuple[str, ...] = ()
    mark: str = ""


class _User(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    user_principal_name: str | None = None
    mail: str | None = None
    display_name: str | None = None
    user_type: str | None = None
    account_enabled: bool | None = None
    on_premises_sync_enabled: bool | None = None
    sign_in_sessions_valid_from_date_time: str | None = None


class _Risk(msgspec.Struct, frozen=True, rename="camel"):
    risk_state: str = ""


class EntraActions:
    """What can be done in one tenant. Calls for different users may run side by side; users are named by object id, or
    by user principal name.
    """

    def __init__(self, client: GraphClient, mailbox: str = "", *, within_s: float = WITHIN_S) -> None:
        self._client = client
        self._mailbox = mailbox
        self._within_s = within_s
        self._sending = asyncio.Semaphore(MAILS_AT_ONCE)
        self._risk = asyncio.Lock()
        self._risk_from_ms = 0

    async def account(self, user: str) -> AccountState | Failure:
        """How an account stands now."""
        try:
            return await self._account(user)
        except NoAnswer as error:
            return _failure(error, _ADVICE["look up"])

    async def manager(self, user: str) -> str | Failure:
        """The address of the user's manager; empty for somebody who has none, or one without a mailbox."""
        try:
            found = await self._client.get(
                f"{_path(user)}/manager", _User, params={"$select": "id,mail"}, within_s=self._within_s
            )
        except NotFound:
            return ""
        except NoAnswer as error:
            return _failure(error, _ADVICE["look up"])
        return found.mail or ""

    async def disable(self, user: str, *, privileged: bool = False) -> Outcome:
        """Nobody can sign in with the account any more. `privileged`: the user holds an administrator's role."""
        return await self._enable(user, enabled=False, privileged=privileged)

    async def enable(self, user: str, *, privileged: bool = False) -> Outcome:
        """The account can be used again."""
        return await self._enable(user, enabled=True, privileged=privileged)

    async def revoke_sign_in_sessions(self, user: str, before_ms: int | None = None) -> Outcome:
        """The user has to sign in again, everywhere. `before_ms`: the account's `sessions_from_ms` before, by which a
        revocation that gave no answer is recognised; without it that is repeated, which does no harm.
        """

        async def happened() -> bool:
            return (await self._account(user)).sessions_from_ms != before_ms

        return await self._perform(
            lambda: self._client.send("POST", f"{_path(user)}/revokeSignInSessions"),
            advice=_ADVICE["revoke"], happened=happened, harmless=before_ms is None,
        )  # fmt: skip

    async def confirm_compromised(self, user_id: str) -> Outcome:
        """The user's risk is high from now on, and Conditional Access acts on it. Takes the object id."""

        async def confirm() -> bytes:
            async with self._risk_turn():
                return await self._client.send("POST", f"{RISKY}/confirmCompromised", json={"userIds": [user_id]})

        return await self._perform(confirm, advice=_ADVICE["confirm"], happened=lambda: self._is_compromised(user_id))

    async def is_compromised(self, user_id: str) -> bool | Failure:
        """Whether the user is confirmed as compromised. Takes the object id."""
        patience = self._client.patience(self._within_s)
        while True:
            try:
                return await self._is_compromised(user_id)
            except NoAnswer as error:
                try:
                    await patience.pause(error)
                except NoAnswer:
                    return _failure(error, _ADVICE["confirm"])

    async def notify(self, mail: Mail) -> Outcome:
        """Sends a mail in the name of the mailbox; Uncertain where it may have gone out, and is not sent again."""
        if not self._mailbox:
            return Refused(
                "mailbox", "", "no mailbox to send from is set", "set entra.mailbox to a user with a mailbox"
            )

        async def send() -> bytes:
            async with self._sending:
                return await self._client.send("POST", f"{_path(self._mailbox)}/sendMail", json=_message(mail))

        outcome = await self._perform(send, advice=_ADVICE["mail"], reason="mailbox")
        if isinstance(outcome, Missing):  # it is the sender who is missing, or has no mailbox
            return Refused(
                "mailbox", "", outcome.message, f"set entra.mailbox to a user with a mailbox: {self._mailbox!r}"
            )
        return outcome

    async def _enable(self, user: str, *, enabled: bool, privileged: bool) -> Outcome:
        async def happened() -> bool:
            return (await self._account(user)).enabled is enabled

        return await self._perform(
            lambda: self._client.send("PATCH", _path(user), json={"accountEnabled": enabled}),
            advice=_PRIVILEGED if privileged else _ADVICE["disable"],
            reason="privileged" if privileged else "forbidden", happened=happened,
        )  # fmt: skip

    async def _is_compromised(self, user_id: str) -> bool:
        """Raises a NoAnswer."""
        try:
            async with self._risk_turn():
                body = await self._client.send("GET", f"{RISKY}/{_name(user_id)}")
        except NotFound:
            return False
        return self._client.decoded(body, _Risk).risk_state == "confirmedCompromised"

    async def _account(self, user: str) -> AccountState:
        """Raises a NoAnswer."""
        found = await self._client.get(
            _path(user), _User, params={"$select": ",".join(ACCOUNT)}, within_s=self._within_s
        )
        return AccountState(
            id=found.id,
            upn=found.user_principal_name or "",
            mail=found.mail or "",
            name=found.display_name or "",
            enabled=found.account_enabled is not False,
            guest=(found.user_type or "").lower() == "guest",
            synced=bool(found.on_premises_sync_enabled),
            sessions_from_ms=time_ms(found.sign_in_sessions_valid_from_date_time or ""),
        )

    async def _perform(
        self,
        attempt: Callable[[], Awaitable[bytes]],
        *,
        advice: str,
        reason: Reason = "forbidden",
        happened: Callable[[], Awaitable[bool]] | None = None,
        harmless: bool = False,
    ) -> Outcome:
        """Tries until it is done or can't be, within `within_s`. `happened`: looks up whether it is done. `harmless`:
        doing it twice is as good as once.
        """
        patience = self._client.patience(self._within_s)
        while True:
            try:
                await attempt()
                return Succeeded(patience.tries)
            except NoAnswer as error:
                last = error
            if last.may_have_happened and not harmless:
                if happened is None:
                    return Uncertain(str(last))
                try:
                    if await happened():
                        return Succeeded(patience.tries, looked_up=True)
                except NoAnswer as blind:
                    return Uncertain(f"{last}; and it can't be looked up: {blind}")
                last.may_have_happened = False
            try:
                await patience.pause(last)
            except NoAnswer:
                return outcome_of(last, advice=advice, reason=reason)

    @contextlib.asynccontextmanager
    async def _risk_turn(self) -> AsyncIterator[None]:
        """One request of identity protection at a time, each a while after the one before was answered."""
        clock = self._client.clock
        async with self._risk:
            if (wait_ms := self._risk_from_ms - clock.now_ms()) > 0:
                await clock.sleep(min(wait_ms / 1_000, RISK_EVERY_S))
            try:
                yield
            finally:
                self._risk_from_ms = clock.now_ms() + round(RISK_EVERY_S * 1_000)


def _failure(error: NoAnswer, advice: str) -> Failure:
    """The outcome of a look that failed: whatever became of it, nothing was done."""
    outcome = outcome_of(error, advice=advice)
    return Unavailable(outcome.message) if isinstance(outcome, Uncertain) else outcome


def _message(mail: Mail) -> dict[str, Any]:
    message: dict[str, Any] = {
        "subject": " ".join(mail.subject.split()),
        "body": {"contentType": "HTML" if mail.html else "Text", "content": mail.html or mail.text},
        "toRecipients": [{"emailAddress": {"address": address}} for address in mail.to],
        "ccRecipients": [{"emailAddress": {"address": address}} for address in mail.cc],
    }
    if mail.mark:
        message["internetMessageHeaders"] = [{"name": MARK, "value": mail.mark}]
    return {"message": message, "saveToSentItems": False}


def _path(user: str) -> str:
    return f"/users/{_name(user)}"


def _name(user: str) -> str:
    """`user` as one segment of a path. Raises ValueError for what would be another path."""
    if user in {"", ".", ".."}:
        raise ValueError(f"{user!r} names no user")
    return quote(user, safe="@")
