"""Times in words that people and scripts read."""

from datetime import UTC, datetime


def stamp(time_ms: int) -> str:
    """`time_ms` (since the epoch, UTC) as ISO 8601, to the second."""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso(time_ms: int) -> str | None:
    """The same; None for 0, which is no time."""
    return stamp(time_ms) if time_ms else None
