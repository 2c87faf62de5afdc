"""The simulator's own endpoints: its clock, switches, faults, people and journal. They need no token and count
nowhere.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from simulators.commands import Body, clock_command, json_command, known_only
from simulators.entra.faults import Fault
from simulators.entra.refusals import RefusedError
from simulators.entra.tenant import Tenant


class Control:
    """The control routes of `tenant`. A wrong command is answered with 400 and `{"error": ...}`."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def routes(self) -> list[Route]:
        """All control endpoints."""
        return [
            Route("/control/clock", json_command(self._clock), methods=["GET", "POST"]),
            Route("/control/switches", json_command(self._switches), methods=["GET", "POST"]),
            Route("/control/faults", json_command(self._faults), methods=["GET", "POST", "DELETE"]),
            Route("/control/tokens", json_command(self._tokens), methods=["DELETE"]),
            Route("/control/deltas", json_command(self._deltas), methods=["DELETE"]),
            Route("/control/users", json_command(self._users), methods=["GET", "POST", "DELETE"]),
            Route("/control/roles", json_command(self._roles), methods=["GET", "POST"]),
            Route("/control/managers", json_command(self._managers), methods=["POST"]),
            Route("/control/mails", json_command(self._mails), methods=["GET"]),
            Route("/control/effects", json_command(self._effects), methods=["GET"]),
            Route("/control/journal", json_command(self._journal), methods=["GET"]),
        ]

    def _clock(self, request: Request, body: Body) -> Body:
        """See `simulators.commands.clock_command`."""
        return clock_command(self._tenant.clock, request, body)

    def _switches(self, request: Request, body: Body) -> Body:
        """POST any switches by name."""
        if request.method == "POST":
            self._tenant.change(**body)
        found: Body = msgspec.to_builtins(self._tenant.switches)
        return found

    def _faults(self, request: Request, body: Body) -> Body:
        """POST a fault (see `Fault`), DELETE all."""
        if request.method == "POST":
            self._tenant.fault(msgspec.convert(body, Fault, strict=False))
        elif request.method == "DELETE":
            self._tenant.faults.clear()
        return {"faults": self._tenant.faults.listed()}

    def _tokens(self, request: Request, body: Body) -> Body:
        """DELETE turns every access token away from now on."""
        return {"revoked": self._tenant.apps.revoke_tokens()}

    def _deltas(self, request: Request, body: Body) -> Body:
        """DELETE lets every nextLink and deltaLink die."""
        self._tenant.deltas.expire()
        return {}

    def _users(self, request: Request, body: Body) -> Body:
        """POST `{"users": [...]}` by Graph's property names, one with a known `id` is changed; DELETE `{"id": ...,
        "purge": false}`; GET how every account stands.
        """
        tenant = self._tenant
        if request.method == "POST":
            known_only(body, {"users"})
            return {"ids": [self._put(user) for user in _objects(body, "users")]}
        if request.method == "DELETE":
            known_only(body, {"id", "purge"})
            _told(tenant.directory.purge if body.get("purge") else tenant.directory.delete, str(body.get("id", "")))
            return {}
        return {"users": tenant.states()}

    def _put(self, user: dict[str, Any]) -> str:
        directory = self._tenant.directory
        if any(account.id == user.get("id") for account in directory.everybody()):
            _told(lambda **changes: directory.change(user["id"], **changes), **user)
            return str(user["id"])
        return directory.add(**user)

    def _roles(self, request: Request, body: Body) -> Body:
        """POST `{"role": "Global Administrator", "user": id or principal name, "holds": true}`; GET all."""
        if request.method == "POST":
            known_only(body, {"role", "user", "holds"})
            holds = bool(body.get("holds", True))
            _told(self._tenant.directory.assign, str(body.get("role")), str(body.get("user")), holds=holds)
        return {"roles": {role: sorted(members) for role, members in self._tenant.directory.roles.items()}}

    def _managers(self, request: Request, body: Body) -> Body:
        """POST `{"user": ..., "manager": ...}` by object id or principal name; an empty manager is none."""
        known_only(body, {"user", "manager"})
        _told(self._tenant.directory.set_manager, str(body.get("user")), str(body.get("manager", "")))
        return {}

    def _mails(self, request: Request, body: Body) -> Body:
        """GET all mails that were accepted."""
        return {"mails": self._tenant.mails}

    def _effects(self, request: Request, body: Body) -> Body:
        """GET what was done to whom through Graph."""
        return {"effects": self._tenant.effects()}

    def _journal(self, request: Request, body: Body) -> Body:
        """GET the requests from number `since`."""
        journal = self._tenant.journal
        return {"total": journal.total, "requests": journal.records(int(request.query_params.get("since", 0)))}


def _objects(body: Body, name: str) -> list[dict[str, Any]]:
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"{name}: an array of objects is needed")
    return found


def _told(change: Any, *values: str, **more: Any) -> None:
    """Runs `change`; nobody of the given name is a mistake like any other."""
    try:
        change(*values, **more)
    except RefusedError as refusal:
        raise ValueError(refusal.message) from None
