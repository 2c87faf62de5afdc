"""Answers that a well-behaved server cannot give: cut in the middle, stopped, or reset."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping

import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class Wire:
    """The connections below the HTTP server."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None

    def attach(self, server: uvicorn.Server) -> None:
        """Says whose connections these are."""
        self._server = server

    def transport(self, scope: Scope) -> asyncio.Transport:
        """The transport under the request of `scope`. Raises LookupError where it is gone."""
        if self._server is not None:
            for connection in self._server.server_state.connections:
                if isinstance(connection, H11Protocol) and connection.client == scope["client"]:
                    return connection.transport
        raise LookupError("the connection is gone")


class Reset(Response):
    """Resets the connection (TCP RST) instead of answering."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends nothing."""
        transport = self._wire.transport(scope)
        linger_s = 0
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger_s))
        transport.abort()
        await _until_gone(receive)


class Truncated(Response):
    """Closes the connection after half of the body."""

    def __init__(self, whole: Response, wire: Wire) -> None:
        super().__init__(whole.body, whole.status_code, _plain(whole), whole.media_type)
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the headers of the whole body, and half of it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        self._wire.transport(scope).close()
        await _until_gone(receive)


class Stalled(Response):
    """Waits in the middle of the body."""

    def __init__(self, whole: Response, pause: Callable[[], Awaitable[None]]) -> None:
        super().__init__(whole.body, whole.status_code, _plain(whole), whole.media_type)
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends half of the body, pauses, and sends the rest."""
        half = len(self.body) // 2
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[:half], "more_body": True})
        await self._pause()
        await send({"type": "http.response.body", "body": bytes(self.body)[half:], "more_body": False})


def _plain(response: Response) -> Mapping[str, str]:
    return {name: value for name, value in response.headers.items() if name not in {"content-length", "content-type"}}


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
