"""`networks`: attempts of one network, of one domain, or by one link become findings.

What is judged together comes from many partitions of the activities, so in no fixed order: see
`docs/adr/0005-networks.md` for what is exact all the same.
"""

from pathlib import Path
from typing import Final

import msgspec

from agents.attempts import is_verdict
from agents.origin import origin_of
from agents.policies import load_policies
from agents.withdrawing import FindingsWithdrawn
from detections import logins, sources
from detections.finding import about
from detections.model import HOUR_MS, LATEST_MS, Candidate, Metadata, SourcePolicy
from detections.policies import PolicySet
from detections.sources import Logins, Source
from detections.subject import source_subject
from detections.verdicts import forget, heard, is_closed, verdict_of
from schemas.attempt import Attempt, By, decode
from schemas.event import VERDICT
from schemas.finding import Finding
from streams.cluster import Record
from streams.errors import StageFailed
from streams.handler import NO_STAGES, Codec, Outputs, State
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.topics import changelog_name, group_name, topic_name
from streams.version import VERSION

NAME: Final = "networks"
SCHEMA: Final = 1 * 1_000 + sources.SCHEMA
"""Of the stored state: what the detections keep, and how this agent stores it. Raised, it is learned anew."""
SOURCES: Final = "sources"
"""Stage that learns who is usual; a policy's stage is its id."""
PARTITION: Final = b"\0partition"
"""Key of the state that stands for the whole partition; no source's key begins so."""
SWEPT_HOURS: Final = 24
"""In so many hours each source is looked at once."""


class Networks:
    """Handler of `egnyte.attempts`."""

    def __init__(self, policies: PolicySet, alerts: str, behaviors: str) -> None:
        self.use(policies)
        self._topics = {True: alerts, False: behaviors}
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def use(self, policies: PolicySet) -> None:
        """See `agents.policy_reload.FollowsPolicies`."""
        kinds: tuple[By, ...] = ("network", "connector", "link")
        self._policies: dict[By, tuple[SourcePolicy, ...]] = {
            by: tuple(each for each in policies.by_source if each.by == by) for by in kinds
        }
        self.set_hash = policies.hash

    def handle(self, record: Record, state: State[Source], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        """The source takes the attempt in; then the policies judge."""
        if record.headers and is_verdict(record):
            self._hear(record, state, out)
            return
        try:
            attempt = decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            out.dead_letter(record, "decode", f"not an attempt: {error}")
            return
        if not 0 <= attempt.time_ms < LATEST_MS:
            return
        _sweep(attempt.time_ms, state)
        source = state.load(record.key or b"")
        forget(source.verdicts, attempt.time_ms)
        stage = SOURCES
        try:
            if attempt.by != "link" and (SOURCES in skip or not _taken_in(attempt, source)):
                return
            for policy in self._policies[attempt.by]:
                stage = policy.metadata.id
                if stage not in skip:
                    for candidate in policy.judge(attempt, source):
                        self._publish(candidate, policy.metadata, attempt, record, source, out)
        except Exception as error:
            raise StageFailed(stage, error) from error

    def _hear(self, record: Record, state: State[Source], out: Outputs) -> None:
        """What a person says about a finding, passed on by `enrich`."""
        key = record.key or b""
        try:
            verdict = verdict_of(record.value or b"", key)
        except ValueError as error:
            out.dead_letter(record, VERDICT, str(error))
            return
        found = heard(verdict, state.load(key).verdicts, record.timestamp)
        if found is not None:
            self._send(found, record.timestamp, record, out)

    def _publish(
        self, candidate: Candidate, policy: Metadata, attempt: Attempt, record: Record, source: Source, out: Outputs
    ) -> None:
        name = attempt.prefix if attempt.by == "network" else attempt.link
        found = about(
            source_subject(
                candidate, attempt.by, (record.key or b"").decode(errors="replace"), attempt.connector, name
            ),
            candidate,
            policy,
            connector=attempt.connector,
            set_hash=self.set_hash,
            product_version=VERSION,
        )
        if candidate.step == "suppress" or not is_closed(source.verdicts, found.finding_info.uid):
            self._send(found, attempt.time_ms, record, out)

    def _send(self, found: Finding, time_ms: int, record: Record, out: Outputs) -> None:
        topic, uid = self._topics[found.is_alert], found.finding_info.uid.encode()
        out.send(topic, uid, self._encode(found), time_ms, origin_of(NAME, record))


def _sweep(time_ms: int, state: State[Source]) -> None:
    """Removes sources that nothing was heard of for long: with the first attempt of each hour a part of them.

    Whoever attacks chooses from how many networks. What is removed, and when, follows from the attempts alone.
    """
    whole, hour = state.load(PARTITION), time_ms // HOUR_MS
    if hour <= whole.swept_hour:
        return
    due = {each % SWEPT_HOURS for each in range(max(whole.swept_hour + 1, hour - SWEPT_HOURS + 1), hour + 1)}
    whole.swept_hour = hour
    state.drop(
        lambda key: key != PARTITION and sources.hashed_key(key) % SWEPT_HOURS in due,
        lambda source: sources.is_idle(source, time_ms),
    )


def _taken_in(attempt: Attempt, source: Source) -> bool:
    """Takes a login in. False where there is nothing to judge: most logins are of that kind."""
    if source.logins is None:
        source.logins = Logins()
    return logins.observe(source.logins, attempt)


def spec(settings: Settings, policies: PolicySet | None = None) -> AgentSpec:
    """The agent, for `streams.app.build`. `policies`: those in force, by default what the files ask for."""
    topics = topic_name(settings, "alerts"), topic_name(settings, "behaviors")
    handler = Networks(policies or load_policies(Path(settings.policies.dir)), *topics)
    return AgentSpec(
        name=NAME,
        group=group_name(settings, NAME),
        source=topic_name(settings, "attempts"),
        dead_letters=topic_name(settings, "dead-letters"),
        handler=handler,
        codec=Codec(SCHEMA, Source, sources.encode, sources.decode),
        changelog=changelog_name(settings, NAME),
        withdrawals=FindingsWithdrawn(NAME, topics, lambda: handler.set_hash),
    )
