"""Labels and findings made by hand, and findings in words."""

from typing import Any

from benchmarks.score.bars import Fired
from benchmarks.score.findings import Told
from simulators.scenario import Label

HOUR_MS = 3_600_000
START_MS = 1_000 * HOUR_MS


def in_words(fired: Fired) -> str:
    """As an assertion shows it."""
    return f"{fired.incident or fired.user}: {fired.as_what} of {fired.policy}: {fired.why}"


def label(kind: str = "theft", policy: str = "mass_download", **changes) -> Label:
    """An attack on mara between 1,000 and 1,001 hours."""
    fields: dict[str, Any] = {
        "incident": f"{kind}-1",
        "kind": kind,
        "policy": policy,
        "user": "mara@example.com",
        "malicious": True,
        "start_ms": START_MS,
        "end_ms": START_MS + HOUR_MS,
    }
    return Label(**fields | changes)


def told(policy: str = "mass_download", **changes) -> Told:
    """An alert about mara at 1,000 hours and 10 minutes."""
    fields: dict[str, Any] = {
        "uid": f"{policy}-{sorted(changes.items())}",
        "policy": policy,
        "user": "mara@example.com",
        "networks": frozenset(),
        "links": frozenset(),
        "alert": True,
        "severity": "Medium",
        "first_ms": START_MS,
        "last_ms": START_MS + 600_000,
        "told_ms": START_MS + 600_000,
        "message": "Mara downloaded 60 files",
    }
    return Told(**fields | changes)
