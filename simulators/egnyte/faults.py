"""Faults on command: what a network, a gateway or a bad day does to an answer."""

from typing import Any, Literal

import msgspec

Kind = Literal["status", "throttle", "html", "cut_json", "truncate", "reset", "slow", "stall"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that strikes the next requests for a path that begins with `path`.

    `kind`: `status` answers with `status` (and `retry_after_s`, if given); `throttle` refuses as over a limit; `html`
    sends a page with status 200; `cut_json` sends half of the answer, as if it were whole; `truncate` closes the
    connection in the middle of the answer; `reset` resets it before the answer; `slow` answers after `seconds` of the
    simulator's clock; `stall` stops for so long in the middle. `count` requests are struck (0: any number) until
    `duration_s` of the clock have passed (0: no end).
    """

    kind: Kind
    status: int = 503
    retry_after_s: int = 0
    seconds: float = 0.0
    path: str = "/pubapi/"
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

    def strike(self, path: str, now_ms: int) -> Fault | None:
        """The fault that this request meets; it is used up by one."""
        self._waiting = [waiting for waiting in self._waiting if waiting[2] < 0 or now_ms < waiting[2]]
        for at, (fault, left, until_ms) in enumerate(self._waiting):
            if not path.startswith(fault.path):
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
