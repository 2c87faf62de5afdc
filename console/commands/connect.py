"""`egnyte-watch connect`, `rotate`, `disconnect`, `disable`, `enable`: which domains there are, and their tokens."""

import asyncio
import re
from typing import Annotated, Final, Literal

import typer
from aiokafka.errors import KafkaError
from msgspec.structs import replace
from rich.text import Text

from connectors.egnyte.clock import SystemClock
from connectors.egnyte.cluster import ConnectorCluster
from connectors.egnyte.domain_url import domain_url
from connectors.egnyte.leaving import leave
from connectors.egnyte.oauth import OAuthError
from connectors.egnyte.requests import ask_for_history
from connectors.egnyte.supervisor import settings_of
from connectors.secrets.vault import Entry, Vault
from console.connecting import Wish, connected, revoked, rotated, wants_actions
from console.session import Session, session_of
from console.signing_in import api_key, scopes_for, token_given
from streams.errors import Refused, StreamError
from streams.kafka_admin import admin_client
from streams.sections import DAY_MS

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
HISTORY: Final = re.compile(r"([1-9][0-9]{0,2})d")

Name = Annotated[str, typer.Argument(help="What the connector is called, such as acme: the first part of user keys.")]
Paste = Annotated[
    bool,
    typer.Option("--paste", help="Paste what Egnyte answers, in place of receiving it. Without a browser: always."),
]
TokenFile = Annotated[
    str, typer.Option(metavar="FILE", help="File with an access token that is there already; - for standard input.")
]
ClientId = Annotated[str, typer.Option(help="Client id of the API key. Default: egnyte.client_id, or it is asked for.")]


def connect(
    context: typer.Context,
    name: Name,
    url: Annotated[str, typer.Argument(help="The domain's address, such as https://acme.egnyte.com.")],
    actions: Annotated[
        bool, typer.Option("--actions", help="Also what reading and stopping users, and withdrawing links, needs.")
    ] = False,
    history: Annotated[
        str, typer.Option(metavar="DAYSd", help="First fetch older events, such as 90d, by audit reports.")
    ] = "",
    token_file: TokenFile = "",
    client_id: ClientId = "",
    paste: Paste = False,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Plain http to other machines, for a simulator: it shows the token.")
    ] = False,
) -> None:
    """Connect an Egnyte domain: get a token, try it, and keep it encrypted.

    With EGNYTE_WATCH_EGNYTE__TOKEN (or ..._TOKEN_FILE) set, that token is taken, and nobody is asked anything.
    """
    session = session_of(context)
    vault, clock = Vault(session.settings.vault), SystemClock()
    if not NAME.fullmatch(name):
        raise Refused(
            f"{name!r} can't be a connector's name: up to 63 lower case letters, digits, '.', '_' or '-', the first a "
            "letter or digit, such as acme"
        )
    address = domain_url(url, allow_http=allow_http or session.settings.egnyte.allow_http)
    days = _days(history)
    _not_yet(vault, name, address)
    vault.check()
    if days:
        asyncio.run(_kafka_there(session))
    egnyte = session.settings.egnyte
    wish = Wish(name=name, url=address, allow_http=allow_http or egnyte.allow_http, paste=paste)
    if token_file:
        wish = replace(wish, token=token_given(token_file))
    elif egnyte.token and egnyte.name in {"", name}:
        wish = replace(wish, token=egnyte.token)
        _ok(session, f"using the token of {session.loaded.origins['egnyte.token']}")
    else:
        wish = replace(wish, key=api_key(egnyte, client_id))
    wish = replace(wish, scopes=scopes_for(actions=actions))
    entry = _connected(session, wish)
    if days:
        asyncio.run(
            ask_for_history(settings_of(session.settings, entry), clock.now_ms() - days * DAY_MS, clock.now_ms())
        )
        _ok(session, f"{days} days of older events asked for; they come before the stream begins")
    vault.write(entry)
    _ok(session, f"token kept, encrypted, in {vault.folder}/; {_end(entry)}")
    session.out.print(
        Text.assemble(
            ("Connected. ", "bold green"), "egnyte-watch connector polls it; one that runs begins by itself. "
        )
        + Text("egnyte-watch status shows how it fares.")
    )


def rotate(
    context: typer.Context,
    name: Name,
    token_file: TokenFile = "",
    client_id: ClientId = "",
    paste: Paste = False,
) -> None:
    """Get a new token, revoke the old one, and go on where the connector was."""
    session = session_of(context)
    vault = Vault(session.settings.vault)
    entry = _entry(session, vault, name)
    wish = Wish(
        name=name, url=entry.url, allow_http=entry.allow_http, paste=paste,
        scopes=scopes_for(actions=wants_actions(entry)),
    )  # fmt: skip
    if token_file:
        wish = replace(wish, token=token_given(token_file))
    else:
        wish = replace(wish, key=api_key(session.settings.egnyte, client_id, entry))
    renewed = rotated(vault, entry, wish, SystemClock(), lambda text: _ok(session, text))
    session.out.print(Text.assemble(("Rotated. ", "bold green"), f"{name} goes on where it was; {_end(renewed)}."))


def disconnect(
    context: typer.Context,
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Forget the token even where it can't be revoked.")] = False,
) -> None:
    """Revoke the token and forget it. Events, findings and the cursor stay."""
    session = session_of(context)
    vault = Vault(session.settings.vault)
    entry = _entry(session, vault, name)
    try:
        revoked(entry, SystemClock(), lambda text: _ok(session, text))
    except OAuthError as error:
        if not force:
            raise Refused(f"{error}. Nothing was changed; --force forgets the token all the same") from None
        _warn(session, str(error))
    vault.remove(name)
    _ok(session, "token forgotten")
    _leave(session, entry, "disconnected")
    session.out.print(f"Disconnected. What {name} has published is kept.")


def disable(context: typer.Context, name: Name) -> None:
    """Stop collecting from a domain, and keep its token."""
    session = session_of(context)
    vault = Vault(session.settings.vault)
    entry = _entry(session, vault, name)
    vault.write(replace(entry, disabled=True))
    _leave(session, entry, "disabled")
    session.out.print(
        f"Disabled. Egnyte keeps 7 days of events for the stream: egnyte-watch enable {name} before that."
    )


def enable(context: typer.Context, name: Name) -> None:
    """Collect from a disabled domain again, from where it was."""
    session = session_of(context)
    vault = Vault(session.settings.vault)
    vault.write(replace(_entry(session, vault, name), disabled=False))
    session.out.print(f"Enabled. A running egnyte-watch connector takes {name} up by itself.")


async def _kafka_there(session: Session) -> None:
    """Raises BrokerAwayError: before anybody has logged in, not after."""
    async with admin_client(session.settings):
        pass


def _connected(session: Session, wish: Wish) -> Entry:
    try:
        return connected(wish, SystemClock(), lambda text: _ok(session, text))
    except ValueError as error:
        raise Refused(str(error)) from None


def _days(history: str) -> int:
    if not history:
        return 0
    found = HISTORY.fullmatch(history.strip().lower())
    if found is None:
        raise Refused(f"--history {history!r}: give a number of days, such as 90d")
    return int(found[1])


def _not_yet(vault: Vault, name: str, address: str) -> None:
    """Raises Refused where the name or the domain is connected already."""
    for each in vault.names():
        if each == name:
            raise Refused(
                f"{name} is connected already: egnyte-watch rotate {name} gets a new token, egnyte-watch disconnect "
                f"{name} forgets it"
            )
        entry = vault.read(each)
        if entry is not None and entry.url == address:
            raise Refused(f"{address} is connected already, as {each}: twice, each of its events would count twice")


def _entry(session: Session, vault: Vault, name: str) -> Entry:
    entry = vault.read(name)
    if entry is not None:
        return entry
    if name and name == session.settings.egnyte.name and session.settings.egnyte.token:
        origin = session.loaded.origins["egnyte.token"]
        raise Refused(f"{name} has its token from the settings ({origin}): change it there, or connect it")
    there = ", ".join(vault.names()) or "none"
    raise Refused(f"{name!r} is not connected; connected are: {there}")


def _leave(session: Session, entry: Entry, state: Literal["disabled", "disconnected"]) -> None:
    """Says so on the topic. Whether the connector runs, the vault decides: a Kafka that is away is no failure."""
    settings = settings_of(session.settings, entry)
    client_id = f"{settings.kafka.topic_prefix}-watch-connector-{entry.connector}"

    async def say() -> None:
        await leave(settings, state, ConnectorCluster(settings, client_id), SystemClock())

    try:
        asyncio.run(say())
    except (StreamError, KafkaError, OSError, TimeoutError) as error:
        _warn(session, f"its status could not be written: {error}")


def _end(entry: Entry) -> str:
    if not entry.expires_ms:
        return "Egnyte names no end for it"
    days = (entry.expires_ms - entry.issued_ms) // DAY_MS
    return f"it lasts {days} days" + (" and renews itself" if entry.refresh_token else "; rotate it before")


def _ok(session: Session, text: str) -> None:
    session.out.print(Text.assemble(("ok    ", "green"), text))


def _warn(session: Session, text: str) -> None:
    session.out.print(Text.assemble(("warn  ", "yellow"), text))


__all__ = ["connect", "disable", "disconnect", "enable", "rotate"]
