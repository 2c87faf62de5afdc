"""A console for the tests, over real HTTP."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and is made at once: httpx's own takes 50 ms to read all authorities, for each client."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def browser(address: str) -> httpx.Client:
    """Asks for pages as browsers do, and keeps cookies."""
    return httpx.Client(
        base_url=address, headers={"Accept": "text/html"}, trust_env=False, follow_redirects=True, verify=NO_TLS
    )
