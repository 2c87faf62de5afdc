"""Tells people: by mail in the name of a mailbox, and by webhooks.

A mail can't be looked up. What may have been sent, for no answer came or a process ended, is sent again, once for each
such end, and called `uncertain`.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import httpx
import structlog

from agents.governing.mails import Letter, letter_of
from agents.governing.requests import outcome
from agents.governing.rules import Notify, Webhook
from agents.governing.standing import Standing
from connectors.entra.actions import EntraActions, Mail
from connectors.entra.outcomes import Failure, NotFound, Refused, Succeeded, Throttled, Uncertain
from schemas.governance import DETAIL_CHARS, GovernanceRecord, Reason, State

log = structlog.get_logger(__name__)
TIMEOUT_S: Final = 15.0
NO_ANSWER: Final = ", no answer"
_ADDRESS: Final = re.compile(r"[^\s,;<>\"]+@[^\s,;<>\"]+")
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]#~|])")
"""What a user's name must not be able to do in Teams: a link of its own, say."""
SENT_AGAIN: Final = "a process ended while it was sent: it was sent again, so it may have come more than once"
UNHEARD: Final = "no answer came when it was sent: it was sent once more, so it may have come twice"
GIVEN_UP: Final = "processes ended each time it was sent: it may have come, and is not sent again"
LEFT: Final = "a process ended while it was sent: it may have come"
MOST_ATTEMPTS: Final = 10
"""A mail is sent again once for each process that ended while it was sent. One that meets so many ends is more likely
their cause."""


class _Failed(NamedTuple):
    """What the log says; `heard`: whether it is certain that nobody was told."""

    facts: dict[str, Any]
    heard: bool = True


class InMail:
    """`notify_user` and `notify`. `actions`: None where no tenant is connected, and so no mail can be sent."""

    def __init__(
        self,
        actions: EntraActions | None,
        http: httpx.AsyncClient,
        notify: Callable[[], Notify],
        now_ms: Callable[[], int],
    ) -> None:
        self._actions = actions
        self._http = http
        self._notify = notify
        self._now_ms = now_ms

    async def prepare(self, request: GovernanceRecord, standing: Standing) -> GovernanceRecord:
        """See `agents.governing.ports.Performer`. `arguments` says to whom, comma-separated."""
        rules = self._notify()
        if request.action == "notify":
            if not rules.addresses and not rules.webhooks:
                return self._outcome(
                    request, "failed", reason="invalid", detail="nobody is named to be told",
                    advice="name addresses or webhooks under notify in governance.yaml",
                )  # fmt: skip
            arguments = {"to": ",".join(rules.addresses)}
        else:
            # Whom no directory knows may be anybody: a name that an attacker has typed at a login.
            addresses = standing.addresses if standing.known else ()
            to = next((address for address in addresses if _ADDRESS.fullmatch(address)), "")
            if not to:
                return self._outcome(request, "skipped", reason="unknown_user", detail="the user has no known address")
            cc = list(rules.copy)
            if rules.copy_manager and self._actions is not None and standing.entra_ids:
                manager = await self._actions.manager(standing.entra_ids[0])
                if isinstance(manager, str):
                    cc += [manager] if manager else []
                else:
                    log.warning("the manager is not told, for nobody could say who that is", reason=manager.message)
            arguments = {"to": to, "cc": ",".join(cc)}
        if arguments["to"] and self._actions is None:
            return self._outcome(
                request, "failed", reason="mailbox", detail="mail is sent by Entra ID, which is not connected",
                advice="set entra.tenant and entra.mailbox",
            )  # fmt: skip
        # What was not sent before, for Graph refused it, is begun anew: it can't have come.
        return self._outcome(request, "started", attempt=1, arguments=request.arguments | arguments)

    async def perform(self, started: GovernanceRecord) -> GovernanceRecord:
        """See `agents.governing.ports.Performer`."""
        if started.attempt > MOST_ATTEMPTS:
            return self._outcome(started, "uncertain", reason="interrupted", detail=GIVEN_UP)
        letter = letter_of(started)
        so_far = _SoFar(started)
        if started.action == "notify":
            for number, hook in enumerate(self._notify().webhooks, 1):
                await self._tell(hook, number, letter, so_far)
        to, cc = (_split(started.arguments.get(name, "")) for name in ("to", "cc"))
        if {*to, *cc} <= so_far.before:
            so_far.told += [*to, *cc]
        elif self._actions is not None:
            mail = Mail(to=to, cc=cc, subject=letter.subject, text=letter.text, html=letter.html, mark=started.uid)
            await self._send(self._actions, mail, so_far)
        return self._outcome(started, so_far.state(), items=tuple(so_far.told), **so_far.facts())

    async def _tell(self, hook: Webhook, number: int, letter: Letter, so_far: "_SoFar") -> None:
        """By one webhook, where that has not been done."""
        name = f"webhook {number} ({hook.shape})"
        if name in so_far.before:  # told by an attempt of which something else failed
            so_far.told.append(name)
            return
        takes_key = hook.shape == "json"
        if (failed := await self._post(hook, number, letter, so_far.started)) is None:
            so_far.reached(name, doubles=not takes_key)
        else:
            so_far.failed([name], failed.facts, heard=takes_key or failed.heard)

    async def _send(self, actions: EntraActions, mail: Mail, so_far: "_SoFar") -> None:
        """By mail; once more where no answer comes."""
        sent = await actions.notify(mail)
        unheard = isinstance(sent, Uncertain)
        if unheard:
            sent = await actions.notify(mail)
        names = (*mail.to, *mail.cc)
        if isinstance(sent, Succeeded):
            so_far.unheard = so_far.unheard or unheard
            for name in names:
                so_far.reached(name, doubles=True)
        elif isinstance(sent, Uncertain):
            so_far.doubtful({"reason": "unavailable", "detail": sent.message}, names)
        elif unheard:  # the second was refused; the first may have come
            so_far.doubtful(_why(sent), names)
        else:
            so_far.failed(names, _why(sent), heard=True)

    async def look(self, started: GovernanceRecord) -> GovernanceRecord:
        """See `agents.governing.ports.Performer`. Nobody can look."""
        return self._outcome(started, "uncertain", reason="interrupted", detail=LEFT)

    async def _post(self, hook: Webhook, number: int, letter: Letter, record: GovernanceRecord) -> _Failed | None:
        """Why it did not work; None where it did. The address may be a secret, and is not told."""
        try:
            url = hook.address()
            body, key = _body(hook, letter, record), {"Idempotency-Key": record.uid}
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._http.stream("POST", url, json=body, headers=key, timeout=TIMEOUT_S) as reply,
            ):
                pass  # what it says beside its status is not read: it may be without end
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            heard = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))  # it was never asked
            return _Failed({"reason": "unavailable", "detail": f"webhook {number}: {type(error).__name__}"}, heard)
        except (OSError, ValueError) as error:
            detail = f"webhook {number}: {type(error).__name__}"
            return _Failed({"reason": "invalid", "detail": detail, "advice": "mend its url"})
        if reply.is_success:
            return None
        detail = f"webhook {number} answered {reply.status_code}"
        if reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return _Failed({"reason": "throttled", "detail": detail})
        if reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return _Failed({"reason": "unavailable", "detail": detail})
        advice = "look at what it expects, and mend its url or shape"
        return _Failed({"reason": "invalid", "detail": detail, "advice": advice})

    def _outcome(self, record: GovernanceRecord, state: Any, **facts: Any) -> GovernanceRecord:
        if "detail" in facts:
            facts["detail"] = facts["detail"][:DETAIL_CHARS]
        return outcome(record, state, self._now_ms(), **facts)


class _SoFar:
    """Who was told by one attempt, and what failed. All are told who can be; then what failed is tried again."""

    def __init__(self, started: GovernanceRecord) -> None:
        self.started = started
        self.before = frozenset(started.items)
        self.told: list[str] = []
        self.unheard = False
        self._twice = False
        self._failures: list[dict[str, Any]] = []
        self._doubt: dict[str, Any] = {}

    def reached(self, name: str, *, doubles: bool) -> None:
        """`doubles`: told again, it comes twice."""
        self.told.append(name)
        self._twice = self._twice or doubles
        self.unheard = self.unheard or name + NO_ANSWER in self.before

    def failed(self, names: Sequence[str], facts: dict[str, Any], *, heard: bool) -> None:
        """`heard`: it is certain that they were not told."""
        self._failures.append(facts)
        self.told += [name + NO_ANSWER for name in names if not heard or name + NO_ANSWER in self.before]

    def doubtful(self, facts: dict[str, Any], names: Sequence[str]) -> None:
        """They may have been told, and by this attempt nobody can find out."""
        self._doubt = facts
        self.told += [name + NO_ANSWER for name in names]

    def state(self) -> State:
        """Of the outcome."""
        if self._failures:
            return "failed"
        again = self._twice and self.started.attempt > 1
        return "uncertain" if self._doubt or self.unheard or again else "succeeded"

    def facts(self) -> dict[str, Any]:
        """Why. What passes by itself comes first: then it is tried again, and tells what else there is."""
        if self._failures:
            first = min(self._failures, key=lambda facts: facts["reason"] not in {"throttled", "unavailable"})
            return first | {"detail": "; ".join(each["detail"] for each in self._failures)}
        if self._doubt:
            return self._doubt
        if self.unheard:
            return {"reason": "unavailable", "detail": UNHEARD}
        return {"reason": "interrupted", "detail": SENT_AGAIN} if self.state() == "uncertain" else {}


def _why(failure: Failure) -> dict[str, Any]:
    reason: Reason = "unavailable"
    advice = "it is tried again, or ask for it once more"
    if isinstance(failure, Refused):
        reason, advice = failure.reason, failure.advice
    elif isinstance(failure, NotFound):
        reason, advice = "not_found", ""
    elif isinstance(failure, Throttled):
        reason = "throttled"
    return {"reason": reason, "detail": failure.message, "advice": advice}


def _split(text: str) -> tuple[str, ...]:
    return tuple(each for each in text.split(",") if each)


def _body(hook: Webhook, letter: Letter, record: GovernanceRecord) -> dict[str, Any]:
    """What the receiver takes. Slack's and Teams' shapes are those of their incoming webhooks."""
    if hook.shape == "slack":
        return {"text": letter.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if hook.shape == "teams":
        block = {"type": "TextBlock", "text": _MARKDOWN.sub(r"\\\1", letter.text), "wrap": True}
        card = {"type": "AdaptiveCard", "version": "1.4", "body": [block]}
        return {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        }
    return {
        "id": record.uid, "connector": record.connector, "user": record.user, "policy": record.policy,
        "finding": record.origin, "title": record.why, "found_ms": record.found_ms, "text": letter.text,
    }  # fmt: skip
