"""The routes of Graph and of the login server."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.entra import acting, reading
from simulators.entra.gateway import JSON, Call, Gateway
from simulators.entra.refusals import LoginRefusedError
from simulators.entra.tenant import Tenant
from simulators.wire import Wire

READS: Final = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
READS_ROLES: Final = ("RoleManagement.Read.Directory", "Directory.Read.All", "Directory.ReadWrite.All")
READS_GROUPS: Final = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")
DISABLES: Final = ("User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All")
REVOKES: Final = ("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All")
RESTORES: Final = ("User.ReadWrite.All", "Directory.ReadWrite.All")
READS_APPS: Final = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All")
RISK: Final = ("IdentityRiskyUser.ReadWrite.All",)
READS_RISK: Final = ("IdentityRiskyUser.Read.All", *RISK)


class Graph:
    """The endpoints of `tenant`."""

    def __init__(self, tenant: Tenant, wire: Wire) -> None:
        self._tenant = tenant
        self._gateway = Gateway(tenant, wire)

    def routes(self) -> list[Route]:
        """All endpoints."""
        behind, user = self._gateway.behind, "/v1.0/users/{user}"
        deleted = "/v1.0/directory/deletedItems"
        risky = "/v1.0/identityProtection/riskyUsers"
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._login(), methods=["POST"]),
            Route("/v1.0/users", behind(reading.users, *READS), methods=["GET"]),
            Route("/v1.0/users/delta", behind(reading.delta, *READS), methods=["GET"]),
            Route("/v1.0/users/delta()", behind(reading.delta, *READS), methods=["GET"]),
            Route(user, behind(reading.user, *READS), methods=["GET"]),
            Route(user, behind(acting.patch_user, *DISABLES, writes=True), methods=["PATCH"]),
            Route(f"{user}/manager", behind(reading.manager, *READS), methods=["GET"]),
            Route(f"{user}/revokeSignInSessions", behind(acting.revoke, *REVOKES, writes=True), methods=["POST"]),
            Route(f"{user}/sendMail", behind(acting.send_mail, "Mail.Send", workload="mail"), methods=["POST"]),
            Route(f"{deleted}/microsoft.graph.user", behind(reading.deleted_users, *READS), methods=["GET"]),
            Route(f"{deleted}/{{user}}", behind(reading.deleted_user, *READS), methods=["GET"]),
            Route(f"{deleted}/{{user}}/restore", behind(acting.restore, *RESTORES, writes=True), methods=["POST"]),
            Route("/v1.0/applications(appId='{app}')", behind(reading.application, *READS_APPS), methods=["GET"]),
            Route("/v1.0/directoryRoles", behind(reading.roles, *READS_ROLES), methods=["GET"]),
            Route("/v1.0/directoryRoles/{role}/members", behind(reading.role_members, *READS_ROLES), methods=["GET"]),
            Route(
                "/v1.0/groups/{group}/transitiveMembers",
                behind(reading.group_members, *READS_GROUPS),
                methods=["GET"],
            ),
            Route(f"{risky}/confirmCompromised", behind(acting.confirm, *RISK, workload="risk"), methods=["POST"]),
            Route(f"{risky}/{{user}}", behind(reading.risky_user, *READS_RISK, workload="risk"), methods=["GET"]),
        ]

    def _login(self) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            call = Call(self._tenant, request)
            return await self._gateway.struck(call, lambda: self._token(call))

        return handle

    async def _token(self, call: Call) -> Response:
        tenant, request = self._tenant, call.request
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        call.note(app=form.get("client_id", ""))
        try:
            self._know(request.path_params["tenant"])
            audience = f"{call.base}{request.url.path}"
            answer = tenant.apps.token(form, audience, tenant.switches, call.now_ms)
        except LoginRefusedError as refusal:
            call.note(error=f"AADSTS{refusal.number}")
            return Response(refusal.body(call.now_ms), refusal.status, media_type=JSON)
        return Response(msgspec.json.encode(answer), media_type=JSON, headers={"Cache-Control": "no-store"})

    def _know(self, tenant: str) -> None:
        if tenant != self._tenant.name:
            raise LoginRefusedError(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
