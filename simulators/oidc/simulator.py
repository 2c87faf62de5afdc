"""The provider over HTTP: discovery, sign-in, tokens, keys, sign-out. Whoever comes is `user`, without being asked."""

import base64
import hashlib
import html
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlencode

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from simulators.oidc.keys import Algorithm, SigningKey, forged

TOKEN_S: Final = 300
MARA: Final = {"sub": "5b1f", "preferred_username": "mara@acme.example", "roles": ["console-admins"]}


class Asked(msgspec.Struct, frozen=True):
    """What a browser brought to the sign-in page."""

    redirect_uri: str
    nonce: str
    challenge: str


class Behaviour(msgspec.Struct, kw_only=True):
    """What it does; changed to have it do what providers, and attackers, do.

    `calls_itself`: an issuer that is not its own. `redirect_uris`: those registered. `user`: claims of who signs in.
    `spoilt`: claims put over the right ones, None leaves one out. `forge`: sign by `none`, or by HS256 with the
    published key. `stranger`: sign with this key, which is not published. `refusal`: the error that people come back
    with. `asks`: people have to say yes on a page of its own, else they are sent back at once. `away`: answer 503.
    `methods`: how clients may prove themselves.
    """

    client_id: str = "console"
    client_secret: str = "s3cret"  # noqa: S105 - a simulated one
    redirect_uris: set[str] = msgspec.field(default_factory=set)
    calls_itself: str = ""
    user: dict[str, Any] = msgspec.field(default_factory=lambda: dict(MARA))
    spoilt: dict[str, Any] = msgspec.field(default_factory=dict)
    forge: Literal["none", "HS256"] | None = None
    stranger: SigningKey | None = None
    refusal: str = ""
    asks: bool = False
    away: bool = False
    methods: tuple[str, ...] = ("client_secret_post", "client_secret_basic")


class OidcSimulator:
    """`issuer`: its own address, once it is served. `does`: how it behaves. `asked`: requests by path."""

    def __init__(self) -> None:
        self.issuer = ""
        self.does = Behaviour()
        self.asked: dict[str, int] = {}
        self.key = SigningKey()
        self._codes: dict[str, Asked] = {}
        routes: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/.well-known/openid-configuration": self._metadata,
            "/authorize": self._authorize,
            "/token": self._token,
            "/jwks": self._jwks,
            "/logout": self._logout,
        }
        self.app = Starlette(
            routes=[Route(path, self._counted(path, does), methods=["GET", "POST"]) for path, does in routes.items()]
        )

    def rotate(self, algorithm: Algorithm = "RS256") -> None:
        """A new key in the place of the one that was published."""
        self.key = SigningKey(algorithm)

    def _counted(
        self, path: str, does: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def counted(request: Request) -> Response:
            self.asked[path] = self.asked.get(path, 0) + 1
            return PlainTextResponse("maintenance", 503) if self.does.away else await does(request)

        return counted

    async def _metadata(self, _: Request) -> Response:
        names = {"authorization": "authorize", "token": "token", "end_session": "logout"}
        return JSONResponse(
            {
                "issuer": self.does.calls_itself or self.issuer,
                **{f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in names.items()},
                "jwks_uri": f"{self.issuer}/jwks",
                "token_endpoint_auth_methods_supported": self.does.methods,
            }
        )

    async def _authorize(self, request: Request) -> Response:
        given = request.query_params
        if given.get("client_id") != self.does.client_id or given.get("redirect_uri") not in self.does.redirect_uris:
            return PlainTextResponse("this application is not registered, or not with this address", 400)
        if self.does.asks and "yes" not in given:
            target = html.escape(f"/authorize?{urlencode([*given.items(), ('yes', '1')])}")
            return HTMLResponse(f'<!doctype html><title>Provider</title><a href="{target}">Yes, it is me</a>')
        answer = {"state": given.get("state", ""), "iss": self.issuer}
        proper = given.get("response_type") == "code" and "openid" in given.get("scope", "").split()
        if not proper or given.get("code_challenge_method") != "S256" or not given.get("code_challenge"):
            answer |= {"error": "invalid_request"}
        elif self.does.refusal:
            answer |= {"error": self.does.refusal, "error_description": "<b>as asked</b>"}
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = Asked(given["redirect_uri"], given.get("nonce", ""), given["code_challenge"])
        return RedirectResponse(f"{given['redirect_uri']}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if not self._knows(request, form):
            return JSONResponse({"error": "invalid_client", "error_description": "unknown client or secret"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        proven = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or form.get("redirect_uri") != asked.redirect_uri:
            return JSONResponse({"error": "invalid_grant", "error_description": "unknown code"}, 400)
        if proven.decode().rstrip("=") != asked.challenge:
            return JSONResponse({"error": "invalid_grant", "error_description": "PKCE failed"}, 400)
        return JSONResponse({"access_token": "-", "token_type": "Bearer", "id_token": self._id_token(asked)})

    def _knows(self, request: Request, form: dict[str, str]) -> bool:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(text).decode().partition(":")
            given, method = (unquote(name), unquote(secret)), "client_secret_basic"
        else:
            given, method = (form.get("client_id", ""), form.get("client_secret", "")), "client_secret_post"
        known = given == (self.does.client_id, self.does.client_secret)
        return known and (method in self.does.methods or not self.does.client_secret)

    def _id_token(self, asked: Asked) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.does.client_id,
            "iat": now,
            "exp": now + TOKEN_S,
            "nonce": asked.nonce,
        }
        claims = {
            name: value for name, value in (claims | self.does.user | self.does.spoilt).items() if value is not None
        }
        if self.does.forge:
            return forged(claims, self.does.forge, self.key.published())
        return (self.does.stranger or self.key).signed(claims, self.key.name)

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.published()]})

    async def _logout(self, request: Request) -> Response:
        return RedirectResponse(request.query_params.get("post_logout_redirect_uri", "/"), 302)
