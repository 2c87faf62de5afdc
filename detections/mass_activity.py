"""What mass download, deletion and sharing have in common: too much in a moment, or more in a run than is usual.

The moment is Defender's template (so many within a minute), and says nothing where the user does that often. The run is
Defender's session: activities with short gaps, compared with those of the user's last 30 days.
"""

import abc
from collections.abc import Sequence
from math import floor
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from detections.bursts import MAX_GAP_MS, PANES, Baseline, add, baseline, in_window
from detections.history import learning
from detections.model import DAY_MS, MINUTE_MS, Candidate, Evidence, Metadata, Number, Step, attributable
from detections.seen import USUAL_DAYS, days_seen, mark
from detections.settings import PolicySettings
from detections.state import ID_CHARS, Burst, Seen, UserState, Volume
from detections.suppression import first_today
from detections.wording import clock, count, duration, person, source
from schemas.activity import Activity

Reason = Literal["usual_for_user", "learning"]
_WHY: Final[dict[Reason, str]] = {
    "usual_for_user": "as much is usual for this user",
    "learning": "what is usual for this user is still being learned",
}


class RunSettings(PolicySettings, frozen=True, kw_only=True):
    """How a run is compared with what is usual; see `policies/builtin.yaml` for the reasons of the numbers."""

    min_in_run: Annotated[int, Meta(ge=2, le=60_000)] = 200
    sigmas: Annotated[float, Meta(ge=0, le=10)] = 3
    baseline_days: Annotated[int, Meta(ge=1, le=USUAL_DAYS)] = 30
    gap_minutes: Annotated[int, Meta(ge=10, le=MAX_GAP_MS // MINUTE_MS)] = 30
    learning_days: Annotated[int, Meta(ge=0, le=60)] = 7
    learning_logins: Annotated[int, Meta(ge=0, le=60)] = 10


class MassSettings(RunSettings, frozen=True, kw_only=True):
    """What all mass policies let people tune."""

    max_in_window: Annotated[int, Meta(ge=1, le=10_000)] = 50
    window_seconds: Annotated[int, Meta(ge=6, le=600)] = 60
    usual_days: Annotated[int, Meta(ge=1, le=USUAL_DAYS)] = 3


class MassActivity(abc.ABC):
    """A policy on too much of something. Its kinds say what counts, of what type, and in which words it is told."""

    metadata: ClassVar[Metadata]
    types: ClassVar[frozenset[str]]
    verb: ClassVar[str]
    noun: ClassVar[str]

    def __init__(self, settings: MassSettings) -> None:
        self.settings = settings
        self._gap_ms = settings.gap_minutes * MINUTE_MS
        self._window_ms = settings.window_seconds * 1000
        self._pane_ms = self._window_ms // PANES
        self._least = min(settings.max_in_window + 1, settings.min_in_run)

    @abc.abstractmethod
    def counts(self, activity: Activity) -> bool:
        """Whether `activity`, successful and of one of `types`, counts at all."""

    @abc.abstractmethod
    def volume_of(self, user: UserState) -> Volume:
        """Where the volume of this kind is kept."""

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding a run, updated each time it has doubled."""
        if activity.type not in self.types or activity.outcome != "success" or "parent" in activity.flags:
            return ()
        if not self.counts(activity) or not attributable(activity):
            return ()
        volume, time_ms = self.volume_of(user), activity.time_ms
        burst = add(volume, time_ms, activity.path or activity.event_id, self._gap_ms, self._pane_ms)
        if burst is None or burst.count < self._least:
            return ()
        if not burst.rushed and (peak := in_window(burst, time_ms, self._pane_ms)) > self.settings.max_in_window:
            burst.rushed, burst.look = True, 0
            _mark_rush(volume, time_ms // DAY_MS)
        else:
            peak = 0
        if burst.anchor:
            if burst.count < 2 * burst.told:
                return ()
            burst.told = burst.count
            return (self._candidate("update", activity, burst, peak, None),)
        if burst.count < burst.look or not (burst.rushed or burst.count >= self.settings.min_in_run):
            return ()
        return self._weigh(activity, user, volume, burst, peak)

    def _weigh(
        self, activity: Activity, user: UserState, volume: Volume, burst: Burst, peak: int
    ) -> Sequence[Candidate]:
        settings, day = self.settings, activity.time_ms // DAY_MS
        usual = baseline(volume, burst, settings.baseline_days)
        often = days_seen(volume.rushes, day) >= settings.usual_days
        reason: Reason | None = None
        if not burst.rushed or often:
            limit = self._limit(usual)
            if burst.count < settings.min_in_run or burst.count <= limit:
                reason, burst.look = "usual_for_user", max(settings.min_in_run, floor(limit) + 1)
            elif not learning(user, day).complete(settings.learning_days, settings.learning_logins):
                reason, burst.look = "learning", 2 * burst.count
        if reason is None:
            burst.anchor, burst.told = activity.event_id[:ID_CHARS], burst.count
            return (self._candidate("create", activity, burst, peak, usual),)
        if not first_today(user, activity.time_ms, self.metadata.id, reason, ""):
            return ()
        return (self._candidate("suppress", activity, burst, peak, usual, reason),)

    def _limit(self, usual: Baseline) -> float:
        return usual.mean + self.settings.sigmas * usual.sigma

    def _candidate(
        self,
        step: Step,
        activity: Activity,
        burst: Burst,
        peak: int,
        usual: Baseline | None,
        reason: Reason | None = None,
    ) -> Candidate:
        text = (
            f"{person(activity)} {self.verb} {count(burst.count, f'different {self.noun}')} from "
            f"{clock(burst.first_ms)} to {clock(burst.last_ms, burst.first_ms)}, from {source(activity)}"
        )
        numbers = [Number(self.noun, burst.count, None if usual is None else round(self._limit(usual), 2), "in a run")]
        if peak:
            allowed, window = self.settings.max_in_window, duration(self._window_ms)
            text += f"; {peak} within {window}, more than {allowed}"
            numbers.append(Number(f"{self.noun} at once", peak, allowed, f"in {window}"))
        if usual is not None:
            known = f"{usual.mean:.1f} on average, at most {self._limit(usual):.0f}"
            text += f"; usual for this user: {known if usual.days else 'none'}"
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=burst.anchor or activity.event_id[:ID_CHARS],
            severity=self.settings.severity,
            raises=self.settings.raises,
            message=f"{text}. Not raised: {_WHY[reason]}." if reason else f"{text}.",
            first_ms=burst.first_ms,
            last_ms=burst.last_ms,
            count=burst.count,
            numbers=tuple(numbers),
            evidence=(Evidence.of(activity),),
            suppressed=reason or "",
        )


def _mark_rush(volume: Volume, day: int) -> None:
    if volume.rushes is None:
        volume.rushes = Seen(day, 1)
    else:
        mark(volume.rushes, day)
