"""Signing in and out: the printed link, once; or the console's token, typed in."""

import hmac
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.web.guard import COOKIE, cookie_of
from console.web.rendering import render
from console.web.sessions import LONGEST_S, Guesses, Sessions

OWNER: Final = "owner"
"""Who signs in with the console's own link or token: whoever may read its files."""


class SigningIn:
    """The routes `/login` and `/logout`. `user`: the name that the owner's verdicts bear."""

    def __init__(self, sessions: Sessions, token: str, user: str = OWNER) -> None:
        self._sessions, self._token, self._user = sessions, token.encode(), user
        self._guesses = Guesses()
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
        caller = request.client.host if request.client else ""
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
        answer = RedirectResponse(_inside(request.query_params.get("next", "/")), 303)
        answer.set_cookie(
            COOKIE,
            identity,
            max_age=round(LONGEST_S),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def _page(self, request: Request, wrong: str, status: int = 200) -> Response:
        following = _inside(request.query_params.get("next", "/"))
        return render(request, "login", status, wrong=wrong, following=following)

    async def _leave(self, request: Request) -> Response:
        self._sessions.end(cookie_of(request))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def _inside(path: str) -> str:
    """`path`, where it leads to a page of this console; else the first one."""
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if safe else "/"
