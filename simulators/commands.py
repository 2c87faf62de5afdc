"""What the control endpoints of all stand-ins have in common: JSON in and out, and the clock."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from simulators.clock import Clock, VirtualClock, from_iso, iso

Body = dict[str, Any]


def json_command(command: Callable[[Request, Body], Body]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint of `command`, which is given the decoded body. Its ValueError or TypeError is answered with 400 and
    `{"error": ...}`.
    """

    async def handle(request: Request) -> Response:
        try:
            sent = await request.body()
            answer, status = command(request, msgspec.json.decode(sent, type=Body) if sent else {}), HTTPStatus.OK
        except (ValueError, TypeError) as problem:
            answer, status = {"error": str(problem)}, HTTPStatus.BAD_REQUEST
        return Response(msgspec.json.encode(answer), status, media_type="application/json")

    return handle


def known_only(body: Body, names: set[str]) -> None:
    """Raises ValueError for a body that holds anything but `names`."""
    if unknown := sorted(body.keys() - names):
        raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(sorted(names))}")


def clock_command(clock: Clock, request: Request, body: Body) -> Body:
    """POST `{"set": ISO or ms}`, `{"advance_s": seconds}` and `{"factor": times real time}`, in this order.

    Raises ValueError for a clock of real time, which can't be moved.
    """
    if request.method == "POST":
        if not isinstance(clock, VirtualClock):
            raise ValueError("this simulator runs on real time; give it a virtual clock to move it")
        known_only(body, {"set", "advance_s", "factor"})
        if (moment := body.get("set")) is not None:
            clock.set(from_iso(moment) if isinstance(moment, str) else int(moment))
        clock.advance(float(body.get("advance_s", 0)))
        if (factor := body.get("factor")) is not None:
            clock.run(float(factor))
    now_ms = clock.now_ms()
    return {"now_ms": now_ms, "now": iso(now_ms), "factor": clock.factor if isinstance(clock, VirtualClock) else 1}
