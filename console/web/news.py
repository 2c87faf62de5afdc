"""News for open pages, by server-sent events: that findings have come, not what they are."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

QUIET_S: Final = 15.0
"""After so long without news a comment is sent, so that whoever is in between keeps the connection."""
LONGEST_S: Final = 600.0
"""Then it ends, and the page asks again: whoever was signed out meanwhile is told nothing more."""
MAX_LISTENERS: Final = 100
WAITING: Final = 100
"""News that one slow page may have waiting; more is left out."""


class News:
    """The route `/events`. `stored` is for the archive's follower to call, in the loop that serves."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[int]] = set()
        self.routes = [Route("/events", self._listen)]

    def stored(self, counts: Mapping[str, int]) -> None:
        """The archive has got so many rows, by table."""
        number = counts.get("finding_records", 0)
        for queue in self._listeners if number else ():
            if not queue.full():
                queue.put_nowait(number)

    async def _listen(self, _: Request) -> Response:
        if len(self._listeners) >= MAX_LISTENERS:
            return PlainTextResponse("too many pages listen", 503)
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[int] = asyncio.Queue(WAITING)
        self._listeners.add(queue)
        ends = asyncio.get_running_loop().time() + LONGEST_S
        try:
            yield "retry: 5000\n\n"
            while asyncio.get_running_loop().time() < ends:
                try:
                    number = await asyncio.wait_for(queue.get(), QUIET_S)
                except TimeoutError:
                    yield ": nothing new\n\n"
                else:
                    yield f"event: findings\ndata: {number}\n\n"
        finally:
            self._listeners.discard(queue)
