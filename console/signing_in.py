"""Gets a token for an Egnyte domain from the person in front of the terminal: the page at Egnyte, and its answer."""

import asyncio
import os
import sys
import threading
import webbrowser
from typing import Final

import msgspec
import typer

from connectors.egnyte.oauth import ACTIONS, AUDIT, Grant, OAuth, code_in, new_state
from connectors.egnyte.redirect import Redirect, can_receive
from connectors.secrets.vault import Entry
from streams.errors import Refused
from streams.secret import Secret
from streams.sections import EgnyteSettings

WAIT_S: Final = 300.0
"""For somebody to log in, with a second factor, and to say yes."""


class ApiKey(msgspec.Struct, frozen=True):
    """What Egnyte gave the company for its own programs, and where it sends browsers back to."""

    client_id: str
    client_secret: Secret
    redirect_uri: str


def scopes_for(*, actions: bool) -> tuple[str, ...]:
    """As few as will do."""
    return (AUDIT, *ACTIONS) if actions else (AUDIT,)


def api_key(settings: EgnyteSettings, client_id: str = "", entry: Entry | None = None) -> ApiKey:
    """The API key: of the option, of `entry` in the vault, or of the settings; asked for where a terminal is there.

    Raises Refused where nobody can be asked.
    """
    known = entry.client_id if entry is not None else ""
    named = client_id or known or settings.client_id
    secret = settings.client_secret if settings.client_id in {"", named} else Secret()
    if not secret and entry is not None and named == known:
        secret = entry.client_secret
    lacking = [name for name, value in (("client_id", named), ("client_secret", secret)) if not value]
    if lacking and not sys.stdin.isatty():
        names = " and ".join(f"egnyte.{name}" for name in lacking)
        raise Refused(
            f"{names} not set, and there is no terminal to ask on: set them (EGNYTE_WATCH_EGNYTE__CLIENT_ID, "
            "EGNYTE_WATCH_EGNYTE__CLIENT_SECRET_FILE), or bring a token: --token-file"
        )
    named = named or typer.prompt("Client id of the API key").strip()
    secret = secret or Secret(typer.prompt("Its client secret (not shown)", hide_input=True).strip())
    redirect_uri = settings.redirect_uri
    if entry is not None and entry.redirect_uri and named == entry.client_id:
        redirect_uri = entry.redirect_uri
    return ApiKey(named, secret, redirect_uri)


def sign_in(oauth: OAuth, key: ApiKey, scopes: tuple[str, ...], *, paste: bool, wait_s: float = WAIT_S) -> Grant:
    """The token that a person allows. Raises OAuthError, and typer.Abort where they give up.

    People are waited for outside of any event loop, so that Ctrl-C ends it at once.
    """
    state = new_state()
    page = oauth.page(scopes, state)
    browser = None if paste else _browser()
    if browser is not None and can_receive(key.redirect_uri):
        code = _received(browser, page, key.redirect_uri, state, scopes, wait_s)
    else:
        typer.echo(f"Open this page in a browser, log in, and allow {', '.join(scopes)}:")
        typer.echo(f"  {page}")
        typer.echo(
            f"Egnyte then sends the browser to {key.redirect_uri}, which may show nothing or an error: that does not "
            "matter."
        )
        code = code_in(typer.prompt("Paste the address it was sent to, or the code"), state)
    return asyncio.run(oauth.exchange(code, scopes))


def _received(
    browser: webbrowser.BaseBrowser, page: str, redirect_uri: str, state: str, scopes: tuple[str, ...], wait_s: float
) -> str:
    """The code that the browser brings back."""
    with Redirect(redirect_uri, state) as redirect:
        typer.echo(
            f"Egnyte's page opens in the browser: log in, and allow {', '.join(scopes)}. If it does not, open it:"
        )
        typer.echo(f"  {page}")
        typer.echo(f"Waiting for the answer at {redirect_uri}, {wait_s / 60:.0f} min at most; Ctrl-C ends.")
        threading.Thread(target=browser.open, args=(page,), daemon=True).start()  # some wait until they are closed
        return redirect.wait(wait_s)


def token_given(file: str) -> Secret:
    """The token in `file`, or on standard input for `-`. Raises Refused."""
    try:
        if file == "-":
            text = sys.stdin.read(65_536)
        else:
            with open(file, encoding="utf-8") as opened:
                text = opened.read(65_536)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise Refused(f"--token-file {file}: {reason}: give a file that holds the access token alone") from None
    token = text.strip()
    if not token or any(not "!" <= each <= "~" for each in token):
        raise Refused(
            f"--token-file {file} is empty, or holds more than one word: give a file that holds the access token alone"
        )
    return Secret(token)


def _browser() -> webbrowser.BaseBrowser | None:
    """A browser that people can be shown a page in; None on a server. One that would take over the terminal is none,
    unless it was asked for (BROWSER).
    """
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return None
    if type(found) is webbrowser.GenericBrowser and not os.environ.get("BROWSER"):
        return None
    return found
