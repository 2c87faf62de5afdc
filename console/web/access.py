"""Who may ask: whoever holds the token of this console, which only its owner can read.

Each start makes a new token and writes it to a file for its owner alone (0600), where the command line finds it. A
console that listens beyond this machine needs one that was set on purpose (`console.api_token`).
"""

import contextlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.errors import Refused
from streams.sections import Settings
from streams.settings_rules import is_loopback

TOKEN_FILE: Final = "console.token"  # noqa: S105 - a file's name
OPEN: Final = frozenset({"/healthz"})
"""The only paths without a token: they tell nothing."""


def token_path(settings: Settings) -> Path:
    """Where the token of a running console stands."""
    return Path(settings.streams.data_dir) / TOKEN_FILE


def make_token(settings: Settings) -> str:
    """The token for this run, written where the command line looks for it. Raises Refused where everybody in the
    network could ask."""
    if settings.console.api_token:
        return settings.console.api_token.reveal()
    if not is_loopback(settings.console.host):
        raise Refused(
            f"console.host is {settings.console.host}, which others can reach: set console.api_token (or "
            "EGNYTE_WATCH_CONSOLE__API_TOKEN_FILE) to a long random text, and put TLS in front"
        )
    token = secrets.token_urlsafe(32)
    path = token_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    return token


def known_token(settings: Settings) -> str:
    """The token that the command line asks with. Raises Refused where no console has left one."""
    if settings.console.api_token:
        return settings.console.api_token.reveal()
    try:
        return token_path(settings).read_text().strip()
    except FileNotFoundError:
        raise Refused(
            f"no console has left its token at {token_path(settings)}: start one with `egnyte-watch console`, with the "
            "same streams.data_dir, or set console.api_token to that of a console elsewhere"
        ) from None


class Guard:
    """Lets nobody in without the token, on any path, known or not."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] in OPEN or self._may(Request(scope)):
            await self._app(scope, receive, send)
            return
        refusal: Response = JSONResponse(
            {
                "error": "the token is missing or wrong",
                "advice": "send `Authorization: Bearer <token of this console>`",
            },
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)

    def _may(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(given, self._expected)
