"""Limits by the day: how many alerts a policy may raise, and how many matches it may have before it is switched off.

A day is a day of event time, UTC. The limits hold for all users together, but each partition is judged by itself, so
that the findings are the same on any number of workers: every partition has its share, rounded up.
"""

import zlib
from math import ceil
from typing import Final

from msgspec.structs import replace

from detections.activity_policies.policy import ActivityPolicy
from detections.model import DAY_MS, Candidate
from detections.state import ActivityPolicies, Tally
from schemas.activity import Activity

MAX_MATCHES: Final = 200_000
"""A day, as in Microsoft Defender for Cloud Apps: a policy with more is not about anything."""
KEPT_DAYS: Final = 3
"""Days told apart, in each partition. What comes later than that is neither counted nor limited."""
LIMITED: Final = "No alert: the policy has raised as many as it may today."
SWITCHED_OFF: Final = "switched_off"


class Limits:
    """The shares of one partition of `partitions`."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._most = self.share(MAX_MATCHES)

    def share(self, limit: int) -> int:
        """What of `limit` is one partition's."""
        return ceil(limit / self._partitions)

    def judge(
        self, policy: ActivityPolicy, activity: Activity, found: list[Candidate], kept: ActivityPolicies
    ) -> list[Candidate]:
        """What of `found`, said by `policy` about the match `activity`, goes out, and as what. `kept`: the
        partition's."""
        tallies = kept.tallies.get(policy.metadata.id)
        if tallies is None:
            _forget(kept, activity.time_ms // DAY_MS)
            tallies = kept.tallies[policy.metadata.id] = []
        tally = _tally(tallies, activity.time_ms // DAY_MS)
        if tally is None:
            return found
        tally.matches += 1
        if tally.matches > self._most:
            return [self._switched_off(policy, activity)] if tally.matches == self._most + 1 else []
        if policy.daily_limit is None:
            return found
        return [self._limited(each, tally, tallies, self.share(policy.daily_limit)) for each in found]

    def _limited(self, candidate: Candidate, tally: Tally, tallies: list[Tally], most: int) -> Candidate:
        if candidate.raises != "alert":
            return candidate
        mark = zlib.crc32(candidate.anchor.encode(errors="replace"))
        if any(mark in each.raised for each in tallies):
            return candidate
        if candidate.step == "create" and len(tally.raised) < most:
            tally.raised.append(mark)
            return candidate
        return replace(candidate, limited=True, message=f"{candidate.message} {LIMITED}")

    def _switched_off(self, policy: ActivityPolicy, activity: Activity) -> Candidate:
        return Candidate(
            policy=policy.metadata.id,
            step="suppress",
            anchor=f"{SWITCHED_OFF}-{activity.time_ms // DAY_MS}",
            severity=policy.settings.severity,
            raises=policy.settings.raises,
            message=(
                f"The policy matched more than {self._most:,} activities of a day in one of {self._partitions} "
                f"partitions, and is switched off there until the day (UTC) ends. Narrow its filters."
            ),
            first_ms=activity.time_ms,
            last_ms=activity.time_ms,
            suppressed=SWITCHED_OFF,
        )


def _forget(kept: ActivityPolicies, day: int) -> None:
    """Drops the tallies of policies that have not matched for so long on `day` that nothing is told by them: of those
    that are gone, too."""
    for policy in [each for each, tallies in kept.tallies.items() if tallies[-1].day < day - KEPT_DAYS]:
        del kept.tallies[policy]


def _tally(tallies: list[Tally], day: int) -> Tally | None:
    for tally in reversed(tallies):
        if tally.day == day:
            return tally
    if tallies and day < tallies[-1].day - KEPT_DAYS:
        return None
    tally = Tally(day)
    tallies.append(tally)
    tallies.sort(key=lambda each: each.day)
    while tallies[0].day < tallies[-1].day - KEPT_DAYS:
        del tallies[0]
    return tally
