"""`detect`: activities of one user, in order, become findings. A pure function of one partition and the policy set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from agents.origin import origin_of
from agents.policies import load_policies
from agents.withdrawing import FindingsWithdrawn
from detections import state as user_state
from detections.activity_policies.conditions import Test
from detections.activity_policies.limits import Limits
from detections.activity_policies.policy import CHILD, ActivityPolicy
from detections.finding import finding
from detections.history import observe
from detections.model import Candidate, Metadata, Policy
from detections.policies import PolicySet
from detections.state import UserState
from detections.verdicts import BY_SOURCE, heard, is_closed, verdict_of
from schemas.activity import TYPES, UNDATED, Activity, Person
from schemas.event import DIRECTORY, VERDICT
from schemas.finding import Finding
from streams.cluster import Record
from streams.errors import StageFailed
from streams.handler import NO_STAGES, Codec, Outputs, State
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.topics import PARTITIONS, changelog_name, group_name, topic_name
from streams.version import VERSION

Judge = Callable[[Activity, UserState], Sequence[Candidate]]

NAME: Final = "detect"
SCHEMA: Final = 1 * 1_000 + user_state.SCHEMA
"""Of the stored state: what the detections keep, and how this agent stores it. Raised, it is learned anew."""
HISTORY: Final = "history"
"""Stage that learns what is usual; a policy's stage is its id."""
PARTITION: Final = b"\0partition"
"""Key of the state that stands for the whole partition; no user's key begins so."""


class Detect:
    """Handler of `egnyte.activities`."""

    def __init__(self, policies: PolicySet, alerts: str, behaviors: str, partitions: int = PARTITIONS) -> None:
        """`partitions`: of the activities, each of which has its share of the limits by the day."""
        self.use(policies)
        self._limits = Limits(partitions)
        self._topics = {True: alerts, False: behaviors}
        self._decode = msgspec.json.Decoder(Activity).decode
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def use(self, policies: PolicySet) -> None:
        """See `agents.policy_reload.FollowsPolicies`."""
        self._policies = {kind: _built_in(policies.policies, kind) for kind in TYPES}
        self._of_no_type = _built_in(policies.policies, "")
        self._activity = _by_type(policies.activity, children=False)
        self._children = _by_type(policies.activity, children=True)
        self.set_hash = policies.hash

    def handle(self, record: Record, state: State[UserState], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        """Every policy sees the user as of before the activity; then the activity is learned."""
        try:
            activity = self._decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            out.dead_letter(record, "decode", f"not an activity: {error}")
            return
        if activity.flags and not UNDATED.isdisjoint(activity.flags):
            return  # kept in the audit trail, but when it happened is not known
        key = record.key or b""
        user = state.load(key)
        if activity.source == VERDICT:
            self._hear(record, activity, user, out)
            return
        stage = HISTORY
        try:
            for stage, judge, metadata in self._policies.get(activity.type, self._of_no_type):
                if not skip or stage not in skip:
                    for candidate in judge(activity, user):
                        self._publish(candidate, metadata, activity, record, user, out)
            asked = self._children if activity.flags and CHILD in activity.flags else self._activity
            for stage, policy, matches in asked.get(activity.type, ()):
                if (not skip or stage not in skip) and matches(activity, user):
                    found = list(policy.tell(activity, user))
                    kept = state.load(PARTITION).activity_policies
                    for candidate in self._limits.judge(policy, activity, found, kept):
                        self._publish(candidate, policy.metadata, activity, record, user, out)
            stage = HISTORY
            if HISTORY not in skip:
                observe(activity, user)
        except Exception as error:
            raise StageFailed(stage, error) from error

    def _hear(self, record: Record, activity: Activity, user: UserState, out: Outputs) -> None:
        """What a person says about a finding. Nothing is learned from it but what `detections.verdicts` keeps."""
        try:
            verdict = verdict_of(activity.raw, record.key or b"")
        except ValueError as error:
            out.dead_letter(record, VERDICT, str(error))
            return
        if verdict.finding.unmapped.policy in BY_SOURCE:
            return  # of agent `networks`, which hears it too
        found = heard(verdict, user.verdicts, activity.time_ms)
        if found is not None:
            self._send(found, activity.time_ms, record, out)

    def _publish(
        self, candidate: Candidate, policy: Metadata, activity: Activity, record: Record, user: UserState, out: Outputs
    ) -> None:
        found = finding(
            candidate,
            policy,
            connector=activity.connector,
            user_key=(record.key or b"").decode(errors="replace"),
            actor=whom(activity),
            set_hash=self.set_hash,
            product_version=VERSION,
        )
        if candidate.step == "suppress" or not is_closed(user.verdicts, found.finding_info.uid):
            self._send(found, activity.time_ms, record, out)

    def _send(self, found: Finding, time_ms: int, record: Record, out: Outputs) -> None:
        topic, uid = self._topics[found.is_alert], found.finding_info.uid.encode()
        out.send(topic, uid, self._encode(found), time_ms, origin_of(NAME, record))


def whom(activity: Activity) -> Person:
    """Whose doing the findings of `activity` are about: for a change of the directory, whose account it is."""
    return activity.subject if activity.source == DIRECTORY and activity.subject is not None else activity.actor


def _built_in(policies: Sequence[Policy], kind: str) -> tuple[tuple[str, Judge, Metadata], ...]:
    """The built-in policies that look at activities of type `kind`, in the order in which they judge."""
    return tuple(
        (policy.metadata.id, policy.judge, policy.metadata)
        for policy in policies
        if not policy.metadata.types or kind in policy.metadata.types
    )


def _by_type(
    policies: Sequence[ActivityPolicy], *, children: bool
) -> dict[str, tuple[tuple[str, ActivityPolicy, Test], ...]]:
    """The enabled activity policies by the activity types that they take: most need not even be asked. `children`:
    only those that take the rows of children."""
    asked = [each for each in policies if each.settings.enabled and (each.children or not children)]
    return {
        kind: tuple((each.metadata.id, each, each.matches) for each in asked if kind in each.types) for kind in TYPES
    }


def policy_set(settings: Settings) -> PolicySet:
    """The policies in force. Raises PoliciesError with all mistakes: file, line, field and the nearest valid value."""
    return load_policies(Path(settings.policies.dir))


def spec(settings: Settings, policies: PolicySet | None = None) -> AgentSpec:
    """The agent, for `streams.app.build`. `policies`: those in force, by default what the files ask for."""
    topics = topic_name(settings, "alerts"), topic_name(settings, "behaviors")
    handler = Detect(policies or policy_set(settings), *topics)
    return AgentSpec(
        name=NAME,
        group=group_name(settings, NAME),
        source=topic_name(settings, "activities"),
        dead_letters=topic_name(settings, "dead-letters"),
        handler=handler,
        codec=Codec(SCHEMA, UserState, user_state.encode, user_state.decode),
        changelog=changelog_name(settings, NAME),
        withdrawals=FindingsWithdrawn(NAME, topics, lambda: handler.set_hash),
    )
