"""News for open pages, by server-sent events: that findings have come, not what they are."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

QUIET_S: Final = 15.0
"""After so long without news a comment is sent, so that whoever is in between keeps the connection."""
LONGEST_S: Final = 600.0
"""Then it ends, and the page asks again."""
MAX_LISTENERS: Final = 100
MAX_OF_ONE: Final = 20
"""Of one session: nobody takes all of them."""


class Listener:
    """One open page. What comes while it is slow to read is added up: it costs one number."""

    def __init__(self, person: str) -> None:
        self.person = person
        self._number = 0
        self._more = asyncio.Event()

    def add(self, number: int) -> None:
        """So many more have come."""
        self._number += number
        self._more.set()

    async def taken(self) -> int:
        """How many came since it was last asked; waits for some, `QUIET_S` at most: then 0."""
        try:
            await asyncio.wait_for(self._more.wait(), QUIET_S)
        except TimeoutError:
            return 0
        number, self._number = self._number, 0
        self._more.clear()
        return number


class News:
    """The route `/events`. `stored` is for the archive's follower to call, in the loop that serves."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.routes = [Route("/events", self._listen)]

    def stored(self, counts: Mapping[str, int]) -> None:
        """The archive has got so many rows, by table."""
        number = counts.get("finding_records", 0)
        for listener in self._listeners if number else ():
            listener.add(number)

    async def _listen(self, request: Request) -> Response:
        session = request.state.session
        person = session.csrf if session is not None else ""
        mine = sum(each.person == person for each in self._listeners)
        if len(self._listeners) >= MAX_LISTENERS or mine >= MAX_OF_ONE:
            return PlainTextResponse("too many pages listen", 503)
        return StreamingResponse(self._stream(person, request.state.is_in), media_type="text/event-stream")

    async def _stream(self, person: str, is_in: Callable[[], bool]) -> AsyncIterator[str]:
        """`is_in`: whether who listens is still signed in; else they are told nothing more."""
        listener = Listener(person)
        self._listeners.add(listener)
        ends = asyncio.get_running_loop().time() + LONGEST_S
        try:
            yield "retry: 5000\n\n"
            while asyncio.get_running_loop().time() < ends:
                number = await listener.taken()
                if not is_in():
                    return
                yield f"event: findings\ndata: {number}\n\n" if number else ": nothing new\n\n"
        finally:
            self._listeners.discard(listener)
