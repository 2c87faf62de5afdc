"""Terminated user: somebody whose access has ended is still at work."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from detections.encounters import begun, grown
from detections.model import (
    DAY_MS,
    LATEST_MS,
    MINUTE_MS,
    Candidate,
    Evidence,
    Metadata,
    Number,
    Raise,
    Severity,
    Step,
    Technique,
    attributable,
)
from detections.settings import PolicySettings
from detections.standing import ENDS, MAX_INCIDENTS, End, Slot, ends_of, forget, in_force, keep, recent, told
from detections.state import ID_CHARS, Incident, Standing, UserState, goes_on
from detections.suppression import first_today
from detections.wording import clock, count, duration, person, plain, source
from schemas.activity import Account, Activity

DIRECTORY: Final = "directory"
MAX_EVIDENCE: Final = 10
_SAID: Final[dict[End, str]] = {
    "deleted": "the account was deleted",
    "left": "the last working day ended",
    "disabled": "the account was disabled",
}
_WHY: Final = {"grace": "clocks may differ, and the news may be on their way"}
TRIED: Final = "tried"
"""Key of the incident of failures alone: the door was shut."""


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    severity: Severity = "high"
    disabled: bool = True
    disabled_severity: Severity = "medium"
    leave_dates: bool = True
    grace_minutes: Annotated[int, Meta(ge=0, le=1_440)] = 15
    leave_grace_minutes: Annotated[int, Meta(ge=0, le=10_080)] = 15
    failures_raise: Raise = "behavior"
    failures_severity: Severity = "low"


class TerminatedUser:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="terminated_user",
        version="1.0",
        title="Activity by a terminated user",
        description=(
            "Whoever is deleted or disabled in Entra ID or Egnyte, or whose last working day is over, still acts: any "
            "activity, not only sign-ins. A removal that is learned late is held against what the user did lately. "
            "Who is let in again closes it. It needs a directory: Entra ID, Egnyte's users, or both."
        ),
        techniques=(
            Technique("T1078", "Valid Accounts", "TA0003", "Persistence"),
            Technique("T1078.004", "Cloud Accounts", "TA0003", "Persistence"),
        ),
        severity="high",
        raises="alert",
        needs="directory",
        false_positives=(
            "An account that was disabled for a while only, or deleted by mistake and made again.",
            "A leave date that was not moved when the contract was.",
            "Automation that goes on under the name of somebody who has left.",
            "Two people whom the directory takes for one.",
        ),
        triage=(
            "Ask human resources whether the person has left, and whether the directory's synchronisation works. "
            "Look at what was downloaded and shared since, and by which client: a second account that does not go "
            "through single sign-on, a token or a device may have survived."
        ),
        remediation=(
            "Disable the account at Egnyte, too; revoke its tokens and links; wipe its devices. If the person is still "
            "with you, correct the directory: that closes the finding."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._grace_ms: Mapping[End, int] = {
            "deleted": self.settings.grace_minutes * MINUTE_MS,
            "left": self.settings.leave_grace_minutes * MINUTE_MS,
            "disabled": self.settings.grace_minutes * MINUTE_MS,
        }
        self._asked = frozenset(
            end
            for end in ENDS
            if (end != "left" or self.settings.leave_dates) and (end != "disabled" or self.settings.disabled)
        )

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding a day, updated at doublings and with each further type of activity.
        For a change of the directory: what the user did since it happened, or that the user is back."""
        standing, account = user.standing, activity.account
        if activity.type == DIRECTORY:
            known = account is not None and 0 <= activity.received_ms < LATEST_MS
            return self._changed(activity, account, standing) if known and account is not None else ()
        if not attributable(activity):
            return ()
        failed = activity.outcome == "failure"
        if not failed:
            keep(standing, activity)
        if not standing.told_ms and (account is None or not (account.deleted or account.disabled or account.leave_ms)):
            return ()  # the common case
        over = self._over(in_force(standing, activity), activity.time_ms)
        if over is None:
            return ()
        end, since_ms = over
        if activity.time_ms <= since_ms + self._grace_ms[end]:
            return self._within_grace(activity, user, end, since_ms)
        return self._acts(activity, standing, end, since_ms, TRIED if failed else end)

    def _over(self, ends: Mapping[End, int], time_ms: int) -> tuple[End, int] | None:
        """How and when access had ended before `time_ms`: the gravest way of those whose grace is over; or the gravest
        at all."""
        ended = [(end, ends[end]) for end in ENDS if end in self._asked and end in ends and ends[end] < time_ms]
        late = [(end, since_ms) for end, since_ms in ended if time_ms > since_ms + self._grace_ms[end]]
        return next(iter(late or ended), None)

    def _within_grace(self, activity: Activity, user: UserState, end: End, since_ms: int) -> Sequence[Candidate]:
        if not first_today(user, activity.time_ms, self.metadata.id, "grace", end):
            return ()
        incident = begun(activity, end, (activity.type,))
        text = f"{self._words(activity, end, since_ms)}. Not raised: {_WHY['grace']}."
        return (self._candidate("suppress", incident, text, (Evidence.of(activity),), end, "grace"),)

    def _acts(self, activity: Activity, standing: Standing, end: End, since_ms: int, key: str) -> Sequence[Candidate]:
        words = (end, activity.type)
        tried = key == TRIED
        incident = next(
            (
                each
                for each in standing.incidents
                if (each.key == TRIED) == tried and goes_on(each.anchor_ms, activity.time_ms)
            ),
            None,
        )
        step: Step = "update"
        if incident is None:
            step, incident = "create", begun(activity, key, words)
            standing.incidents = [*standing.incidents, incident][-MAX_INCIDENTS:]
        elif not grown(incident, activity, words):
            return ()
        text = self._words(activity, end, since_ms)
        if step == "update":
            kinds = [word for word in incident.types if word not in ENDS]
            text += (
                f"; {count(incident.count, 'activity', 'activities')} since {clock(incident.first_ms)}: "
                f"{', '.join(kinds)}"
            )
        numbers = (Number("after the end of access", (activity.time_ms - since_ms) // MINUTE_MS, None, "minutes"),)
        return (self._candidate(step, incident, f"{text}.", (Evidence.of(activity),), end, numbers=numbers),)

    def _changed(self, activity: Activity, account: Account, standing: Standing) -> Sequence[Candidate]:
        """The directory has said something new: at once what it means for what was done before, or for what is open."""
        forget(standing, activity.received_ms)
        if not told(standing, account, activity.received_ms):
            return ()
        ends = ends_of(account)
        if self._over(ends, activity.received_ms) is None:
            return tuple(self._closed(activity, standing))
        return self._learned_late(activity, standing, ends)

    def _learned_late(self, activity: Activity, standing: Standing, ends: Mapping[End, int]) -> Sequence[Candidate]:
        judged_ms = max((each.last_ms for each in standing.incidents if each.key != TRIED), default=-1)
        found: list[tuple[Slot, End, int]] = []
        for slot in recent(standing):
            over = self._over(ends, slot.last_ms)
            if over is not None and slot.last_ms > max(over[1] + self._grace_ms[over[0]], judged_ms):
                found.append((slot, *over))
        if not found:
            return ()
        _, end, since_ms = min(found, key=lambda each: ENDS.index(each[1]))
        slots = [slot for slot, _, _ in found]
        done = sum(slot.activities if slot.start_ms > max(since_ms, judged_ms) else 1 for slot in slots)
        incident = Incident(
            end, slots[0].event_id[:ID_CHARS], slots[0].last_ms, slots[0].last_ms, slots[-1].last_ms, done,
            list(dict.fromkeys((end, *(slot.type for slot in slots))))[:6],
        )  # fmt: skip
        standing.incidents = [*standing.incidents, incident][-MAX_INCIDENTS:]
        text = (
            f"{_name(activity)}: at least {count(done, 'activity', 'activities')} "
            f"({', '.join(word for word in incident.types if word not in ENDS)}) from {clock(incident.first_ms)} to "
            f"{clock(incident.last_ms)}, after {_SAID[end]} ({clock(since_ms)}); that was learned only at "
            f"{clock(activity.received_ms)}."
        )
        evidence = tuple(Evidence(slot.event_id, slot.last_ms, slot.type) for slot in slots[-MAX_EVIDENCE:])
        late = Number("learned after", max(0, activity.received_ms - since_ms) // MINUTE_MS, None, "minutes")
        return (self._candidate("create", incident, text, evidence, end, numbers=(late,)),)

    def _closed(self, activity: Activity, standing: Standing) -> Iterator[Candidate]:
        incidents, standing.incidents = standing.incidents, []
        for incident in incidents:
            end: End = next((each for each in ENDS if each in incident.types), "deleted")
            text = (
                f"{_name(activity)} may be at work again since {clock(activity.time_ms)} "
                f"({plain(activity.action).replace('_', ' ')}): {count(incident.count, 'activity', 'activities')} "
                f"since {clock(incident.first_ms)} are in order."
            )
            yield self._candidate("close", incident, text, (), end)

    def _words(self, activity: Activity, end: End, since_ms: int) -> str:
        return (
            f"{person(activity)}: {activity.type} at {clock(activity.time_ms)} from {source(activity)}, "
            f"{_span(activity.time_ms - since_ms)} after {_SAID[end]} ({clock(since_ms)})"
        )

    def _candidate(
        self,
        step: Step,
        incident: Incident,
        message: str,
        evidence: tuple[Evidence, ...],
        end: End,
        suppressed: str = "",
        numbers: tuple[Number, ...] = (),
    ) -> Candidate:
        settings, tried = self.settings, incident.key == TRIED
        gravest = min((each for each in ENDS if each in incident.types), key=ENDS.index, default=end)
        severity = settings.disabled_severity if gravest == "disabled" else settings.severity
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=incident.anchor,
            severity=settings.failures_severity if tried else severity,
            raises=settings.failures_raise if tried and settings.raises == "alert" else settings.raises,
            message=message,
            first_ms=incident.first_ms,
            last_ms=incident.last_ms,
            count=incident.count,
            numbers=numbers,
            evidence=evidence,
            suppressed=suppressed,
        )


def _span(span_ms: int) -> str:
    return duration(span_ms) if span_ms < 2 * DAY_MS else count(span_ms // DAY_MS, "day")


def _name(change: Activity) -> str:
    """Whom a change of the directory is about."""
    subject = change.subject
    return (plain(subject.name) or plain(subject.email)) if subject is not None else "Somebody"
