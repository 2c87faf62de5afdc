"""Sign-ins that were begun and not yet answered: each is answered once, in the browser that began it."""

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from typing import Final

import msgspec

from console.web.sessions import Clock

ANSWER_S: Final = 10 * 60.0
"""How long people may take at the provider: with a password, a second factor and a question or two."""
MAX_BEGUN: Final = 10_000


class SignIn(msgspec.Struct, frozen=True):
    """One sign-in. `state` comes back with the answer, `nonce` within the ID token; `verifier` proves to the provider
    that who asks for the token is who began; `browser` is in a cookie of that browser alone; `following`: the page that
    was asked for."""

    state: str
    nonce: str
    verifier: str
    browser: str
    following: str
    until_s: float

    @property
    def challenge(self) -> str:
        """Of PKCE, method S256 (RFC 7636, section 4.2)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Begun:
    """All of them, in memory. The oldest make room where there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: OrderedDict[str, SignIn] = OrderedDict()

    def begin(self, following: str) -> SignIn:
        """A new one, with secrets of its own (256 bits each)."""
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        made = SignIn(state, nonce, verifier, browser, following, self._clock() + ANSWER_S)
        self._begun[made.state] = made
        while len(self._begun) > MAX_BEGUN:
            self._begun.popitem(last=False)
        return made

    def answered(self, state: str, browser: str) -> SignIn | None:
        """The sign-in that this answers; None where it was not begun in this browser, is too old, or was answered."""
        found = self._begun.pop(state, None)
        if found is None or self._clock() > found.until_s:
            return None
        return found if hmac.compare_digest(found.browser.encode(), browser.encode()) else None
