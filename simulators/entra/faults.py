"""Faults on command: what a network, a gateway or a bad day does to an answer."""

from typing import Any, Literal

import msgspec

Kind = Literal["status", "throttle", "html", "cut_json", "truncate", "reset", "slow", "stall", "lost", "late"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that strikes the next requests with `method` (any where empty) for a path that begins with `path`; the
    login server's paths begin with the tenant.

    Before the effect: `status` answers with `status` (and `retry_after_s`, which may have decimals, if given);
    `throttle` with 429 (without Retry-After where `retry_after_s` is 0); `html` with a page and status 200; `reset`
    resets the connection; `slow` lets `seconds` of the simulator's clock pass first. After it: `lost` resets the
    connection, `late` answers after `seconds`, `stall` stops for so long in the middle, `truncate` closes in the
    middle, `cut_json` sends half of the answer as if it were whole. `count` requests are struck (0: any number) until
    `duration_s` of the clock have passed (0: no end).
    """

    kind: Kind
    status: int = 503
    code: str = ""
    retry_after_s: float = 0.0
    seconds: float = 0.0
    path: str = "/v1.0/"
    method: str = ""
    count: int = 1
    duration_s: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that make no sense."""
        if not 400 <= self.status <= 599:
            raise ValueError(f"a fault's status is 400 to 599, not {self.status}")
        if min(self.retry_after_s, self.seconds, self.count, self.duration_s) < 0:
            raise ValueError("a fault's count, seconds, duration_s and retry_after_s cannot be negative")
        if not self.count and not self.duration_s:
            raise ValueError("a fault needs an end: give a count, a duration_s, or both")


class Faults:
    """The faults in force, oldest first; the first that fits strikes."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int, int]] = []

    def add(self, fault: Fault, now_ms: int) -> None:
        """Lets `fault` strike from now on."""
        until_ms = now_ms + round(fault.duration_s * 1_000) if fault.duration_s else -1
        self._waiting.append((fault, fault.count, until_ms))

    def clear(self) -> None:
        """Ends all faults."""
        self._waiting.clear()

    def strike(self, method: str, path: str, now_ms: int) -> Fault | None:
        """The fault that this request meets; it is used up by one."""
        self._waiting = [waiting for waiting in self._waiting if waiting[2] < 0 or now_ms < waiting[2]]
        for at, (fault, left, until_ms) in enumerate(self._waiting):
            if not path.startswith(fault.path) or fault.method not in {"", method}:
                continue
            if left == 1:
                del self._waiting[at]
            elif left:
                self._waiting[at] = (fault, left - 1, until_ms)
            return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        """The faults in force, each with what is left of it."""
        return [
            msgspec.to_builtins(fault) | {"left": left or None, "until_ms": until_ms if until_ms >= 0 else None}
            for fault, left, until_ms in self._waiting
        ]
