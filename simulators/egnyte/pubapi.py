"""Egnyte's own endpoints, behind its gateway: token, limits, faults, then the answer; every request goes to the
journal.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.egnyte import links_api, reports_api, users_api
from simulators.egnyte.access import Grant, require_audit
from simulators.egnyte.domain import Domain
from simulators.egnyte.exchange import Endpoint, Exchange
from simulators.egnyte.faults import Fault
from simulators.egnyte.refusals import HTML, JSON, RefusedError, Rendered, inactive_developer, render, throttled
from simulators.egnyte.stream import Query
from simulators.wire import Reset, Stalled, Truncated, Wire

STREAM: Final = "/pubapi/v2/audit/stream"
CLIENT_GONE: Final = 499
"""In the journal only: nobody is there to get it."""
MAINTENANCE: Final = b"<html><body><h1>Egnyte is being maintained</h1></body></html>"


MORE: Final[tuple[tuple[str, str, Endpoint], ...]] = (
    ("GET", f"{reports_api.BASE}/jobs/{{job}}", reports_api.poll),
    ("POST", f"{reports_api.BASE}/{{report}}", reports_api.create),
    ("GET", f"{reports_api.BASE}/{{report}}/{{job}}", reports_api.fetch),
    ("DELETE", f"{reports_api.BASE}/{{report}}/{{job}}", reports_api.delete),
    ("GET", "/pubapi/v1/links", links_api.ids),
    ("GET", "/pubapi/v2/links", links_api.whole),
    *(("GET", f"/pubapi/{version}/links/{{link}}", links_api.one) for version in ("v1", "v2")),
    *(("DELETE", f"/pubapi/{version}/links/{{link}}", links_api.delete) for version in ("v1", "v2")),
    ("GET", users_api.BASE, users_api.listed),
    ("POST", users_api.BASE, users_api.create),
    ("GET", f"{users_api.BASE}/{{user}}", users_api.one),
    ("PATCH", f"{users_api.BASE}/{{user}}", users_api.change),
    ("DELETE", f"{users_api.BASE}/{{user}}", users_api.delete),
)
"""Method, path and endpoint of what stands in modules of its own."""


class PublicApi:
    """The routes of `domain`."""

    def __init__(self, domain: Domain, wire: Wire) -> None:
        self._domain = domain
        self._wire = wire

    def routes(self) -> list[Route]:
        """All endpoints."""
        return [
            Route(STREAM, self._behind_gateway(_stream), methods=["GET", "POST"]),
            *(Route(path, self._behind_gateway(endpoint), methods=[method]) for method, path, endpoint in MORE),
            Route("/pubapi/v1/userinfo", self._behind_gateway(_userinfo), methods=["GET"]),
            Route("/pubapi/v1/whoami", self._behind_gateway(_whoami), methods=["GET"]),
            Route("/pubapi/v1/tokens/revoke", self._behind_gateway(_revoke), methods=["POST"]),
        ]

    def _behind_gateway(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            exchange = Exchange(self._domain, request)
            try:
                response = await self._answer(exchange, endpoint)
            except ClientDisconnect:  # tired of waiting, or killed
                exchange.note(error="the client has gone")
                response = Response(status_code=CLIENT_GONE)
            journal = self._domain.journal
            exchange.note(number=journal.total, status=0 if isinstance(response, Reset) else response.status_code)
            response.headers["X-Egnyte-Request-Id"] = f"{journal.total:012d}"
            journal.write(exchange.record)
            return response

        return handle

    async def _answer(self, exchange: Exchange, endpoint: Endpoint) -> Response:
        domain, request = self._domain, exchange.request
        grant = domain.access.grant(request.headers.get("authorization", ""), exchange.now_ms)
        if grant is None:
            return self._unknown(exchange)
        exchange.note(token=grant.token[-4:])
        admission = domain.limits.admit(
            grant.token, domain.name, request.url.path == STREAM, domain.switches, exchange.now_ms
        )
        if admission.refusal is not None:
            exchange.note(error="throttled", retry_after_s=admission.retry_after_s)
            return _sent(admission.refusal)
        fault = domain.faults.strike(request.method, request.url.path, exchange.now_ms)
        if fault is not None:
            exchange.note(fault=fault.kind)
            if (instead := self._instead(fault, exchange)) is not None:
                return instead
            if fault.kind == "slow":
                await domain.clock.sleep(fault.seconds)
        try:
            found = await endpoint(exchange, grant)
            response = found if isinstance(found, Response) else Response(found, media_type=JSON)
            response.headers.update(admission.headers)
        except RefusedError as refusal:
            exchange.note(error=str(refusal))
            response = _sent(render(refusal, domain.switches.error_style))
            response.headers.update(admission.headers)
        return response if fault is None else self._damaged(response, fault)

    def _unknown(self, exchange: Exchange) -> Response:
        exchange.note(error="unknown token")
        if self._domain.switches.gateway_refuses:
            return _sent(inactive_developer())
        marks = {"WWW-Authenticate": 'Bearer realm="Egnyte", error="invalid_token"'}
        refusal = RefusedError(401, "The access token is invalid, expired or revoked", "UNAUTHORIZED", marks)
        return _sent(render(refusal, self._domain.switches.error_style))

    def _instead(self, fault: Fault, exchange: Exchange) -> Response | None:
        """The answer that `fault` gives in place of the endpoint's, None where it only damages that one."""
        switches = self._domain.switches
        if fault.kind == "reset":
            return Reset(self._wire)
        if fault.kind == "html":
            return Response(MAINTENANCE, media_type=HTML)
        if fault.kind == "throttle":
            exchange.note(error="throttled", retry_after_s=fault.retry_after_s)
            return _sent(
                throttled("AuditV2", long_run=False, retry_after_s=fault.retry_after_s, headers={}, switches=switches)
            )
        if fault.kind == "status":
            exchange.note(error="fault", retry_after_s=fault.retry_after_s)
            marks = {"Retry-After": str(fault.retry_after_s)} if fault.retry_after_s else {}
            return _sent(render(RefusedError(fault.status, "Fault on command", "FAULT", marks), switches.error_style))
        return None

    def _damaged(self, response: Response, fault: Fault) -> Response:
        if fault.kind == "cut_json":
            headers = {name: value for name, value in response.headers.items() if name != "content-length"}
            return Response(bytes(response.body)[: len(response.body) // 2], response.status_code, headers)
        if fault.kind == "truncate":
            return Truncated(response, self._wire)
        if fault.kind == "stall":
            return Stalled(response, lambda: self._domain.clock.sleep(fault.seconds))
        return response


async def _stream(exchange: Exchange, grant: Grant) -> bytes:
    domain, request = exchange.domain, exchange.request
    require_audit(grant, domain.switches)
    if request.method == "POST":
        query = Query.from_post(await request.body())
    else:
        query = Query.from_get(request.query_params, request.query_params.getlist("auditType"))
    exchange.note(
        start_date=query.start_date, end_date=query.end_date, audit_types=query.audit_types, cursor=query.cursor
    )
    page = domain.stream.answer(query, domain.switches, domain.clock.now_ms())
    exchange.note(next_cursor=page.next_cursor, events=len(page.entries), more=page.more)
    return page.body()


async def _userinfo(exchange: Exchange, grant: Grant) -> bytes:
    who = grant.account
    found = {"id": who.id, "first_name": who.first_name, "last_name": who.last_name, "username": who.username}
    return msgspec.json.encode(found | {"user_type": who.user_type, "email": who.email})


async def _whoami(exchange: Exchange, grant: Grant) -> bytes:
    found = {"clientId": grant.client_id, "username": grant.account.username, "domain": exchange.domain.name}
    return msgspec.json.encode(found | {"scopes": " ".join(grant.scopes)})


async def _revoke(exchange: Exchange, grant: Grant) -> bytes:
    domain = exchange.domain
    form = dict(parse_qsl((await exchange.request.body()).decode(errors="replace")))
    app = domain.oauth.apps.get(grant.client_id)
    if not form.get("token"):
        raise RefusedError(400, "token is required", "invalid_request")
    if app is None or form.get("client_secret") != app.client_secret:
        raise RefusedError(400, "client_secret is wrong", "invalid_client")
    if not domain.oauth.revoke(form["token"]) and domain.switches.revoke_again >= 400:
        raise RefusedError(domain.switches.revoke_again, "The token is not known", "invalid_token")
    return b""


def _sent(rendered: Rendered) -> Response:
    return Response(rendered.body, rendered.status, rendered.headers, rendered.media_type)
