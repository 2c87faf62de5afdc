"""Raises `policy_rejected` while the policy files can't be used, and closes it when they can: once for each episode.

Every worker sees the files, one speaks: the one that has partition 0 of detect's input is on duty. What has been said
stands in a record that is written in one transaction with the finding, by a producer that fences the one on duty
before. So a change of duty at any moment neither doubles a finding nor loses it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from agents.policy_reload import LOOK_S, PolicyFolder, Rejection
from detections.model import Candidate, Number, Step
from detections.system_findings import ITSELF, POLICY_REJECTED, system_finding
from detections.wording import clock
from schemas import finding as findings
from schemas import rejection
from schemas.finding import Finding
from schemas.rejection import KEY, RejectionRecord
from streams.chunk_app import ChunkApp
from streams.cluster import Cluster, Producer, TopicPartition
from streams.errors import StreamError
from streams.kafka import partition_of
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name
from streams.version import VERSION

log = structlog.get_logger(__name__)
SUBJECT: Final = f"{ITSELF}/policies"
DUTY_AGENT: Final = "detect"
DUTY_PARTITION: Final = 0
WITHIN_S: Final = 60.0
"""For fencing, reading and writing together. What takes longer is given up, and tried again."""
CLOSE_S: Final = 1.5
MAX_TOLD: Final = 8
"""Mistakes that are named; of more, how many there are."""


def turn_of(kept: RejectionRecord, rejected: Rejection | None, now_ms: int) -> tuple[Step, RejectionRecord] | None:
    """What is to be said now that the files stand as `rejected` says, with the record after it; None where nothing."""
    content = rejected.content if rejected is not None else ""
    if content == kept.content:
        return None
    if rejected is None:
        return "close", RejectionRecord(
            episode=kept.episode, since_ms=kept.since_ms, rejections=kept.rejections, told=kept.told
        )
    if kept.content:
        return "update", RejectionRecord(
            episode=kept.episode,
            content=content,
            since_ms=kept.since_ms,
            rejections=kept.rejections + 1,
            told=_mistakes(rejected),
        )
    return "create", RejectionRecord(
        episode=kept.episode + 1, content=content, since_ms=now_ms, rejections=1, told=_mistakes(rejected)
    )


def finding_of(step: Step, record: RejectionRecord, now_ms: int, set_hash: str) -> Finding:
    """The finding of `step` in the episode of `record`. The uid follows from the episode alone."""
    since = clock(record.since_ms)
    message = (
        f"The policy files can be used again; they could not be since {since}. Last mistakes: {record.told}"
        if step == "close"
        else f"The policy files can't be used since {since}, and the policies of before stay in force: {record.told}"
    )
    candidate = Candidate(
        policy=POLICY_REJECTED.id,
        step=step,
        anchor=f"episode-{record.episode}-{record.since_ms}",
        severity=POLICY_REJECTED.severity,
        raises=POLICY_REJECTED.raises,
        message=message,
        first_ms=record.since_ms,
        last_ms=max(now_ms, record.since_ms),
        count=record.rejections,
        numbers=(Number("rejected versions of the files", record.rejections),),
    )
    return system_finding(
        candidate,
        POLICY_REJECTED,
        connector=ITSELF,
        subject=SUBJECT,
        kind="Policy files",
        set_hash=set_hash,
        version=VERSION,
    )


class PolicyAlarm:
    """Speaks for one worker, while it is on duty."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        folder: PolicyFolder,
        on_duty: Callable[[], bool],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._cluster = cluster
        self._folder = folder
        self._on_duty = on_duty
        self._now_ms = now_ms
        self._alerts = TopicPartition(topic_name(settings, "alerts"), partition_of(SUBJECT.encode(), PARTITIONS))
        self._records = TopicPartition(topic_name(settings, "connectors"), partition_of(KEY, PARTITIONS))
        self._transactional_id = f"{settings.kafka.topic_prefix}-watch-policies"
        self._said: str | None = None

    async def look(self) -> Step | None:
        """Says what is to be said, if anything, and returns it. Raises Kafka's errors, TimeoutError: then nothing was
        said, or it was and the next look finds it in the record."""
        if not self._on_duty():
            self._said = None  # whoever is on duty meanwhile may say something else
            return None
        rejected, set_hash = self._folder.rejected, self._folder.current.hash
        content = rejected.content if rejected is not None else ""
        if content == self._said:
            return None
        producer = self._cluster.producer(self._transactional_id)
        try:
            async with asyncio.timeout(WITHIN_S):
                await producer.start()
                step = await self._say(producer, rejected, set_hash)
        finally:
            await _closed(producer)
        self._said = content
        return step

    async def _say(self, producer: Producer, rejected: Rejection | None, set_hash: str) -> Step | None:
        now_ms = self._now_ms()
        turn = turn_of(await self._kept(), rejected, now_ms)
        if turn is None:
            return None
        step, record = turn
        found = finding_of(step, record, now_ms, set_hash)
        await producer.begin_transaction()
        deliveries = []
        for tp, key, value in (
            (self._alerts, found.finding_info.uid.encode(), findings.encode(found)),
            (self._records, KEY, rejection.encode(record)),
        ):
            batch = producer.create_batch()
            batch.append(timestamp=now_ms, key=key, value=value, headers=[])
            deliveries.append(await producer.send_batch(batch, tp.topic, partition=tp.partition))
        await asyncio.gather(*deliveries)
        await producer.commit_transaction()
        log.info("told how the policy files stand", step=step, finding=found.finding_info.uid)
        return step

    async def _kept(self) -> RejectionRecord:
        kept = RejectionRecord()
        async with aclosing(self._cluster.read(self._records, 0)) as chunks:
            async for chunk in chunks:
                for record in chunk:
                    if record.key == KEY and record.value is not None:
                        kept = rejection.decode(record.value)
        return kept


async def tell_rejections(settings: Settings, folder: PolicyFolder, apps: Sequence[ChunkApp]) -> None:
    """Has the worker of `apps` speak while it is on duty, for ever. What goes wrong is tried again: the files are as
    they are."""
    judging = [app for app in apps if app.lanes.spec.name == DUTY_AGENT]

    def on_duty() -> bool:
        return any(tp.partition == DUTY_PARTITION for app in judging for tp in app.lanes.partitions)

    cluster = KafkaCluster(settings, f"{settings.kafka.topic_prefix}-watch-policies")
    alarm = PolicyAlarm(settings, cluster, folder, on_duty)
    trouble = ""
    try:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await alarm.look()
                trouble = ""
            except (KafkaError, StreamError, OSError, TimeoutError, AssertionError) as error:
                # aiokafka 0.14 asserts where a client is used whose bootstrap has failed.
                if repr(error) != trouble:  # a right that is missing is missing for long
                    trouble = repr(error)
                    log.warning("could not tell how the policy files stand; trying again", reason=trouble)
    finally:
        await cluster.close()


def _mistakes(rejected: Rejection) -> str:
    told = [str(mistake) for mistake in rejected.mistakes[:MAX_TOLD]]
    more = len(rejected.mistakes) - len(told)
    return " | ".join([*told, *([f"and {more} more"] if more else [])])


async def _closed(producer: Producer) -> None:
    """An open transaction is left to the next producer's fence."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await producer.stop()
    except Exception as error:  # noqa: BLE001 - of no more use in any case
        log.debug("a producer did not close in order", error=repr(error))
