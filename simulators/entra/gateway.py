"""What every Graph request passes: token, permissions, limits and faults, then the answer; and the journal."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from simulators.entra.apps import App
from simulators.entra.directory import Account
from simulators.entra.faults import Fault
from simulators.entra.journal import Record
from simulators.entra.limits import Workload
from simulators.entra.refusals import RefusedError, denied
from simulators.entra.tenant import Tenant
from simulators.wire import Reset, Stalled, Truncated, Wire

JSON: Final = "application/json"
MAINTENANCE: Final = b"<html><body><h1>Our services aren't available right now</h1></body></html>"


class Reply(msgspec.Struct, frozen=True):
    """What an endpoint answers. `body`: None for an answer without one."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = {}


class Call:
    """One request on its way to an answer, and what the journal will say of it."""

    def __init__(self, tenant: Tenant, request: Request) -> None:
        self.tenant = tenant
        self.request = request
        self.number = tenant.journal.number()
        self.now_ms = tenant.clock.now_ms()
        self.app = App(client_id="", permissions=())
        self.record = Record(
            number=self.number, at_ms=self.now_ms, method=request.method, path=request.url.path,
            query=request.url.query, status=0,
        )  # fmt: skip

    @property
    def base(self) -> str:
        """The address under which the caller reaches this server."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}"

    def note(self, **facts: object) -> None:
        """Adds facts to the journal's record."""
        self.record = msgspec.structs.replace(self.record, **facts)

    def user(self, name: str = "user") -> Account:
        """The live user whom the path names. Raises RefusedError (404)."""
        account = self.tenant.directory.live(self.request.path_params[name])
        self.note(user=account.id)
        return account

    def param(self, name: str) -> str:
        """A query parameter, empty where it is not given."""
        return str(self.request.query_params.get(name, ""))

    async def json(self) -> dict[str, Any]:
        """The body. Raises RefusedError (400) for one that is no JSON object."""
        try:
            return msgspec.json.decode(await self.request.body(), type=dict[str, Any])
        except msgspec.DecodeError:
            raise RefusedError(400, "BadRequest", "Unable to read JSON request payload.") from None


Endpoint = Callable[[Call], Awaitable[Reply]]


class Gateway:
    """Wraps endpoints."""

    def __init__(self, tenant: Tenant, wire: Wire) -> None:
        self._tenant = tenant
        self._wire = wire

    def behind(
        self, endpoint: Endpoint, *permissions: str, workload: Workload = "directory", writes: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """The handler of `endpoint`. The caller needs one of `permissions`."""

        async def handle(request: Request) -> Response:
            call = Call(self._tenant, request)
            response = await self.struck(call, lambda: self._answer(call, endpoint, permissions, workload, writes))
            response.headers["request-id"] = f"{call.number:012d}"
            return response

        return handle

    async def struck(self, call: Call, answer: Callable[[], Awaitable[Response]]) -> Response:
        """What `answer` gives, and what a fault that is due makes of it; into the journal either way."""
        tenant = self._tenant
        tenant.synchronise()
        fault = tenant.faults.strike(call.request.method, call.request.url.path, call.now_ms)
        if fault is None:
            response = await answer()
        else:
            call.note(fault=fault.kind)
            response = await self._with(fault, call, answer)
        call.note(status=0 if isinstance(response, Reset) else response.status_code)
        tenant.journal.write(call.record)
        return response

    async def _answer(
        self, call: Call, endpoint: Endpoint, permissions: tuple[str, ...], workload: Workload, writes: bool
    ) -> Response:
        tenant = self._tenant
        try:
            self._admit_caller(call, permissions)
            admission = tenant.limits.admit(
                call.app.client_id, workload, 1 if writes or call.param("$select") else 2, writes=writes,
                users=tenant.directory.size, switches=tenant.switches, now_ms=call.now_ms,
            )  # fmt: skip
            reply = await endpoint(call)
        except RefusedError as refusal:
            return self._refused(call, refusal)
        body = b"" if reply.body is None else msgspec.json.encode(reply.body)
        media_type = None if reply.body is None else JSON
        return Response(body, reply.status, {**reply.headers, **admission.headers}, media_type)

    def _admit_caller(self, call: Call, permissions: tuple[str, ...]) -> None:
        tenant, sent = self._tenant, call.request.headers.get("authorization", "")
        app = tenant.apps.bearer(sent, call.now_ms)
        if app is None:
            quoted = f" You sent '{sent}'." if tenant.switches.quotes_secrets else ""
            words = f"Access token has expired or is not yet valid.{quoted}"
            raise RefusedError(401, "InvalidAuthenticationToken", words)
        call.app = app
        call.note(app=app.client_id, token=sent[-4:])
        if permissions and not set(permissions) & set(app.permissions):
            raise denied()

    @staticmethod
    def _refused(call: Call, refusal: RefusedError) -> Response:
        retry = float(refusal.headers.get("Retry-After", 0))
        call.note(error=refusal.code, retry_after_s=retry)
        return Response(refusal.body(call.now_ms), refusal.status, refusal.headers, JSON)

    async def _with(self, fault: Fault, call: Call, answer: Callable[[], Awaitable[Response]]) -> Response:
        marks = {"Retry-After": f"{fault.retry_after_s:g}"} if fault.retry_after_s else {}
        if fault.kind == "reset":
            return Reset(self._wire)
        if fault.kind == "html":
            return Response(MAINTENANCE, media_type="text/html")
        if fault.kind == "throttle":
            return self._refused(call, RefusedError(429, "TooManyRequests", "Fault on command", marks))
        if fault.kind == "status":
            code = fault.code or {503: "serviceNotAvailable", 504: "timeout"}.get(fault.status, "generalException")
            return self._refused(call, RefusedError(fault.status, code, "Fault on command", marks))
        clock = self._tenant.clock
        if fault.kind == "slow":
            await clock.sleep(fault.seconds)
        response = await answer()
        if fault.kind == "late":
            await clock.sleep(fault.seconds)
        if fault.kind == "lost" or (fault.kind == "truncate" and not response.body):
            return Reset(self._wire)
        if fault.kind == "truncate":
            return Truncated(response, self._wire)
        if fault.kind == "stall":
            return Stalled(response, lambda: clock.sleep(fault.seconds))
        if fault.kind == "cut_json":
            headers = {name: value for name, value in response.headers.items() if name != "content-length"}
            return Response(bytes(response.body)[: len(response.body) // 2], response.status_code, headers)
        return response
