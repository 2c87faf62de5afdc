"""The fence around all routes, known or not: nobody in without token or session, nothing changed without being meant.

A program sends the console's token and may do everything. A browser sends the cookie of a session; what it posts must
bring the session's CSRF token too, and each path asks for a role.
"""

import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.sessions import Role, Session, Sessions

PROVIDER: Final = "/login/provider"
CALLBACK: Final = "/login/callback"
"""To the OpenID provider, and back from it."""
OPEN: Final = frozenset(
    {
        "/healthz",
        "/login",
        PROVIDER,
        CALLBACK,
        "/assets/console.css",
        "/assets/console.js",
        "/assets/icon.svg",
        "/assets/land.svg",
    }
)
"""The only paths without a session or token: they tell nothing of what the console holds."""
NEWS: Final = "/events"
"""Asked for by pages themselves: it keeps no session alive."""
COOKIE: Final = "egnyte-watch-session"
CSRF_FIELD: Final = "csrf"
MAX_FORM_BYTES: Final = 64 * 1024
READING: Final = frozenset({"GET", "HEAD"})
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every answer (OWASP, HTTP headers). The referrer stays within the console: the way back from a form is in it."""
KEPT: Final = "public, max-age=3600"
NOT_KEPT: Final = "no-store"


def role_for(method: str, path: str) -> Role:
    """The least role that may ask this: whoever is in may look and sign out, analysts may judge, admins may act."""
    if method in READING or path == "/logout":
        return "viewer"
    return "admin" if path.startswith("/governance") else "analyst"


class Guard:
    """Lets nobody in without token or session, on any path, known or not; and gives every answer its headers.

    Handlers find the session in `request.state.session` (None for a program with the token), and what was posted in
    `request.state.form`.
    """

    def __init__(self, app: ASGIApp, token: str, sessions: Sessions) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers["Cache-Control"] = KEPT if scope["path"].startswith("/assets/") else NOT_KEPT
            await send(message)

        request = Request(scope, receive)
        refusal = await self._refusal(request)
        await (refusal or self._app)(scope, receive, sealed)

    async def _refusal(self, request: Request) -> Response | None:
        """What is answered instead, None where the request goes on."""
        # Of the scope, as routes are chosen: `request.url` is put together with the caller's Host header.
        state, path = request.state, str(request.scope["path"])
        state.session, state.form = None, {}
        if hmac.compare_digest(request.headers.get("authorization", "").encode(), self._expected):
            return None
        session = state.session = self._sessions.known(cookie_of(request), used=path != NEWS)
        is_open = path in OPEN
        if session is None and not is_open:
            return _stranger(request)
        if session is not None and not is_open and not session.may(role_for(request.method, path)):
            return PlainTextResponse(f"your role, {session.role}, may not do this: ask for another", 403)
        return None if request.method in READING else await _unmeant(request, session, is_open=is_open)


async def _unmeant(request: Request, session: Session | None, *, is_open: bool) -> Response | None:
    """The refusal of what a person did not send from a page of this console; takes the form in."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return PlainTextResponse("this came from another site", 403)
    taken = bytearray()
    async for piece in request.stream():
        taken += piece
        if len(taken) > MAX_FORM_BYTES:
            return PlainTextResponse(f"a form has at most {MAX_FORM_BYTES:,} bytes", 413)
    try:
        form = dict(parse_qsl(taken.decode(), max_num_fields=100))
    except ValueError:
        return PlainTextResponse("this is no form", 400)
    given = form.pop(CSRF_FIELD, "").encode()
    if session is not None and not is_open and not hmac.compare_digest(given, session.csrf.encode()):
        return PlainTextResponse("the form is too old or came from elsewhere: reload the page and send it again", 403)
    request.state.form = form
    return None


def cookie_of(request: Request, name: str = COOKIE) -> str:
    """The id of the session that the browser sent, or another cookie; empty where it sent none."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _stranger(request: Request) -> Response:
    path, query = str(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if wants_page and not path.startswith("/api/"):
        asked = quote(path) + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='')}", 303)
    return JSONResponse(
        {"error": "the token is missing or wrong", "advice": "send `Authorization: Bearer <token of this console>`"},
        status_code=401,
        headers={"WWW-Authenticate": "Bearer"},
    )
