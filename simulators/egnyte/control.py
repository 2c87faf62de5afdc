"""The simulator's own endpoints: its clock, switches, faults, tokens, events and journal. They need no token and
count nowhere.
"""

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from simulators.commands import Body, clock_command, json_command, known_only
from simulators.egnyte.access import AUDIT_SCOPE
from simulators.egnyte.domain import Domain
from simulators.egnyte.faults import Fault
from simulators.egnyte.links import Link
from simulators.egnyte.oauth import App
from simulators.egnyte.users import User


class Control:
    """The control routes of `domain`. A wrong command is answered with 400 and `{"error": ...}`."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def routes(self) -> list[Route]:
        """All control endpoints."""
        return [
            Route("/control/clock", json_command(self._clock), methods=["GET", "POST"]),
            Route("/control/switches", json_command(self._switches), methods=["GET", "POST"]),
            Route("/control/faults", json_command(self._faults), methods=["GET", "POST", "DELETE"]),
            Route("/control/tokens", json_command(self._tokens), methods=["POST", "DELETE"]),
            Route("/control/account", json_command(self._account), methods=["GET", "POST"]),
            Route("/control/apps", json_command(self._apps), methods=["GET", "POST"]),
            Route("/control/events", json_command(self._events), methods=["GET", "POST"]),
            Route("/control/links", json_command(self._links), methods=["GET", "POST"]),
            Route("/control/users", json_command(self._users), methods=["GET", "POST"]),
            Route("/control/journal", json_command(self._journal), methods=["GET"]),
        ]

    def _clock(self, request: Request, body: Body) -> Body:
        """See `simulators.commands.clock_command`."""
        return clock_command(self._domain.clock, request, body)

    def _switches(self, request: Request, body: Body) -> Body:
        """POST any switches by name."""
        if request.method == "POST":
            self._domain.change(**body)
        found: Body = msgspec.to_builtins(self._domain.switches)
        return found

    def _faults(self, request: Request, body: Body) -> Body:
        """POST a fault (see `Fault`), DELETE all."""
        if request.method == "POST":
            self._domain.fault(msgspec.convert(body, Fault))
        elif request.method == "DELETE":
            self._domain.faults.clear()
        return {"faults": self._domain.faults.listed()}

    def _tokens(self, request: Request, body: Body) -> Body:
        """POST `{"scopes": [...], "lasts_s": 0}` for a new token; DELETE `{"token": ...}` to revoke one, by default
        the first.
        """
        if request.method == "DELETE":
            known_only(body, {"token"})
            return {"revoked": self._domain.revoke_token(body.get("token"))}
        known_only(body, {"scopes", "lasts_s"})
        scopes = tuple(str(scope) for scope in body.get("scopes", [AUDIT_SCOPE]))
        return {"token": self._domain.issue_token(scopes=scopes, lasts_s=float(body.get("lasts_s", 0)))}

    def _account(self, request: Request, body: Body) -> Body:
        """POST any fields of the person who signs in (see `Account`): `{"user_type": "power"}`. A password ends all
        tokens of theirs.
        """
        account = self._domain.change_account(**body) if request.method == "POST" else self._domain.account
        return {"account": msgspec.structs.asdict(account)}

    def _apps(self, request: Request, body: Body) -> Body:
        """POST an API key (see `App`), in place of one of the same client_id."""
        if request.method == "POST":
            self._domain.oauth.register(msgspec.convert(body, App))
        return {"apps": [msgspec.structs.asdict(app) for app in self._domain.oauth.apps.values()]}

    def _events(self, request: Request, body: Body) -> Body:
        """POST `{"events": [...], "visible_at_ms": ms}` to add events live; GET all ever visible, from `offset`, at
        most `count`.
        """
        if request.method == "POST":
            known_only(body, {"events", "visible_at_ms"})
            events, visible_at_ms = body.get("events"), body.get("visible_at_ms")
            if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
                raise ValueError("events: an array of raw events is needed")
            if visible_at_ms is not None and not isinstance(visible_at_ms, int):
                raise ValueError("visible_at_ms: a number of ms since the epoch is needed")
            for event in events:
                self._domain.append(event, visible_at_ms)
            return {"added": len(events)}
        found = self._domain.visible_events()
        offset, count = int(request.query_params.get("offset", 0)), int(request.query_params.get("count", len(found)))
        return {
            "total": len(found),
            "offset": offset,
            "events": [msgspec.Raw(one) for one in found[offset : offset + count]],
        }

    def _links(self, request: Request, body: Body) -> Body:
        """POST `{"links": [...]}` (see `Link`) to add some; GET those that are left."""
        if request.method == "POST":
            known_only(body, {"links"})
            for link in msgspec.convert(body.get("links"), list[Link]):
                self._domain.links.add(link)
        return {"links": [msgspec.to_builtins(link) for link in self._domain.links.all()]}

    def _users(self, request: Request, body: Body) -> Body:
        """POST `{"users": [...]}` (see `User`) to add or replace some; GET everybody."""
        if request.method == "POST":
            known_only(body, {"users"})
            for user in msgspec.convert(body.get("users"), list[User]):
                self._domain.users.add(user)
        return {"users": [msgspec.to_builtins(user) for user in self._domain.users.all()]}

    def _journal(self, request: Request, body: Body) -> Body:
        """GET the requests from number `since`."""
        journal = self._domain.journal
        return {"total": journal.total, "requests": journal.records(int(request.query_params.get("since", 0)))}
