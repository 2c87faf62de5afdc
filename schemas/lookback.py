"""How much of the log state is learned from: what it keeps and what is replayed have to fit each other."""

from typing import Final

LOOKBACK_DAYS: Final = 90
"""Least history, in days, that state which was lost is learned anew from. `detections.state` keeps so much less that
what is learned comes out the same as what was lost.
"""
