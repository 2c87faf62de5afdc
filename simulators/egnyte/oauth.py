"""OAuth of one domain: API keys, codes, tokens and their refreshment, as far as it is known of Egnyte."""

import secrets
from typing import Final, Literal

import msgspec

from simulators.egnyte.access import Access, Account, Grant, new_token
from simulators.egnyte.refusals import RefusedError
from simulators.egnyte.switches import Switches

HOUR_MS: Final = 3_600_000
KNOWN_SCOPES: Final = frozenset(
    f"Egnyte.{name}"
    for name in (
        "filesystem", "audit", "user", "group", "permission", "link", "webhooks", "bookmark", "launchwebsession",
        "salesforce", "ai", "sign", "documentportal", "uploadrequests", "etmf", "controlleddocs", "projectfolders",
        "integrations",
    )
)  # fmt: skip

GrantType = Literal["authorization_code", "refresh_token", "password"]


class App(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key. `redirect_uris`: those registered; none: any. `internal`: it logs in by password only."""

    client_id: str = "egnyte-watch"
    client_secret: str = "s3cret-of-the-api-key"  # noqa: S105 - a simulated one
    redirect_uris: tuple[str, ...] = ()
    internal: bool = False


class Request(msgspec.Struct, frozen=True):
    """What a browser is sent with to ask for a code, checked. `no_redirect`: the code is shown on the page instead."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    no_redirect: bool = False


class _Code(msgspec.Struct, frozen=True):
    request: Request
    account: Account
    expires_ms: int


class TokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the token endpoint says. Older domains say neither an end nor a refresh token."""

    access_token: str
    token_type: str = msgspec.field(default_factory=lambda: "bearer")
    expires_in: int = 0
    refresh_token: str = ""


class OAuth:
    """Codes and refresh tokens of one domain; the access tokens themselves are in its `Access`."""

    def __init__(self, access: Access) -> None:
        self.apps: dict[str, App] = {}
        self._access = access
        self._codes: dict[str, _Code] = {}
        self._refreshes: dict[str, Grant] = {}
        self._asked_ms: dict[str, list[int]] = {}

    def register(self, app: App) -> None:
        """Lets the API key `app` ask for tokens."""
        self.apps[app.client_id] = app

    def asked(self, names: dict[str, str]) -> Request:
        """The request in a query string. Raises RefusedError (400)."""
        app = self.apps.get(names.get("client_id", ""))
        if app is None:
            raise RefusedError(400, "The client_id is not known", "invalid_client")
        if app.internal:
            raise RefusedError(
                400, "Incorrect request type GET for the resource owner password credentials flow", "invalid_request"
            )
        redirect_uri = names.get("redirect_uri", "")
        if not redirect_uri or (app.redirect_uris and redirect_uri not in app.redirect_uris):
            raise RefusedError(400, "The redirect_uri is not the one registered for this key", "invalid_request")
        if names.get("response_type") != "code":
            raise RefusedError(400, "The response_type is not supported", "unsupported_response_type")
        no_redirect = names.get("no_redirect") == "true"
        return Request(app.client_id, redirect_uri, _scopes(names), names.get("state", ""), no_redirect)

    def code(self, request: Request, account: Account, switches: Switches, now_ms: int) -> str:
        """A code for `account`, who has agreed to `request`."""
        code = secrets.token_urlsafe(12)
        self._codes[code] = _Code(request, account, now_ms + switches.code_lasts_s * 1_000)
        return code

    def wait_s(self, client_id: str, switches: Switches, now_ms: int) -> int:
        """Counts one request to the token endpoint; seconds to wait where it is one too many in an hour, else 0."""
        recent = [then for then in self._asked_ms.get(client_id, []) if now_ms - then < HOUR_MS]
        over = bool(switches.token_requests_per_hour) and len(recent) >= switches.token_requests_per_hour
        self._asked_ms[client_id] = recent if over else [*recent, now_ms]
        return -(-(recent[0] + HOUR_MS - now_ms) // 1_000) if over else 0

    def token(self, form: dict[str, str], account: Account, switches: Switches, now_ms: int) -> TokenAnswer:
        """The answer to a form of any grant type. Raises RefusedError (400, 401)."""
        app = self.apps.get(form.get("client_id", ""))
        if app is None or not secrets.compare_digest(
            app.client_secret.encode(), form.get("client_secret", "").encode()
        ):
            raise RefusedError(401, "Client authentication failed", "invalid_client")
        match form.get("grant_type"):
            case "authorization_code":
                found = self._codes.pop(form.get("code", ""), None)
                if found is None or found.expires_ms <= now_ms or found.request.client_id != app.client_id:
                    raise RefusedError(400, "The code is wrong, used or expired", "invalid_grant")
                if found.request.redirect_uri != form.get("redirect_uri"):
                    raise RefusedError(400, "The redirect_uri is not the one of the code", "invalid_grant")
                return self._issued(found.account, found.request.scopes, app, switches, now_ms)
            case "refresh_token":
                return self._refreshed(form.get("refresh_token", ""), app, switches, now_ms)
            case "password" if app.internal:
                if (form.get("username"), form.get("password")) != (account.username, account.password):
                    raise RefusedError(400, "The user name or password is wrong", "invalid_grant")
                return self._issued(account, _scopes(form), app, switches, now_ms)
        raise RefusedError(400, "The grant_type is not supported for this key", "unsupported_grant_type")

    def revoke(self, token: str) -> bool:
        """Ends an access token and its refresh token; False where it was unknown."""
        self._refreshes = {key: grant for key, grant in self._refreshes.items() if grant.token != token}
        return self._access.revoke(token)

    def forget(self, account: Account) -> None:
        """Ends all tokens of `account`, as a change of its password does."""
        for token in self._access.tokens(account):
            self.revoke(token)

    def _issued(
        self, account: Account, scopes: tuple[str, ...], app: App, switches: Switches, now_ms: int
    ) -> TokenAnswer:
        lasts_s = switches.token_lasts_s
        token = new_token()
        if switches.same_token and (there := self._access.latest(account, app.client_id, now_ms)) is not None:
            token = there.token
        expires_ms = now_ms + lasts_s * 1_000 if lasts_s else -1
        grant = Grant(token, account, scopes, client_id=app.client_id, expires_ms=expires_ms)
        self._access.issue(grant)
        refresh = ""
        if switches.refresh_tokens and lasts_s:
            refresh = secrets.token_urlsafe(24)
            self._refreshes[refresh] = grant
        return TokenAnswer(token, expires_in=lasts_s, refresh_token=refresh)

    def _refreshed(self, refresh: str, app: App, switches: Switches, now_ms: int) -> TokenAnswer:
        grant = self._refreshes.get(refresh)
        if grant is None or grant.client_id != app.client_id:
            raise RefusedError(400, "The refresh token is wrong, used or expired", "invalid_grant")
        if switches.refresh_revokes:
            self._access.revoke(grant.token)
        del self._refreshes[refresh]
        fresh = self._issued(grant.account, grant.scopes, app, switches, now_ms)
        if switches.refresh_rotates or not fresh.refresh_token:
            return fresh
        self._refreshes[refresh] = self._refreshes.pop(fresh.refresh_token)
        return msgspec.structs.replace(fresh, refresh_token="")


def _scopes(names: dict[str, str]) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(names.get("scope", "").split()))
    if unknown := [scope for scope in scopes if scope not in KNOWN_SCOPES]:
        raise RefusedError(400, f"Unknown scope {', '.join(unknown)}", "invalid_scope")
    return scopes
