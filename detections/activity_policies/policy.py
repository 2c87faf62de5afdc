"""An activity policy at work: whether an activity matches, and what is said about it."""

from collections.abc import Sequence
from typing import Final

from detections.activity_policies.conditions import Test, Weighed
from detections.activity_policies.filters import Reason, every
from detections.activity_policies.telling import repeated_sentence, sentence
from detections.activity_policies.watches import Growth, Repeated, grown
from detections.model import LATEST_MS, Candidate, Evidence, Metadata, Number, attributable
from detections.settings import PolicySettings
from detections.state import ID_CHARS, UserState
from schemas.activity import Activity

CHILD: Final = "parent"
"""Flag of the rows that Egnyte writes for children; `- Parent` is its own word for them."""


class ActivityPolicy:
    """One policy, compiled. `types`: the activity types that can match. `children`: whether it also takes the rows that
    Egnyte writes for each child of a folder that was moved, copied or deleted; else one act would match thousands of
    times. `matches`: whether an activity of these does; it changes nothing. `daily_limit`: alerts a day, None without
    limit. `reasons`: what findings say of why an activity matches."""

    def __init__(
        self,
        metadata: Metadata,
        settings: PolicySettings,
        types: frozenset[str],
        tests: Sequence[Weighed],
        *,
        children: bool = False,
        repeated: Repeated | None = None,
        daily_limit: int | None = None,
        reasons: Sequence[Reason] = (),
    ) -> None:
        self.metadata = metadata
        self.settings = settings
        self.types = types
        self.repeated = repeated
        self._watch = metadata.id if repeated is None else f"{metadata.id}/{repeated.mark}"
        self.daily_limit = daily_limit
        self.children = children
        self._reasons = reasons
        self.matches: Test = every(tests)

    def takes(self, activity: Activity) -> bool:
        """Whether `activity` is one to ask `matches` about."""
        return activity.type in self.types and (self.children or CHILD not in activity.flags)

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`. Without `repeated` each match is a finding of its own."""
        return self.tell(activity, user) if self.takes(activity) and self.matches(activity, user) else ()

    def tell(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`, which matches.

        What people share with strangers (unknown login names, visitors of links) is not counted together: repeated
        policies leave such activities out, but for those that only join matches (`count` 1).
        """
        if not 0 <= activity.time_ms < LATEST_MS:
            return ()
        rule = self.repeated
        if rule is None:
            return (self._single(activity, user),)
        if not attributable(activity):
            return (self._single(activity, user),) if rule.count == 1 else ()
        growth = grown(user.activity_policies, self._watch, activity, rule)
        return () if growth is None else (self._repeated(activity, user, growth, rule),)

    def _why(self, activity: Activity, user: UserState) -> str:
        """What is said beside what happened."""
        because = [reason.words for reason in self._reasons if reason.holds(activity, user)]
        return f" Because {', and '.join(because)}." if because else ""

    def _single(self, activity: Activity, user: UserState) -> Candidate:
        return Candidate(
            policy=self.metadata.id,
            step="create",
            anchor=activity.event_id[:ID_CHARS],
            severity=self.settings.severity,
            raises=self.settings.raises,
            message=sentence(activity) + self._why(activity, user),
            first_ms=activity.time_ms,
            last_ms=activity.time_ms,
            evidence=(Evidence.of(activity),),
        )

    def _repeated(self, activity: Activity, user: UserState, growth: Growth, rule: Repeated) -> Candidate:
        incident = growth.incident
        first = growth.begins and incident.count == 1
        told = sentence(activity) if first else repeated_sentence(activity, incident, rule)
        return Candidate(
            policy=self.metadata.id,
            step="create" if growth.begins else "update",
            anchor=incident.anchor,
            severity=self.settings.severity,
            raises=self.settings.raises,
            message=told + self._why(activity, user),
            first_ms=incident.first_ms,
            last_ms=incident.last_ms,
            count=incident.count,
            numbers=(Number("matching activities", incident.count, rule.count, "activities"),),
            evidence=(Evidence.of(activity),),
        )
