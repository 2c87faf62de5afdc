"""The fence around all routes, known or not: nobody in without token or session, nothing changed without being meant.

A program sends the console's token and may do everything. A browser sends the cookie of a session; what it posts must
bring the session's CSRF token too, and each path asks for a role.
"""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.rendering import render
from console.web.sessions import Guesses, Role, Session, Sessions

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
OWN: Final = frozenset({"/logout", "/searches", "/searches/forget"})
"""What is posted there changes nothing but what is one's own."""
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
    """The least role that may ask this: whoever is in may look, sign out, and keep searches of their own; analysts may
    judge findings; all else that changes something is for admins."""
    if method in READING or path in OWN:
        return "viewer"
    return "analyst" if path.startswith("/findings/") else "admin"


class Guard:
    """Lets nobody in without token or session, on any path, known or not; and gives every answer its headers.

    Handlers find the session in `request.state.session` (None for a program with the token), whether it still holds
    in `request.state.is_in`, and what was posted in `request.state.form`.
    """

    def __init__(self, app: ASGIApp, token: str, sessions: Sessions, guesses: Guesses) -> None:
        self._app, self._guesses = app, guesses
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
        state.session, state.form, state.is_in = None, {}, lambda: True
        is_open, caller = path in OPEN, caller_of(request)
        if (given := request.headers.get("authorization", "").encode()).startswith(b"Bearer "):
            if (wait_s := self._guesses.wait_s(caller)) == 0:
                if hmac.compare_digest(given, self._expected):
                    return None
                self._guesses.wrong(caller)  # on open paths too: whether a token is right must show nowhere
            elif not is_open:
                return _wait(wait_s)
        identity = cookie_of(request)
        session = state.session = self._sessions.known(identity, used=path != NEWS)
        state.is_in = lambda: self._sessions.known(identity, used=False) is not None
        if session is None and not is_open:
            return _stranger(request)
        if session is not None and not is_open and not session.may(role_for(request.method, path)):
            words = f"Your role, {session.role}, may not do this; {role_for(request.method, path)}s may."
            return _refused(request, 403, "Not allowed", words)
        return None if request.method in READING else await _unmeant(request, session, is_open=is_open)


async def _unmeant(request: Request, session: Session | None, *, is_open: bool) -> Response | None:
    """The refusal of what a person did not send from a page of this console; takes the form in."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _refused(request, 403, "Not sent from here", "This came from another site: nothing was done.")
    taken = bytearray()
    async for piece in request.stream():
        taken += piece
        if len(taken) > MAX_FORM_BYTES:
            return _refused(request, 413, "Too long", f"A form has at most {MAX_FORM_BYTES:,} bytes: write less.")
    try:
        fields = parse_qsl(taken.decode(), max_num_fields=100)
    except ValueError:
        return _refused(request, 400, "Not understood", "This is no form of this console.")
    form = {name: value.replace("\r\n", "\n") for name, value in fields}  # as browsers count characters
    given = form.pop(CSRF_FIELD, "").encode()
    if session is not None and not is_open and not hmac.compare_digest(given, session.csrf.encode()):
        words = (
            "The form is of another session (did you sign in again in another tab?): reload its page, send it again."
        )
        return _refused(request, 403, "Nothing was done", words)
    request.state.form = form
    return None


def caller_of(request: Request) -> str:
    """The address that attempts are counted by."""
    return request.client.host if request.client else ""


def cookie_of(request: Request, name: str = COOKIE) -> str:
    """The id of the session that the browser sent, or another cookie; empty where it sent none."""
    # By Starlette's parser, as browsers write them: Python's own stops at the first cookie that some other program on
    # this host has written in a way of its own.
    return request.cookies.get(name, "")


def _refused(request: Request, status: int, title: str, words: str) -> Response:
    """A page for people, a line for all else."""
    if _wants_page(request):
        return render(request, "wrong", status, title=title, words=words)
    return PlainTextResponse(words, status)


def _wait(wait_s: float) -> Response:
    advice = f"try again in {wait_s:.0f} s, with the token of this console"
    return JSONResponse(
        {"error": "too many wrong tokens came from this address", "advice": advice},
        status_code=429,
        headers={"Retry-After": f"{wait_s:.0f}"},
    )


def _wants_page(request: Request) -> bool:
    is_page = not str(request.scope["path"]).startswith("/api/")
    return is_page and "text/html" in request.headers.get("accept", "")


def _stranger(request: Request) -> Response:
    path, query = str(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    if _wants_page(request) and request.method in READING:
        asked = quote(path) + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='')}", 303)
    if _wants_page(request):
        words = (
            "Nothing was done. Sign in, then go back in your browser: what you typed may still be there to send again."
        )
        return render(request, "wrong", 401, title="Your session has ended", words=words)
    return JSONResponse(
        {"error": "the token is missing or wrong", "advice": "send `Authorization: Bearer <token of this console>`"},
        status_code=401,
        headers={"WWW-Authenticate": "Bearer"},
    )
