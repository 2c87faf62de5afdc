"""Why somebody is not signed in."""


class SignInError(Exception):
    """Nobody is signed in. The message is for the person at the browser: what was wrong, and what to do. `status`: of
    the answer over HTTP."""

    status = 403


class ProviderAwayError(SignInError):
    """The provider did not answer, or not as OpenID providers do."""

    status = 503
