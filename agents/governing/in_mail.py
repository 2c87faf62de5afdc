"""Tells people: by mail in the name of a mailbox, and by webhooks.

A mail can't be looked up. What may have been sent, for no answer came or a process ended, is sent again, once for each
such end, and called `uncertain`.
"""

from collections.abc import Callable
from typing import Any, Final

import httpx
import structlog

from agents.governing.mails import Letter, letter_of
from agents.governing.requests import outcome
from agents.governing.rules import Notify, Webhook
from agents.governing.standing import Standing
from connectors.entra.actions import EntraActions, Mail
from connectors.entra.outcomes import Failure, NotFound, Refused, Succeeded, Throttled, Uncertain
from schemas.governance import DETAIL_CHARS, GovernanceRecord, Reason

log = structlog.get_logger(__name__)
TIMEOUT_S: Final = 15.0
SENT_AGAIN: Final = "a process ended while it was sent: it was sent again, so it may have come more than once"
UNHEARD: Final = "no answer came when it was sent: it was sent once more, so it may have come twice"
GIVEN_UP: Final = "processes ended each time it was sent: it may have come, and is not sent again"
MOST_ATTEMPTS: Final = 10
"""A mail is sent again once for each process that ended while it was sent. One that meets so many ends is more likely
their cause."""


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
        """See `agents.governing.owner.Performer`. `arguments` says to whom, comma-separated."""
        rules = self._notify()
        if request.action == "notify":
            if not rules.addresses and not rules.webhooks:
                return self._outcome(
                    request, "failed", reason="invalid", detail="nobody is named to be told",
                    advice="name addresses or webhooks under notify in governance.yaml",
                )  # fmt: skip
            arguments = {"to": ",".join(rules.addresses)}
        else:
            to = next((name for name in standing.names[1:] + standing.names[:1] if "@" in name), "")
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
        """See `agents.governing.owner.Performer`."""
        if started.attempt > MOST_ATTEMPTS:
            return self._outcome(started, "uncertain", reason="interrupted", detail=GIVEN_UP)
        letter = letter_of(started)
        told: list[str] = []
        twice = False
        if started.action == "notify":
            for number, hook in enumerate(self._notify().webhooks, 1):
                name = f"webhook {number} ({hook.shape})"
                if name in started.items:  # told by an attempt that failed after it
                    told.append(name)
                    continue
                if failed := await self._post(hook, number, letter, started):
                    return self._outcome(started, "failed", items=tuple(told), **failed)
                told.append(name)
                twice = twice or hook.shape != "json"  # those take no idempotency key
        to, cc = (_split(started.arguments.get(name, "")) for name in ("to", "cc"))
        if to and self._actions is not None:
            mail = Mail(to=to, cc=cc, subject=letter.subject, text=letter.text, html=letter.html, mark=started.uid)
            sent = await self._actions.notify(mail)
            unheard = isinstance(sent, Uncertain)
            if unheard:
                sent = await self._actions.notify(mail)
            if isinstance(sent, Uncertain):
                return self._outcome(
                    started, "uncertain", reason="unavailable", detail=sent.message, items=(*told, *to, *cc)
                )
            if not isinstance(sent, Succeeded):
                if unheard:  # the second was refused; the first may have come
                    return self._outcome(started, "uncertain", **_why(sent), items=(*told, *to, *cc))
                return self._outcome(started, "failed", items=tuple(told), **_why(sent))
            told += [*to, *cc]
            if unheard:
                return self._outcome(started, "uncertain", reason="unavailable", detail=UNHEARD, items=tuple(told))
            twice = True
        if twice and started.attempt > 1:
            return self._outcome(started, "uncertain", reason="interrupted", detail=SENT_AGAIN, items=tuple(told))
        return self._outcome(started, "succeeded", items=tuple(told))

    async def _post(self, hook: Webhook, number: int, letter: Letter, record: GovernanceRecord) -> dict[str, Any]:
        """Why it did not work; empty where it did. The address may be a secret, and is not told."""
        try:
            url = hook.address()
            reply = await self._http.post(
                url, json=_body(hook, letter, record), headers={"Idempotency-Key": record.uid}, timeout=TIMEOUT_S
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return {"reason": "unavailable", "detail": f"webhook {number}: {type(error).__name__}"}
        except (OSError, ValueError) as error:
            return {
                "reason": "invalid",
                "detail": f"webhook {number}: {type(error).__name__}",
                "advice": "mend its url",
            }
        if reply.is_success:
            return {}
        detail = f"webhook {number} answered {reply.status_code}"
        if reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return {"reason": "throttled", "detail": detail}
        if reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return {"reason": "unavailable", "detail": detail}
        return {"reason": "invalid", "detail": detail, "advice": "look at what it expects, and mend its url or shape"}

    def _outcome(self, record: GovernanceRecord, state: Any, **facts: Any) -> GovernanceRecord:
        if "detail" in facts:
            facts["detail"] = facts["detail"][:DETAIL_CHARS]
        return outcome(record, state, self._now_ms(), **facts)


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
        block = {"type": "TextBlock", "text": letter.text, "wrap": True}
        card = {"type": "AdaptiveCard", "version": "1.4", "body": [block]}
        return {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        }
    return {
        "id": record.uid, "connector": record.connector, "user": record.user, "policy": record.policy,
        "finding": record.origin, "title": record.why, "found_ms": record.found_ms, "text": letter.text,
    }  # fmt: skip
