"""Dormant account: a user who was silent for long does something again."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from detections.model import (
    DAY_MS,
    Candidate,
    Evidence,
    Metadata,
    Number,
    Raise,
    Severity,
    Technique,
    attributable,
)
from detections.settings import PolicySettings
from detections.state import ID_CHARS, KEPT_DAYS, UserState
from detections.wording import clock, count, person, source
from schemas.activity import Activity


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    silent_days: Annotated[int, Meta(ge=14, le=KEPT_DAYS - 5)] = 60
    directory: bool = True
    directory_raise: Raise = "behavior"
    directory_severity: Severity = "low"


class DormantAccount:
    """See `metadata`. It needs no state of its own: the days on which the user was active are learned anyway."""

    metadata: ClassVar[Metadata] = Metadata(
        id="dormant_account",
        version="1.1",
        title="Dormant account awake",
        description=(
            "The first successful activity of a user after two months without any: forgotten accounts are taken over "
            "unnoticed. Who was silent for more than 80 days is forgotten and counts as a new user, unless the "
            "directory knows when the account was last used."
        ),
        techniques=(
            Technique("T1078", "Valid Accounts", "TA0003", "Persistence"),
            Technique("T1078.004", "Cloud Accounts", "TA0003", "Persistence"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "Somebody comes back from leave.",
            "An account that is needed once a quarter.",
        ),
        triage=(
            "Ask the user or the manager whether the user is back. Compare place and client with those of before, and "
            "look at what was done since."
        ),
        remediation=(
            "If nobody needs the account: suspend it, and see who else was left over. If somebody else uses it: reset "
            "the password and require the user to sign in again, too."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """A candidate for the first activity after the silence."""
        history, day = user.history, activity.time_ms // DAY_MS
        passed = day - history.day
        if passed < self.settings.silent_days and history.days and history.days[0]:
            return ()  # the common case: active lately
        if activity.outcome != "success" or passed < 0 or not attributable(activity):
            return ()
        active = len(history.days) - len(history.days.lstrip(b"\0"))  # the newest day with an activity
        silent = passed + active
        if not history.days:
            return self._by_directory(activity, day)
        if not self.settings.silent_days <= silent <= KEPT_DAYS:
            return ()
        return (self._awake(activity, silent, self.settings.severity, self.settings.raises, ""),)

    def _by_directory(self, activity: Activity, day: int) -> Sequence[Candidate]:
        """Of somebody who is new here, or was silent for so long as to be forgotten."""
        settings, account = self.settings, activity.account
        if not settings.directory or account is None or account.last_active_ms <= 0:
            return ()
        silent = day - account.last_active_ms // DAY_MS
        if silent <= KEPT_DAYS:
            return ()
        raises: Raise = settings.directory_raise if settings.raises == "alert" else settings.raises
        return (self._awake(activity, silent, settings.directory_severity, raises, ", by the directory"),)

    def _awake(self, activity: Activity, silent: int, severity: Severity, raises: Raise, source_of: str) -> Candidate:
        last_ms = (activity.time_ms // DAY_MS - silent) * DAY_MS
        return Candidate(
            policy=self.metadata.id,
            step="create",
            anchor=activity.event_id[:ID_CHARS],
            severity=severity,
            raises=raises,
            message=(
                f"{person(activity)}: {activity.type} at {clock(activity.time_ms)} from {source(activity)}, after "
                f"{count(silent, 'day')} of silence (since {clock(last_ms)[:10]}{source_of})."
            ),
            first_ms=activity.time_ms,
            last_ms=activity.time_ms,
            numbers=(Number("silence", silent, self.settings.silent_days, "days"),),
            evidence=(Evidence.of(activity),),
        )
