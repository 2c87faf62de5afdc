"""Egnyte's limits on requests: those of the audit stream, and the ordinary quota of a token."""

import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from simulators.egnyte.refusals import Rendered, throttled
from simulators.egnyte.switches import Switches

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


class Admission(msgspec.Struct, frozen=True):
    """What the limits say of one request: `refusal` is its answer when it is over one, `headers` ride on any other
    answer.
    """

    refusal: Rendered | None
    headers: Mapping[str, str]
    retry_after_s: int = 0


class Window:
    """Requests counted over `length_ms`: the last so many ms (sliding), or since the last full multiple of it
    (fixed).
    """

    def __init__(self, length_ms: int, sliding: bool) -> None:
        self._length_ms = length_ms
        self._sliding = sliding
        self._times: deque[int] = deque()

    def used(self, now_ms: int) -> int:
        """Requests that count at `now_ms`."""
        oldest_ms = now_ms - self._length_ms + 1 if self._sliding else now_ms - now_ms % self._length_ms
        while self._times and self._times[0] < oldest_ms:
            self._times.popleft()
        return len(self._times)

    def take(self, now_ms: int) -> None:
        """Counts a request."""
        self._times.append(now_ms)

    def wait_ms(self, limit: int, now_ms: int) -> int:
        """How long until a request is within `limit`; 0 where it is now. A limit of 0 is none."""
        over = self.used(now_ms) - limit
        if not limit or over < 0:
            return 0
        frees_ms = (
            self._times[over] + self._length_ms
            if self._sliding
            else now_ms - now_ms % self._length_ms + self._length_ms
        )
        return frees_ms - now_ms


class _Limit(msgspec.Struct, frozen=True):
    name: str
    length_ms: int
    allowed: int
    sliding: bool


class Limits:
    """Counts the requests of every token."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, _Limit], Window] = {}

    def admit(self, token: str, domain: str, is_stream: bool, switches: Switches, now_ms: int) -> Admission:
        """Counts one request of `token`, or refuses it. A refused request takes nothing unless the switch says so."""
        checked: list[tuple[_Limit, Window]] = []
        for limit in _limits(is_stream, switches):
            whose = domain if limit.name.startswith("stream") and switches.limit_scope == "domain" else token
            checked.append((limit, self._windows.setdefault((whose, limit), Window(limit.length_ms, limit.sliding))))
        waits = [(window.wait_ms(limit.allowed, now_ms), limit) for limit, window in checked]
        wait_ms, over = max(waits, key=lambda wait: wait[0], default=(0, None))
        if not wait_ms or switches.count_refused:
            for _, window in checked:
                window.take(now_ms)
        headers = _headers(checked, now_ms)
        if not wait_ms or over is None:
            return Admission(None, headers if switches.limit_headers else {})
        retry_s = math.ceil(wait_ms / SECOND_MS)
        what = "AuditV2" if over.name.startswith("stream") else over.name
        return Admission(throttled(what, over.length_ms >= HOUR_MS, retry_s, headers, switches), {}, retry_s)


def _limits(is_stream: bool, switches: Switches) -> list[_Limit]:
    sliding = switches.limit_window == "sliding"
    limits: list[_Limit] = []
    if is_stream:
        limits += [
            _Limit("stream minute", MINUTE_MS, switches.per_minute, sliding),
            _Limit("stream hour", HOUR_MS, switches.per_hour, sliding),
        ]
    if not is_stream or switches.quota_counts_stream:
        limits += [
            _Limit("QPS", SECOND_MS, switches.quota_per_second, sliding=True),
            _Limit("Quota", DAY_MS, switches.quota_per_day, sliding=False),
        ]
    return [limit for limit in limits if limit.allowed]


def _headers(checked: list[tuple[_Limit, Window]], now_ms: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    for limit, window in checked:
        used = window.used(now_ms)
        if limit.name.startswith("stream"):
            span = limit.name.removeprefix("stream ")
            headers[f"x-ratelimit-limit-{span}"] = str(limit.allowed)
            headers[f"x-ratelimit-remaining-{span}"] = str(max(0, limit.allowed - used))
        else:
            headers[f"X-Accesstoken-{limit.name}-Allotted"] = str(limit.allowed)
            headers[f"X-Accesstoken-{limit.name}-Current"] = str(used)
        if limit.name == "Quota":
            midnight = datetime.fromtimestamp((now_ms // DAY_MS + 1) * 86_400, UTC)
            headers["X-Quota-Reset"] = midnight.strftime("%A, %B %d, %Y 12:00:00 AM GMT")
    return headers
