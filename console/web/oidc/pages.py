"""The way to the provider and back: `/login/provider` sends the browser there, `/login/callback` takes its answer."""

from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.web.guard import CALLBACK, PROVIDER, caller_of, cookie_of
from console.web.oidc.begun import ANSWER_S, Begun, SignIn
from console.web.oidc.errors import SignInError
from console.web.oidc.people import Person, person_of
from console.web.oidc.provider import Provider
from console.web.rendering import render
from console.web.sessions import Guesses, Sessions
from console.web.signing_in import inside, keep

log = structlog.get_logger(__name__)
BROWSER: Final = "egnyte-watch-signing-in"
"""First part of the name of the cookie that binds a sign-in to its browser; the rest is of its state, so that two tabs
can sign in side by side."""
MOST_BEGUN: Final = 60
BEGUN_S: Final = 60.0
"""So many sign-ins may one address begin in so long: behind a proxy it is everybody's."""


class SigningInByProvider:
    """The routes. Answers that fit no sign-in count as guesses."""

    def __init__(self, sessions: Sessions, provider: Provider) -> None:
        self._sessions, self._provider, clock = sessions, provider, provider.clock
        self._begun = Begun(clock)
        self._guesses, self._begins = Guesses(clock), Guesses(clock, MOST_BEGUN, BEGUN_S)
        self.routes = [
            Route(PROVIDER, self._send, methods=["GET"]),
            Route(CALLBACK, self._take, methods=["GET"]),
        ]

    async def _send(self, request: Request) -> Response:
        caller = caller_of(request)
        if (wait_s := self._begins.wait_s(caller)) > 0:
            return self._wait(request, wait_s)
        if request.method != "GET":  # a look begins nothing
            return Response(status_code=204)
        self._begins.wrong(caller)
        begun = self._begun.begin(inside(request.query_params.get("next", "/")))
        try:
            answer = RedirectResponse(await self._provider.question(begun), 303)
        except SignInError as error:
            return self._refused(request, error)
        answer.set_cookie(
            _cookie(begun.state),
            begun.browser,
            max_age=round(ANSWER_S),
            path=CALLBACK,
            httponly=True,
            samesite="lax",  # a strict one would not come back with the provider's redirect
            secure=self._provider.is_secure,
        )
        return answer

    async def _take(self, request: Request) -> Response:
        caller = caller_of(request)
        if (wait_s := self._guesses.wait_s(caller)) > 0:
            return self._wait(request, wait_s)
        if request.method != "GET":  # a look must not use the answer up
            return Response(status_code=204)
        state = request.query_params.get("state", "")
        begun = self._begun.answered(state, cookie_of(request, _cookie(state)))
        if begun is None:
            self._guesses.wrong(caller)
            words = "This sign-in was not begun in this browser, took more than 10 minutes, or was used: begin again."
            return self._page(request, words, 403)
        try:
            person = await self._person(request, begun)
        except SignInError as error:
            return self._refused(request, error)
        log.info("signed in", user=person.name, identity=person.identity, role=person.role, caller=caller)
        self._sessions.end(cookie_of(request))  # an id from before signing in must not live on
        # The cookie is for requests from this site alone, and whatever the provider's redirect leads to is not one:
        # so the browser is given a page of ours that goes on by itself.
        answer = render(request, "going", following=begun.following)
        keep(answer, self._sessions.begin(person.name, person.role, person.identity), secure=self._provider.is_secure)
        answer.delete_cookie(_cookie(state), path=CALLBACK, httponly=True, samesite="lax")
        return answer

    async def _person(self, request: Request, begun: SignIn) -> Person:
        given, settings = request.query_params, self._provider.settings
        if given.get("iss", settings.issuer) != settings.issuer:
            raise SignInError("the answer came from another provider than it was asked of (iss): begin again")
        if error := given.get("error", ""):
            words = "".join(each for each in f"{error} {given.get('error_description', '')}" if each.isprintable())
            raise SignInError(f"the provider {self._provider.name} did not sign you in: {words.strip()[:300]}")
        if not (code := given.get("code", "")):
            raise SignInError("the provider's answer has no code: begin again")
        return person_of(await self._provider.claims(code, begun), settings)

    def _refused(self, request: Request, error: SignInError) -> Response:
        log.warning("nobody is signed in", reason=str(error), caller=caller_of(request))
        return self._page(request, str(error), error.status)

    def _wait(self, request: Request, wait_s: float) -> Response:
        answer = self._page(request, f"Too many attempts: try again in {wait_s:.0f} s.", 429)
        answer.headers["Retry-After"] = f"{wait_s:.0f}"
        return answer

    def _page(self, request: Request, wrong: str, status: int) -> Response:
        return render(request, "login", status, wrong=wrong, following="/", provider=self._provider.name)


def _cookie(state: str) -> str:
    return f"{BROWSER}-{''.join(each for each in state[:8] if each.isalnum())}"
