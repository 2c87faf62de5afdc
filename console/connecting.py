"""What `connect` and `rotate` do with a token: try it, keep it, take the old one back."""

import asyncio
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from connectors.egnyte.client import EgnyteClient
from connectors.egnyte.clock import Clock
from connectors.egnyte.oauth import ACTIONS, Grant, OAuth
from connectors.egnyte.prerequisites import Identity, PrerequisiteError, may_read_audit, who_am_i
from connectors.secrets.vault import Entry, Vault
from console.signing_in import ApiKey, sign_in
from streams.errors import Refused
from streams.secret import Secret

Say = Callable[[str], None]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be connected. `key`: the API key to log in with; `token`: one that was brought along."""

    name: str
    url: str
    allow_http: bool = False
    scopes: tuple[str, ...] = ()
    key: ApiKey | None = None
    token: Secret = Secret()
    paste: bool = False


def connected(wish: Wish, clock: Clock, say: Say) -> Entry:
    """The entry of a domain that has passed its tests: whose token, may it read the audit. Nothing is kept yet.

    Raises OAuthError, PrerequisiteError, ValueError for a token that can't be one.
    """
    grant = _grant(wish, clock)
    say("token received" if wish.key is not None else "token taken over")
    identity = asyncio.run(tested(wish, grant.token, clock, say))
    now_ms = clock.now_ms()
    key = wish.key or ApiKey("", Secret(), "")
    return Entry(
        connector=wish.name,
        url=wish.url,
        token=grant.token,
        refresh_token=grant.refresh_token,
        issued_ms=now_ms,
        connected_ms=now_ms,
        expires_ms=now_ms + grant.lasts_s * 1_000 if grant.lasts_s else 0,
        client_id=key.client_id,
        client_secret=key.client_secret,
        redirect_uri=key.redirect_uri,
        scopes=wish.scopes if wish.key is not None else (identity.scopes or ()),
        user=identity.user,
        allow_http=wish.allow_http,
    )


async def tested(wish: Wish, token: Secret, clock: Clock, say: Say) -> Identity:
    """Whose `token` is, once it has shown what it is good for. Raises PrerequisiteError, ValueError."""
    async with EgnyteClient(wish.url, token, allow_http=wish.allow_http, clock=clock) as client:
        identity = await who_am_i(client)
        say(f"signed in as {identity}")
        await may_read_audit(client, identity, clock.now_ms())
    say("may run audit reports, and the domain's plan has them")
    lacking = [scope for scope in wish.scopes if identity.scopes and scope not in identity.scopes]
    if lacking:
        raise PrerequisiteError(
            "scope", f"the token lacks {', '.join(lacking)}, which --actions asks for: allow it, or connect without"
        )
    return identity


def rotated(vault: Vault, entry: Entry, wish: Wish, clock: Clock, say: Say) -> Entry:
    """The entry with a new token, kept, and the old token taken back. The connector goes on from its cursor.

    The old token stays good until the new one has passed its tests, but on domains that give the same one again.
    """
    fresh = connected(wish, clock, say) if wish.key is None else _another(entry, wish, clock, say)
    renewed = replace(fresh, connected_ms=entry.connected_ms, disabled=entry.disabled)
    vault.write(renewed)
    say("new token kept" if fresh.token != entry.token else "that is the token it had already; kept")
    if fresh.token != entry.token:
        revoked(entry, clock, say)
        asyncio.run(_still_good(renewed, clock))
    return renewed


def revoked(entry: Entry, clock: Clock, say: Say) -> None:
    """Has Egnyte end the token of `entry`. Raises OAuthError."""
    if not entry.client_secret:
        say("the old token can't be revoked without its API key: end it in Egnyte's own settings")
        return
    oauth = _oauth(entry.url, ApiKey(entry.client_id, entry.client_secret, entry.redirect_uri), clock)
    asyncio.run(oauth.revoke(entry.token))
    say("old token revoked")


async def _still_good(entry: Entry, clock: Clock) -> None:
    """Raises Refused where the new token has ended with the old one."""
    try:
        async with EgnyteClient(entry.url, entry.token, allow_http=entry.allow_http, clock=clock) as client:
            await who_am_i(client)
    except PrerequisiteError as error:
        if error.kind == "token":
            name = entry.connector
            raise Refused(
                f"Egnyte has ended the new token along with the old one: egnyte-watch rotate {name} once more"
            ) from None
        raise


def _another(entry: Entry, wish: Wish, clock: Clock, say: Say) -> Entry:
    """A token that is not the one before. Older domains give the same one as long as it is good."""
    fresh = connected(wish, clock, say)
    if fresh.token != entry.token:
        return fresh
    say("Egnyte gave the same token again, as older domains do while it is good; it is revoked, once more:")
    revoked(replace(entry, client_secret=fresh.client_secret), clock, say)
    again = connected(wish, clock, say)
    if again.token == entry.token:
        raise Refused("Egnyte gives the same token again and again: end it in Egnyte's own settings, then rotate")
    return again


def _grant(wish: Wish, clock: Clock) -> Grant:
    if wish.key is None:
        return Grant(wish.token, Secret(), 0)
    return sign_in(_oauth(wish.url, wish.key, clock), wish.key, wish.scopes, paste=wish.paste)


def _oauth(url: str, key: ApiKey, clock: Clock) -> OAuth:
    return OAuth(url, key.client_id, key.client_secret, key.redirect_uri, clock=clock)


def wants_actions(entry: Entry) -> bool:
    """Whether it was connected with `--actions`."""
    return bool(set(ACTIONS) & set(entry.scopes))
