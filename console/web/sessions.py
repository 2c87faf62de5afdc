"""Who is signed in: links that open the console once, sessions kept on this side, and how often one may guess."""

import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, Literal

import msgspec

Role = Literal["viewer", "analyst", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "analyst", "admin")
"""Each may do what those before it may: look; judge; act: undo, and try again."""

LINK_S: Final = 15 * 60.0
"""How long the link that was printed opens the console."""
IDLE_S: Final = 2 * 3_600.0
LONGEST_S: Final = 12 * 3_600.0
"""A session ends when nobody used it for so long, and in any case after a working day."""
MAX_SESSIONS: Final = 1_000
GUESSES: Final = 5
GUESSES_S: Final = 60.0
"""So many wrong tokens from one address in so long; then none of its is looked at until time has passed."""
MAX_ADDRESSES: Final = 10_000

Clock = Callable[[], float]


class Session(msgspec.Struct, frozen=True):
    """Somebody who is signed in. `user`: as the audit trail calls them. `csrf`: must come with all that changes
    something. `identity`: what a provider knows them by, for good; empty for who came with the console's own link or
    token. Times: s, of the clock given."""

    user: str
    role: Role
    csrf: str
    began_s: float
    identity: str = ""

    def may(self, role: Role) -> bool:
        """Whether it is at least that of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Sessions:
    """All links and sessions of one console. In memory: a restart signs everybody out.

    The ids are random (256 bits) and are kept as they are: whoever reads this process's memory needs them no more.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._links: dict[str, tuple[str, Role, float]] = {}
        self._sessions: OrderedDict[str, tuple[Session, float]] = OrderedDict()

    def link(self, user: str, role: Role) -> str:
        """A token that signs `user` in once."""
        token = secrets.token_urlsafe(32)
        self._links[token] = user, role, self._clock() + LINK_S
        return token

    def redeem(self, token: str) -> str | None:
        """The id of a new session; None where the token is unknown, used or too old."""
        now = self._clock()
        self._links = {each: kept for each, kept in self._links.items() if kept[2] > now}
        known = next((each for each in self._links if hmac.compare_digest(each.encode(), token.encode())), None)
        if known is None:
            return None
        user, role, _ = self._links.pop(known)
        return self.begin(user, role)

    def begin(self, user: str, role: Role, identity: str = "") -> str:
        """The id of a new session. The one that was not used for longest makes room where there are too many."""
        now, made = self._clock(), secrets.token_urlsafe(32)
        self._sessions[made] = Session(user, role, secrets.token_urlsafe(32), now, identity), now
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return made

    def known(self, identity: str, *, used: bool = True) -> Session | None:
        """The session of this id, where it has not ended. `used`: by a person, which keeps it."""
        found = self._sessions.get(identity)
        if found is None:
            return None
        (session, used_s), now = found, self._clock()
        if now - used_s > IDLE_S or now - session.began_s > LONGEST_S:
            del self._sessions[identity]
            return None
        if used:
            self._sessions[identity] = session, now
            self._sessions.move_to_end(identity)
        return session

    def end(self, identity: str) -> None:
        """Signs out."""
        self._sessions.pop(identity, None)


class Guesses:
    """Wrong tokens by address, so that nobody tries many: at most `most` within `within_s`."""

    def __init__(self, clock: Clock = time.monotonic, most: int = GUESSES, within_s: float = GUESSES_S) -> None:
        self._clock, self._most, self._within_s = clock, most, within_s
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long this address has to wait; 0 where it may try."""
        times = self._wrong.get(address)
        if times is None or len(times) < self._most:
            return 0.0
        return max(0.0, times[0] + self._within_s - self._clock())

    def wrong(self, address: str) -> None:
        """It tried, and was wrong."""
        self._wrong.setdefault(address, deque(maxlen=self._most)).append(self._clock())
        self._wrong.move_to_end(address)
        while len(self._wrong) > MAX_ADDRESSES:
            self._wrong.popitem(last=False)
