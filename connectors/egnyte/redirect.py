"""Receives the browser that Egnyte sends back: one answer on a port of this machine, then no more."""

import html
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

from connectors.egnyte.oauth import OAuthError, code_of
from streams.settings_rules import is_loopback

SLOW_CLIENT_S: Final = 5.0
"""A request has so long to arrive."""
LOOK_S: Final = 0.5
"""How often the deadline is looked at."""


def can_receive(redirect_uri: str) -> bool:
    """Whether the answer to `redirect_uri` comes to this machine, in plain http."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


class Redirect:
    """Listens on the port of `redirect_uri` from the start, for the answer to the question with `state`. Use it as a
    context manager.
    """

    def __init__(self, redirect_uri: str, state: str) -> None:
        """Raises OAuthError where the port is taken."""
        parts = urlsplit(redirect_uri)
        self._path = parts.path or "/"
        self._state = state
        self._answer: str | OAuthError | None = None
        port = 80 if parts.port is None else parts.port
        try:
            self._server = HTTPServer(("127.0.0.1", port), self._handler())
        except OSError as error:
            raise OAuthError(
                "unreachable",
                f"port {port} of this machine can't be listened on ({error.strerror}): free it, or use --paste",
            ) from None
        self._server.timeout = LOOK_S
        self._given_up = False

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> "Redirect":
        return self

    def __exit__(self, *_: object) -> None:
        self._given_up = True
        self._server.server_close()

    def wait(self, timeout_s: float) -> str:
        """The code. Blocks. Raises OAuthError: where it was refused, or none came within `timeout_s`."""
        until = time.monotonic() + timeout_s
        while self._answer is None and not self._given_up:
            if time.monotonic() >= until:
                raise OAuthError(
                    "unreachable", f"no answer came from the browser within {timeout_s:.0f} s: begin again"
                )
            self._server.handle_request()
        if isinstance(self._answer, OAuthError):
            raise self._answer
        return self._answer or ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        redirect = self

        class Handler(BaseHTTPRequestHandler):
            """Anything but the one answer gets an error and changes nothing."""

            timeout = SLOW_CLIENT_S

            def do_GET(self) -> None:
                status, text = redirect._taken(self.path)
                body = f"<!doctype html><title>egnyte-watch</title><p>{html.escape(text)}</p>".encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Nothing: the address holds the code."""

        return Handler

    def _taken(self, target: str) -> tuple[int, str]:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        if parts.path != self._path or not ({"code", "error"} & query.keys()):
            return 404, "There is nothing here."
        if self._answer is not None:
            return 410, "The answer has been received already."
        try:
            self._answer = code_of(query, self._state)
        except OAuthError as error:
            if error.kind != "denied":  # not the answer to our question: whoever sent it, it ends nothing
                return 400, f"{error}."
            self._answer = error
            return 200, "egnyte-watch was not allowed in. You can close this page."
        return 200, "egnyte-watch is allowed in. You can close this page and go back to the terminal."
