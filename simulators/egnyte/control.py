"""The simulator's own endpoints: its clock, switches, faults, tokens, events and journal. They need no token and
count nowhere.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.clock import VirtualClock, from_iso, iso
from simulators.egnyte.access import AUDIT_SCOPE
from simulators.egnyte.domain import Domain
from simulators.egnyte.faults import Fault

Body = dict[str, Any]


class Control:
    """The control routes of `domain`. A wrong command is answered with 400 and `{"error": ...}`."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def routes(self) -> list[Route]:
        """All control endpoints."""
        return [
            Route("/control/clock", _json(self._clock), methods=["GET", "POST"]),
            Route("/control/switches", _json(self._switches), methods=["GET", "POST"]),
            Route("/control/faults", _json(self._faults), methods=["GET", "POST", "DELETE"]),
            Route("/control/tokens", _json(self._tokens), methods=["POST", "DELETE"]),
            Route("/control/events", _json(self._events), methods=["GET", "POST"]),
            Route("/control/journal", _json(self._journal), methods=["GET"]),
        ]

    def _clock(self, request: Request, body: Body) -> Body:
        """POST `{"set": ISO or ms}`, `{"advance_s": seconds}` and `{"factor": times real time}`, in this order."""
        clock = self._domain.clock
        if request.method == "POST":
            if not isinstance(clock, VirtualClock):
                raise ValueError("this simulator runs on real time; give it a virtual clock to move it")
            _known(body, {"set", "advance_s", "factor"})
            if (moment := body.get("set")) is not None:
                clock.set(from_iso(moment) if isinstance(moment, str) else int(moment))
            clock.advance(float(body.get("advance_s", 0)))
            if (factor := body.get("factor")) is not None:
                clock.run(float(factor))
        now_ms = clock.now_ms()
        return {"now_ms": now_ms, "now": iso(now_ms), "factor": clock.factor if isinstance(clock, VirtualClock) else 1}

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
            _known(body, {"token"})
            return {"revoked": self._domain.revoke_token(body.get("token"))}
        _known(body, {"scopes", "lasts_s"})
        scopes = tuple(str(scope) for scope in body.get("scopes", [AUDIT_SCOPE]))
        return {"token": self._domain.issue_token(scopes=scopes, lasts_s=float(body.get("lasts_s", 0)))}

    def _events(self, request: Request, body: Body) -> Body:
        """POST `{"events": [...], "visible_at_ms": ms}` to add events live; GET all ever visible, from `offset`, at
        most `count`.
        """
        if request.method == "POST":
            _known(body, {"events", "visible_at_ms"})
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

    def _journal(self, request: Request, body: Body) -> Body:
        """GET the requests from number `since`."""
        journal = self._domain.journal
        return {"total": journal.total, "requests": journal.records(int(request.query_params.get("since", 0)))}


def _json(command: Callable[[Request, Body], Body]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            sent = await request.body()
            answer, status = command(request, msgspec.json.decode(sent, type=Body) if sent else {}), HTTPStatus.OK
        except (ValueError, TypeError) as problem:
            answer, status = {"error": str(problem)}, HTTPStatus.BAD_REQUEST
        return Response(msgspec.json.encode(answer), status, media_type="application/json")

    return handle


def _known(body: Body, names: set[str]) -> None:
    if unknown := sorted(body.keys() - names):
        raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(sorted(names))}")
