"""Moments as people write them: a date, a date and time, or how long ago."""

import re
from datetime import UTC, datetime
from typing import Final

_AGO: Final = re.compile(r"(\d{1,5})\s?(min|h|d)")
_UNITS_MS: Final = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}
EXAMPLES: Final = "2026-11-01, 2026-11-01T08:30Z, or 7d for seven days ago (min, h, d)"


def moment_ms(text: str, now_ms: int) -> int:
    """The moment that `text` names, in ms since the epoch; UTC where it names no zone. `now_ms`: for what is told as
    so long ago. Raises ValueError, with examples, for anything else."""
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now_ms - int(ago[1]) * _UNITS_MS[ago[2]]
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no moment: write {EXAMPLES}") from None
    return round((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp() * 1000)


def shown(time_ms: int) -> str:
    """`time_ms` for people, to the second, UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
