"""Signing in and out: the printed link, once; or the console's token, typed in."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.web.guard import COOKIE, caller_of, cookie_of
from console.web.rendering import render
from console.web.sessions import LONGEST_S, Guesses, Sessions

OWNER: Final = "owner"
"""Who signs in with the console's own link or token: whoever may read its files."""
Farewell = Callable[[], Awaitable[str]]


class SigningIn:
    """The routes `/login` and `/logout`. `user`: the name that the owner's verdicts bear. `provider`: the name of who
    else signs people in, and `farewell` where they sign out there; empty for nobody. `secure`: browsers come by https,
    whatever reaches this process. `guesses`: at the token, wherever it is given."""

    def __init__(
        self,
        sessions: Sessions,
        token: str,
        user: str = OWNER,
        *,
        provider: str = "",
        farewell: Farewell | None = None,
        secure: bool = False,
        guesses: Guesses | None = None,
    ) -> None:
        self._sessions, self._token, self._user = sessions, token.encode(), user
        self._provider, self._farewell, self._secure = provider, farewell, secure
        self._guesses = guesses or Guesses()
        self.routes = [
            Route("/login", self._look, methods=["GET"]),
            Route("/login", self._try, methods=["POST"]),
            Route("/logout", self._leave, methods=["POST"]),
        ]

    async def _look(self, request: Request) -> Response:
        given = request.query_params.get("token", "")
        if not given or request.method != "GET":  # a look at the link must not use it up
            return self._page(request, "")
        return self._checked(request, lambda: self._sessions.redeem(given), "This link was used, or is too old.")

    async def _try(self, request: Request) -> Response:
        given = request.state.form.get("token", "").strip().encode()

        def known() -> str | None:
            return self._sessions.begin(self._user, "admin") if hmac.compare_digest(given, self._token) else None

        return self._checked(request, known, "This is not the token of this console.")

    def _checked(self, request: Request, check: Callable[[], str | None], wrong: str) -> Response:
        caller = caller_of(request)
        wait_s = self._guesses.wait_s(caller)
        if wait_s > 0:
            answer = self._page(request, f"Too many attempts: try again in {wait_s:.0f} s.", 429)
            answer.headers["Retry-After"] = f"{wait_s:.0f}"
            return answer
        identity = check()
        if identity is None:
            self._guesses.wrong(caller)
            return self._page(request, wrong, 403)
        self._sessions.end(cookie_of(request))  # an id from before signing in must not live on
        answer = RedirectResponse(inside(request.query_params.get("next", "/")), 303)
        keep(answer, identity, secure=self._secure or request.url.scheme == "https")
        return answer

    def _page(self, request: Request, wrong: str, status: int = 200) -> Response:
        following = inside(request.query_params.get("next", "/"))
        return render(request, "login", status, wrong=wrong, following=following, provider=self._provider)

    async def _leave(self, request: Request) -> Response:
        session = request.state.session
        self._sessions.end(cookie_of(request))
        answer: Response = RedirectResponse("/login", 303)
        if session is not None and session.identity and self._farewell is not None:
            # A link, for browsers follow no redirect of a form to another site where `form-action` is 'self'.
            request.state.session = None
            answer = render(request, "left", farewell=await self._farewell(), provider=self._provider)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def keep(answer: Response, identity: str, *, secure: bool) -> None:
    """Gives the browser the session's id: out of reach of scripts and of other sites."""
    answer.set_cookie(COOKIE, identity, max_age=round(LONGEST_S), httponly=True, samesite="strict", secure=secure)


def inside(path: str) -> str:
    """`path`, where it leads to a page of this console; else the first one."""
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if safe else "/"
