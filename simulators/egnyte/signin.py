"""The pages and the token endpoint of OAuth over HTTP: `/puboauth/token`, which is both, and `/puboauth/authorize`."""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from simulators.egnyte.domain import Domain
from simulators.egnyte.journal import Record
from simulators.egnyte.oauth import Request
from simulators.egnyte.refusals import HTML, JSON, RefusedError, Rendered, render

TOKEN: Final = "/puboauth/token"  # noqa: S105 - a path
AUTHORIZE: Final = "/puboauth/authorize"
CONSENT: Final = "/puboauth/consent"
MAX_FORM_BYTES: Final = 64 * 1024

Answer = Callable[[HttpRequest, dict[str, str]], Response]


class SignIn:
    """The OAuth routes of `domain`. They take no token; every request is in the journal."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def routes(self) -> list[Route]:
        """All endpoints."""
        return [
            Route(TOKEN, self._journaled(self._page), methods=["GET"]),
            Route(TOKEN, self._journaled(self._token), methods=["POST"]),
            Route(AUTHORIZE, self._journaled(self._page), methods=["GET"]),
            Route(CONSENT, self._journaled(self._consent), methods=["POST"]),
        ]

    def _journaled(self, answer: Answer) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def handle(request: HttpRequest) -> Response:
            domain = self._domain
            at_ms, error, names = domain.clock.now_ms(), "", dict(request.query_params)
            if request.method == "POST":
                names = dict(parse_qsl((await request.body())[:MAX_FORM_BYTES].decode(errors="replace")))
            fault = domain.faults.strike(request.method, request.url.path, at_ms)
            try:
                if fault is not None and fault.kind == "status":
                    headers = {"Retry-After": str(fault.retry_after_s)} if fault.retry_after_s else {}
                    raise RefusedError(fault.status, "Fault on command", "FAULT", headers)  # noqa: TRY301
                response = HTMLResponse("<h1>Maintenance</h1>") if fault is not None else answer(request, names)
            except RefusedError as refusal:
                style = "html" if request.method == "GET" else domain.switches.token_errors
                error, response = str(refusal), _sent(render(refusal, style))
            kind, struck = names.get("grant_type", ""), "" if fault is None else fault.kind
            domain.journal.write(
                Record(
                    number=domain.journal.total, at_ms=at_ms, method=request.method, path=request.url.path,
                    status=response.status_code, error=error, grant_type=kind, fault=struck,
                )
            )  # fmt: skip
            return response

        return handle

    def _page(self, request: HttpRequest, names: dict[str, str]) -> Response:
        """The question that a person answers."""
        asked = self._domain.oauth.asked(names)
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in names.items()
        )
        scopes = ", ".join(asked.scopes) or "everything"
        account = self._domain.account
        return HTMLResponse(
            f"<!doctype html><title>Egnyte</title><h1>{escape(self._domain.name)}</h1>"
            f"<p>{escape(account.email)}: let {escape(asked.client_id)} use {escape(scopes)}?</p>"
            f'<form method="post" action="{CONSENT}">{hidden}'
            '<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></form>'
        )

    def _consent(self, request: HttpRequest, names: dict[str, str]) -> Response:
        """What comes of the answer: a redirect with a code, or with the error access_denied."""
        asked = self._domain.oauth.asked(names)
        if names.get("answer") != "allow":
            return _back(asked, {"error": "access_denied"})
        domain = self._domain
        code = domain.oauth.code(asked, domain.account, domain.switches, domain.clock.now_ms())
        if asked.no_redirect:
            return HTMLResponse(f"<!doctype html><title>Egnyte</title><p>Your code: <code>{escape(code)}</code></p>")
        return _back(asked, {"code": code})

    def _token(self, request: HttpRequest, form: dict[str, str]) -> Response:
        domain = self._domain
        now_ms = domain.clock.now_ms()
        wait_s = domain.oauth.wait_s(form.get("client_id", ""), domain.switches, now_ms)
        if wait_s:
            raise RefusedError(409, "Too many requests for tokens", "CONFLICT", {"Retry-After": str(wait_s)})
        answer = domain.oauth.token(form, domain.account, domain.switches, now_ms)
        return Response(msgspec.json.encode(answer), media_type=JSON)


def _back(asked: Request, told: dict[str, str]) -> Response:
    more = told | ({"state": asked.state} if asked.state else {})
    joint = "&" if urlsplit(asked.redirect_uri).query else "?"
    return RedirectResponse(f"{asked.redirect_uri}{joint}{urlencode(more)}", status_code=302)


def _sent(rendered: Rendered) -> Response:
    media_type = rendered.media_type if rendered.media_type != HTML else f"{HTML}; charset=utf-8"
    return Response(rendered.body, rendered.status, rendered.headers, media_type)
