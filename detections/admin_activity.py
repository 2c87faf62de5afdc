"""Unusual administrative activity: by somebody who never did any, or far more than this administrator does."""

from collections.abc import Sequence
from math import floor
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from detections.bursts import Baseline, add, baseline
from detections.history import EVERYDAY_ADMINISTRATION, learning
from detections.mass_activity import RunSettings
from detections.model import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Candidate,
    Evidence,
    Metadata,
    Number,
    Step,
    Technique,
    attributable,
)
from detections.state import ID_CHARS, KEPT_DAYS, Burst, UserState, Volume
from detections.suppression import first_today
from detections.wording import clock, person, plain, source
from schemas.activity import Activity

Reason = Literal["usual_for_user", "learning"]
_WHY: Final[dict[Reason, str]] = {
    "usual_for_user": "as much is usual for this administrator",
    "learning": "what is usual for this user is still being learned",
}


class Settings(RunSettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    min_in_run: Annotated[int, Meta(ge=2, le=60_000)] = 25
    first_time: bool = True


class AdminActivity:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="admin_activity",
        version="1.1",
        title="Unusual administrative activity",
        description=(
            "Users, groups or settings are changed by somebody who did nothing of the kind in the last 80 days; or an "
            "administrator changes many more of them in a run than in the runs of the last month. However much is done "
            "to one, it counts once."
        ),
        techniques=(
            Technique("T1098", "Account Manipulation", "TA0004", "Privilege Escalation"),
            Technique("T1136.003", "Cloud Account", "TA0003", "Persistence"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "A new administrator, or one who stands in for another.",
            "A reorganisation, or many people who join at once.",
        ),
        triage=(
            "Ask another administrator whether the work was agreed on. Look at who was changed: accounts created, "
            "raised to administrators or with a new password deserve a look each."
        ),
        remediation=(
            "If it was not agreed on: take the rights away, suspend the user, undo the changes, and reset the "
            "passwords of all accounts that were created or changed."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._gap_ms = self.settings.gap_minutes * MINUTE_MS

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding a run, updated each time it has doubled."""
        if not activity.administrative or activity.outcome != "success":
            return ()
        if "parent" in activity.flags or not attributable(activity):
            return ()
        volume = user.volumes.administration
        burst = add(volume, activity.time_ms, _target(activity), self._gap_ms, HOUR_MS)
        if burst is None:
            return ()
        if burst.anchor:
            if burst.count < 2 * burst.told:
                return ()
            burst.told = burst.count
            return (self._candidate("update", activity, burst, None, first=False),)
        first = (
            self.settings.first_time
            and activity.type != EVERYDAY_ADMINISTRATION
            and user.history.admin_day < activity.time_ms // DAY_MS - KEPT_DAYS
        )
        if not first and burst.count < max(burst.look, self.settings.min_in_run):
            return ()
        return self._weigh(activity, user, volume, burst, first=first)

    def _weigh(
        self, activity: Activity, user: UserState, volume: Volume, burst: Burst, *, first: bool
    ) -> Sequence[Candidate]:
        settings, usual = self.settings, baseline(volume, burst, self.settings.baseline_days)
        known = learning(user, activity.time_ms // DAY_MS)
        if not known.days:
            return ()  # nothing is known: nothing is unusual
        reason: Reason | None = None
        if not known.complete(settings.learning_days, settings.learning_logins):
            reason, burst.look = "learning", 2 * burst.count
        elif not first and burst.count <= self._limit(usual):
            reason, burst.look = "usual_for_user", floor(self._limit(usual)) + 1
        if reason is None:
            burst.anchor, burst.told = activity.event_id[:ID_CHARS], burst.count
            return (self._candidate("create", activity, burst, usual, first=first),)
        if not first_today(user, activity.time_ms, self.metadata.id, reason, ""):
            return ()
        return (self._candidate("suppress", activity, burst, usual, first=first, reason=reason),)

    def _limit(self, usual: Baseline) -> float:
        return usual.mean + self.settings.sigmas * usual.sigma

    def _candidate(
        self,
        step: Step,
        activity: Activity,
        burst: Burst,
        usual: Baseline | None,
        *,
        first: bool,
        reason: Reason | None = None,
    ) -> Candidate:
        subject = activity.subject
        about = plain((subject.email or subject.name) if subject else activity.group or activity.path)
        text = f"{person(activity)}: {activity.type}{f' of {about}' if about else ''} at {clock(activity.time_ms)}"
        if activity.ip:
            text += f" from {source(activity)}"
        if first:
            text += f"; no administrative work of this user in the last {KEPT_DAYS} days"
        if burst.count > 1:
            text += f"; {burst.count} different people, groups or settings since {clock(burst.first_ms)}"
        limit = None
        if usual is not None and not first:
            limit = max(float(self.settings.min_in_run), round(self._limit(usual), 2))
            text += f", {limit:.0f} are much for this user"
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
            numbers=(Number("people, groups and settings changed", burst.count, limit, "in a run"),),
            evidence=(Evidence.of(activity),),
            suppressed=reason or "",
        )


def _target(activity: Activity) -> str:
    """Whom or what it was done to. A newcomer is created, put into groups and given folders: that is one, not four."""
    subject = activity.subject
    return ((subject.email or subject.name) if subject else activity.group or activity.path) or activity.event_id
