"""Serves a simulator over HTTP, on a real socket."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from email.utils import formatdate
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.egnyte.control import Control
from simulators.egnyte.domain import Domain
from simulators.egnyte.pubapi import PublicApi
from simulators.egnyte.wire import Wire

GRACE_S: Final = 1
"""Answers under way at the end (a slow one, say) get so long, then they are cut."""


@contextlib.asynccontextmanager
async def serve(domain: Domain, host: str, port: int) -> AsyncIterator[str]:
    """Serves `domain` while the context lasts; yields its base URL. Raises OSError where the port is taken."""
    wire = Wire()
    app = _Dated(Starlette(routes=PublicApi(domain, wire).routes() + Control(domain).routes()), domain)
    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False, date_header=False,
        server_header=False, timeout_graceful_shutdown=GRACE_S,
    )  # fmt: skip
    server = _Server(config)
    wire.attach(server)
    listener = _listener(host, port)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.ready.wait()
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.done.set()
        await running


def _listener(host: str, port: int) -> socket.socket:
    # The protocol is named: only then asyncio turns Nagle's algorithm off, which would delay each answer by 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as problem:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {problem.strerror}") from problem
    return listener


class _Server(uvicorn.Server):
    """A server that is part of a program: it leaves signals to it, and ends when it is told to rather than when it
    looks.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.done = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.ready.set()
        await self.done.wait()


class _Dated:
    """Adds the Date header: the simulator's time."""

    def __init__(self, app: ASGIApp, domain: Domain) -> None:
        self._app = app
        self._domain = domain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._domain.clock.now_ms() / 1_000, usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        await self._app(scope, receive, dated)
