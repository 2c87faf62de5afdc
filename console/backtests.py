"""The last backtest's report, kept beside the archive so that the console can show it."""

import os
from pathlib import Path
from typing import Final

import msgspec

from agents.backtest_run import Report
from streams.sections import Settings

FILE: Final = "backtest.json"


class Kept(msgspec.Struct, frozen=True):
    """`at_ms`: when it was run, ms since the epoch, UTC. `policies`: the folder that was tried."""

    at_ms: int
    policies: str
    report: Report


def keep(settings: Settings, kept: Kept) -> None:
    """Keeps it in the place of the one before. Raises OSError."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_bytes(msgspec.json.encode(kept))
    os.replace(half, path)


def last(settings: Settings) -> Kept | None:
    """The one that was run last with this `streams.data_dir`; None where there is none, or one of another version."""
    try:
        return msgspec.json.decode(_path(settings).read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError):
        return None


def _path(settings: Settings) -> Path:
    return Path(settings.streams.data_dir) / FILE
