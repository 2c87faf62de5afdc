"""Runs a backtest on a cluster: reads, judges, writes to topics of its own, and compares."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from agents.backtest import AGENTS, Backtest, Said, live, stretch_of
from agents.backtest_report import Compared, Raised, compare
from detections.policies import PolicySet
from streams.errors import Refused
from streams.kafka import client_options
from streams.kafka_admin import admin_client, require_topics
from streams.kafka_cluster import COMPRESSION, MAX_BATCH_BYTES, KafkaCluster
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.topics import PARTITIONS, TOPICS, topic_configs, topic_name

FINDINGS: Final = ("alerts", "behaviors")
MOST_ON_THEIR_WAY: Final = 10_000
"""Records whose delivery is looked at together."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How it went. Times: ms, UTC. `judged`: records of the stretch. `letters`: records that a stage could not judge.
    `topics`: where all findings are; none where that was not wanted."""

    from_ms: int
    to_ms: int
    agents: tuple[str, ...]
    policy_set: str
    judged: int
    letters: dict[str, int]
    topics: tuple[str, ...]
    policies: tuple[Compared, ...]


def backtest_topics(settings: Settings, run_id: str) -> dict[str, str]:
    """The topics of a run, by the live ones: `egnyte.alerts.backtest-ID`."""
    return {topic_name(settings, name): f"{topic_name(settings, name)}.backtest-{run_id}" for name in FINDINGS}


async def run(
    settings: Settings,
    policies: PolicySet,
    agents: Sequence[str],
    from_ms: int,
    to_ms: int,
    *,
    run_id: str = "",
    tell: Callable[[str], None] = lambda words: None,
) -> Report:
    """Judges all from `from_ms` until before `to_ms` by `policies`. `run_id`: of the topics; empty for none. `tell`: is
    told how far it is.

    Raises BrokerAwayError, Kafka's errors, and Refused where topics are missing, or those of the run are there already.
    """
    specs = [AGENTS[name](settings, policies) for name in agents]
    await require_topics(settings, [*(spec.source for spec in specs), *(topic_name(settings, n) for n in FINDINGS)])
    topics = backtest_topics(settings, run_id) if run_id else {}
    if topics:
        await _create(settings, list(topics.values()))
    cluster = KafkaCluster(settings, "egnyte-watch-backtest")
    writer = _Writer(settings, topics)
    before, after = Raised(), Raised()
    judged, letters = 0, dict[str, int]()
    await writer.start()
    try:
        for spec in specs:
            test = await _agent(settings, cluster, spec, (from_ms, to_ms), writer, before, after, tell)
            judged += test.judged
            for stage, count in test.letters.items():
                letters[stage] = letters.get(stage, 0) + count
        await writer.deliver()
    finally:
        await writer.close()
        await cluster.close()
    return Report(
        from_ms=from_ms,
        to_ms=to_ms,
        agents=tuple(agents),
        policy_set=policies.hash,
        judged=judged,
        letters=letters,
        topics=tuple(topics.values()),
        policies=compare(before, after),
    )


async def _agent(
    settings: Settings,
    cluster: KafkaCluster,
    spec: AgentSpec,
    span_ms: tuple[int, int],
    writer: "_Writer",
    before: Raised,
    after: Raised,
    tell: Callable[[str], None],
) -> Backtest:
    test = Backtest(cluster, spec, settings.streams.chunk_records)
    lookback_ms = settings.streams.lookback_ms
    stretches = {n: await stretch_of(cluster, spec, n, *span_ms, lookback_ms) for n in range(PARTITIONS)}
    for number, stretch in stretches.items():
        async for said in test.run(stretch):
            after.add(said.topic, said.value)
            await writer.write(said)
        tell(f"{spec.name}: {number + 1} of {PARTITIONS} partitions, {test.judged:,} records judged")
    async for topic, record in live(cluster, spec, stretches):
        before.add(topic, record.value or b"")
    return test


async def _create(settings: Settings, names: Sequence[str]) -> None:
    """Topics as those of live findings are: their records are dated by events, so they are kept as long."""
    like = next(topic for topic in TOPICS if topic.name == "alerts")
    made = [
        NewTopic(name, PARTITIONS, settings.kafka.replication_factor, topic_configs=topic_configs(settings, like))
        for name in names
    ]
    async with admin_client(settings) as client:
        answer = await client.create_topics(made)
    for name, code, message in answer.topic_errors:
        if for_code(code) is TopicAlreadyExistsError:
            raise Refused(f"there is a topic {name} already: give this run another --id")
        if code:
            raise Refused(f"topic {name} was not created: {message or for_code(code).__name__}")


class _Writer:
    """Writes to the topics of the run, each record to the partition that a live one would be in."""

    def __init__(self, settings: Settings, topics: dict[str, str]) -> None:
        self._settings = settings
        self._topics = topics
        self._producer: Any = None
        self._sent: list[asyncio.Future[Any]] = []

    async def start(self) -> None:
        if self._topics:
            self._producer = AIOKafkaProducer(
                **client_options(self._settings.kafka),
                acks="all",
                enable_idempotence=True,
                compression_type=COMPRESSION,
                max_request_size=4 * MAX_BATCH_BYTES,
            )
            await self._producer.start()

    async def write(self, said: Said) -> None:
        """Raises ValueError for a topic that no backtest writes to, and what `deliver` raises."""
        if self._producer is None:
            return
        if said.topic not in self._topics:
            raise ValueError(f"a backtest does not write to {said.topic}")
        self._sent.append(
            await self._producer.send(
                self._topics[said.topic],
                said.value,
                said.key,
                partition=said.partition,
                timestamp_ms=said.timestamp_ms,
                headers=said.headers,
            )
        )
        if len(self._sent) >= MOST_ON_THEIR_WAY:
            await self.deliver()

    async def deliver(self) -> None:
        """Returns when all that was written is on the topics. Raises Kafka's errors for what is not."""
        sent, self._sent = self._sent, []
        await asyncio.gather(*sent)

    async def close(self) -> None:
        """Ends the connections."""
        if self._producer is not None:
            await self._producer.stop()
