"""Faults on command: what a network, a gateway or a bad day does to the next answers of a stand-in."""

from typing import Any, Generic, TypeVar

import msgspec


class Striking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every fault has: it strikes the next requests with `method` (any where empty) for a path that begins with
    `path`: `count` of them (0: any number), until `duration_s` of the stand-in's clock have passed (0: no end). What
    `status`, `retry_after_s` and `seconds` are for, its kind says.
    """

    status: int = 503
    retry_after_s: float = 0.0
    seconds: float = 0.0
    path: str = ""
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


F = TypeVar("F", bound=Striking)


class Faults(Generic[F]):
    """The faults in force, oldest first; the first that fits strikes."""

    def __init__(self) -> None:
        self._waiting: list[tuple[F, int, int]] = []

    def add(self, fault: F, now_ms: int) -> None:
        """Lets `fault` strike from now on."""
        until_ms = now_ms + round(fault.duration_s * 1_000) if fault.duration_s else -1
        self._waiting.append((fault, fault.count, until_ms))

    def clear(self) -> None:
        """Ends all faults."""
        self._waiting.clear()

    def strike(self, method: str, path: str, now_ms: int) -> F | None:
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
