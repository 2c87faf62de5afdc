"""The token of a console, which only its owner can read: what the command line asks with, and people sign in with.

Each start makes a new token and writes it to a file for its owner alone (0600), where the command line finds it. A
console that listens beyond this machine needs an OpenID provider that signs people in (`oidc.issuer`), or a token that
was set on purpose (`console.api_token`).
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from streams.errors import Refused
from streams.sections import Settings
from streams.settings_rules import is_loopback

TOKEN_FILE: Final = "console.token"  # noqa: S105 - a file's name
SHORTEST: Final = 32
"""Characters of a token that somebody sets: 128 bits, written as hexadecimal digits."""


def token_path(settings: Settings) -> Path:
    """Where the token of a running console stands."""
    return Path(settings.streams.data_dir) / TOKEN_FILE


def make_token(settings: Settings) -> str:
    """The token for this run, written where the command line looks for it. Raises Refused where everybody in the
    network could ask."""
    if given := settings.console.api_token.reveal():
        if len(given) < SHORTEST:
            raise Refused(
                f"console.api_token has {len(given)} characters, at least {SHORTEST} are needed: it opens everything. "
                "Set a long random text, as `openssl rand -hex 32` gives one"
            )
        return given
    if not is_loopback(settings.console.host) and not settings.oidc.issuer:
        raise Refused(
            f"console.host is {settings.console.host}, which others can reach: set oidc.issuer, so that people sign in "
            "with their own accounts, or console.api_token (or EGNYTE_WATCH_CONSOLE__API_TOKEN_FILE) to a long random "
            "text; and put TLS in front"
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
