"""What people say about findings: looks a finding up, and publishes the verdict as an event in its own stream."""

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

import msgspec

from console.events import Published, event
from detections.activity_policies.definition import SYSTEM_FINDINGS
from detections.verdicts import key_of
from schemas import finding as findings
from schemas import verdict as verdicts
from schemas.event import MAX_VALUE_BYTES, VERDICT
from schemas.finding import Finding
from schemas.verdict import Verdict
from streams.cluster import TopicPartition
from streams.errors import Refused
from streams.kafka_admin import require_topics
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name

SHORTEST_UID: Final = 8
"""Of a uid so much must be given; the rest where it is not unique."""


async def find(settings: Settings, uid: str) -> Finding:
    """The finding `uid` (or the only one that begins so) as it stands, out of all that are kept.

    Raises BrokerAwayError, and Refused where there is none, or more than one.
    """
    wanted = uid.strip().lower()
    if len(wanted) < SHORTEST_UID:
        raise Refused(f"{uid!r} is no uid of a finding: give at least {SHORTEST_UID} characters of it")
    topics = [topic_name(settings, name) for name in ("behaviors", "alerts")]
    await require_topics(settings, topics)
    found: dict[str, Finding] = {}
    cluster = KafkaCluster(settings, "egnyte-watch-console")
    try:
        for topic in topics:
            for partition in range(PARTITIONS):
                for each in await _of_partition(cluster, TopicPartition(topic, partition), wanted.encode()):
                    known = found.get(each.finding_info.uid)
                    if known is None or each.time >= known.time:
                        found[each.finding_info.uid] = each
    finally:
        await cluster.close()
    if not found:
        raise Refused(
            f"there is no finding {uid} on {' or '.join(reversed(topics))}: egnyte-watch alerts tail "
            "--from-beginning --behaviors shows those that are kept, each with its uid"
        )
    if len(found) > 1:
        raise Refused(f"{uid} is not unique: {', '.join(sorted(found))}")
    return next(iter(found.values()))


async def _of_partition(cluster: KafkaCluster, tp: TopicPartition, wanted: bytes) -> list[Finding]:
    """The newest record of each finding of this partition whose uid begins with `wanted`."""
    newest: dict[bytes, bytes] = {}
    async with aclosing(cluster.read(tp, 0)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                if record.key is not None and record.value is not None and record.key.startswith(wanted):
                    newest[record.key] = record.value
    return [found for value in newest.values() if (found := _decoded(value)) is not None]


def _decoded(value: bytes) -> Finding | None:
    try:
        return findings.decode(value)
    except msgspec.MsgspecError:
        return None  # nobody could have copied its uid from what is shown


def check_sayable(verdict: Verdict) -> None:
    """Raises Refused, with the reason, where the finding is not one to say this about."""
    found = verdict.finding
    uid, title = found.finding_info.uid, found.finding_info.title
    if found.unmapped.policy in SYSTEM_FINDINGS:
        raise Refused(f"{uid} ({title}) is about egnyte-watch itself: it closes by itself, once it is mended")
    if found.unmapped.step == "suppress":
        raise Refused(f"{uid} ({title}) was not raised, for {found.unmapped.suppressed}: there is nothing to close")
    closed = found.unmapped.step == "close"
    if verdict.said == "close" and closed:
        raise Refused(f"{uid} ({title}) is already closed: {_how(found)}. To judge it anew, reopen it first")
    if verdict.said == "reopen" and not closed:
        raise Refused(f"{uid} ({title}) is open")


def _how(found: Finding) -> str:
    when = datetime.fromtimestamp(found.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    if found.unmapped.judged_by:
        comment = f" ({found.comment})" if found.comment else ""
        return f"as {found.verdict.lower()} by {found.unmapped.judged_by} at {when}Z{comment}"
    return f"{found.status_detail or 'by its policy'}, {when}Z"


async def publish(settings: Settings, verdict: Verdict) -> Published:
    """Writes `verdict` to the events topic, in the finding's own stream; it is kept when this returns.

    Raises Refused where it is too large, or this login may not write there, and Kafka's errors.
    """
    key, value = key_of(verdict.finding).encode(), verdicts.encode(verdict)
    if len(value) > MAX_VALUE_BYTES:
        raise Refused(f"the verdict has {len(value):,} bytes, at most {MAX_VALUE_BYTES:,} travel: shorten the comment")
    return await event(settings, verdict.finding.unmapped.connector, VERDICT, key, value)
