"""Graph's limits on requests: resource units and writes of the directory, identity protection, mail."""

from collections import deque
from typing import Final, Literal

import msgspec

from simulators.entra.refusals import RefusedError
from simulators.entra.switches import Switches

Workload = Literal["directory", "risk", "mail"]

TENANT_SIZES: Final = ((50, 3_500), (500, 5_000))
LARGE_UNITS: Final = 8_000
"""Resource units in 10 s for tenants of fewer than 50 users, of up to 500, and of more."""
NEAR: Final = 0.8
"""From this share of the limit on, its percentage is told."""


class Admission(msgspec.Struct, frozen=True):
    """Headers that ride on the answer of a request that is within all limits."""

    headers: dict[str, str]


class _Window:
    """Weights counted over the last `length_ms`."""

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self._taken: deque[tuple[int, int]] = deque()

    def used(self, now_ms: int) -> int:
        while self._taken and self._taken[0][0] <= now_ms - self.length_ms:
            self._taken.popleft()
        return sum(weight for _, weight in self._taken)

    def take(self, weight: int, now_ms: int) -> None:
        self._taken.append((now_ms, weight))

    def wait_ms(self, weight: int, limit: int, now_ms: int) -> int:
        """How long until `weight` is within `limit`; 0 where it is now. A limit of 0 is none."""
        excess = self.used(now_ms) + weight - limit
        if not limit or excess <= 0:
            return 0
        for at_ms, taken in self._taken:
            excess -= taken
            if excess <= 0:
                return at_ms + self.length_ms - now_ms
        return self.length_ms


class Limits:
    """Counts the requests of every app."""

    def __init__(self) -> None:
        self._units: dict[str, _Window] = {}
        self._writes: dict[str, _Window] = {}
        self._risk = _Window(1_000)
        self._mails: dict[str, _Window] = {}
        self._sending: dict[str, int] = {}

    def admit(
        self, app: str, workload: Workload, units: int, *, writes: bool, users: int, switches: Switches, now_ms: int
    ) -> Admission:
        """Counts one request. Raises RefusedError (429)."""
        if workload == "risk":
            self._check(self._risk, 1, switches.risky_per_second, switches, now_ms, told=switches.risky_retry_after)
            self._risk.take(1, now_ms)
            return Admission({})
        if workload == "mail":
            return Admission({})
        counted = self._units.setdefault(app, _Window(10_000))
        limit = switches.units_per_10s if switches.units_per_10s >= 0 else _units(users)
        self._check(counted, units, limit, switches, now_ms)
        if writes:
            written = self._writes.setdefault(app, _Window(150_000))
            self._check(written, 1, switches.writes_per_150s, switches, now_ms)
            written.take(1, now_ms)
        counted.take(units, now_ms)
        headers = {"x-ms-resource-unit": str(units)}
        if limit and (share := counted.used(now_ms) / limit) >= NEAR:
            headers["x-ms-throttle-limit-percentage"] = f"{share:.1f}"
        return Admission(headers if switches.limit_headers else {})

    def begin_mail(self, mailbox: str, switches: Switches, now_ms: int) -> None:
        """One more mail of `mailbox` is on its way. Raises RefusedError (429)."""
        if switches.mails_at_once and self._sending.get(mailbox, 0) >= switches.mails_at_once:
            raise _throttled(
                "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", 1_000, switches
            )
        counted = self._mails.setdefault(mailbox, _Window(600_000))
        self._check(counted, 1, switches.mails_per_10min, switches, now_ms)
        counted.take(1, now_ms)
        self._sending[mailbox] = self._sending.get(mailbox, 0) + 1

    def end_mail(self, mailbox: str) -> None:
        """It has been sent, or not."""
        self._sending[mailbox] -= 1

    @staticmethod
    def _check(window: _Window, weight: int, limit: int, switches: Switches, now_ms: int, *, told: bool = True) -> None:
        if wait_ms := window.wait_ms(weight, limit, now_ms):
            raise _throttled("TooManyRequests", "Too many requests.", wait_ms if told else 0, switches)


def _throttled(code: str, words: str, wait_ms: int, switches: Switches) -> RefusedError:
    """429. `wait_ms`: 0 says nothing of how long to wait."""
    seconds = f"{wait_ms / 1_000:.3f}" if switches.retry_after_fraction else str(-(-wait_ms // 1_000))
    return RefusedError(429, code, words, {"Retry-After": seconds} if wait_ms else {})


def _units(users: int) -> int:
    return next((units for below, units in TENANT_SIZES if users <= below), LARGE_UNITS)
