"""One request on its way to an answer, as endpoints see it."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from simulators.egnyte.access import Grant
from simulators.egnyte.domain import Domain
from simulators.egnyte.journal import Record


class Exchange:
    """One request, and what the journal will say of it."""

    def __init__(self, domain: Domain, request: Request) -> None:
        self.domain = domain
        self.request = request
        self.now_ms = domain.clock.now_ms()
        self.record = Record(number=0, at_ms=self.now_ms, method=request.method, path=request.url.path, status=0)

    def note(self, **facts: object) -> None:
        """Adds facts to the journal's record."""
        self.record = msgspec.structs.replace(self.record, **facts)


Endpoint = Callable[[Exchange, Grant], Awaitable[bytes | Response]]
"""Gives the JSON of a 200, or an answer of another kind."""
