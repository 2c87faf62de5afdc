"""Suppressed candidates are told once a day each, so that they inform and don't flood."""

import zlib
from typing import Final

from detections.model import DAY_MS
from detections.state import UserState

MAX_TOLD: Final = 32
"""A day. Who has more reasons than that not to be raised is understood already."""


def first_today(user: UserState, time_ms: int, policy: str, reason: str, about: str) -> bool:
    """Whether `policy` did not tell yet, for the day (UTC) of `time_ms`, that it suppressed `about` for `reason`.

    It counts as told from now on. It is remembered as CRC-32: a collision leaves a suppressed candidate untold, never
    an alert.
    """
    told = zlib.crc32("\0".join((str(time_ms // DAY_MS), policy, reason, about)).encode(errors="replace"))
    if told in user.told or len(user.told) >= MAX_TOLD:
        return False
    user.told.append(told)
    return True
