"""Serves a stand-in over HTTP, on a real socket."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from email.utils import formatdate
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.clock import Clock
from simulators.wire import Wire

GRACE_S: Final = 1
"""Answers under way at the end (a slow one, say) get so long, then they are cut."""


@contextlib.asynccontextmanager
async def serving(routes: Sequence[Route], wire: Wire, clock: Clock, host: str, port: int) -> AsyncIterator[str]:
    """Serves `routes` while the context lasts, dated by `clock`; yields the base URL. Raises OSError where the port is
    taken.
    """
    config = uvicorn.Config(
        _Dated(Starlette(routes=routes), clock), http="h11", ws="none", lifespan="off", log_config=None,
        access_log=False, date_header=False, server_header=False, timeout_graceful_shutdown=GRACE_S,
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


def told_to_stop() -> asyncio.Event:
    """Set by SIGINT or SIGTERM. Call it in the loop that waits."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


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

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._clock.now_ms() / 1_000, usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        await self._app(scope, receive, dated)
