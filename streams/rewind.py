"""Rewinds an agent's consumer group to a time, as `kafka-consumer-groups --reset-offsets` does, with all at rest.

What follows (learning anew, publishing again, withdrawing) is the lanes' doing: see `streams.startup`.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, for_code
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaTopicPartition

from streams.cluster import Cluster, TopicPartition
from streams.errors import Refused
from streams.kafka import client_options
from streams.kafka_admin import admin_client
from streams.sections import Settings
from streams.topics import PARTITIONS, group_name, topic_name

SOURCES: Final = {"detect": "activities", "networks": "attempts", "profile": "activities"}
"""Agents that may be rewound, and what they read. `enrich` must not be: it would write the audit trail twice."""
SAYS: Final = "replay"
"""Beside the offsets: they were set by hand, and not by a unit of work."""


class Move(msgspec.Struct, frozen=True):
    """One partition. `committed`: where the group stands, None where nowhere; `target`: where it is to go on. Offsets
    count what transactions write about themselves, too, so their difference is a little more than the records."""

    partition: int
    committed: int | None
    target: int | None

    @property
    def back(self) -> int:
        """How many offsets it is moved back; 0 where it stays."""
        return 0 if self.committed is None or self.target is None else max(0, self.committed - self.target)


class Plan(msgspec.Struct, frozen=True):
    """What is to be done to one agent's group. Times: ms since the epoch, UTC."""

    agent: str
    group: str
    topic: str
    from_ms: int
    moves: tuple[Move, ...]

    @property
    def back(self) -> int:
        """Over all partitions."""
        return sum(move.back for move in self.moves)


async def check_at_rest(settings: Settings, agents: Sequence[str]) -> None:
    """Raises Refused where a group has members: what a worker is at work on must not be moved under it. BrokerAwayError
    where no broker answers."""
    busy = []
    async with admin_client(settings) as client:
        for agent in agents:
            group = group_name(settings, agent)
            # One by one: aiokafka 0.14 fails to decode an answer about several groups.
            (answer,) = await client.describe_consumer_groups([group])
            ((code, _, state, _, _, members, *_),) = answer.groups
            if code:
                raise Refused(f"group {group} can't be looked at: {for_code(code).__name__}")
            if members:
                busy.append(f"{group} ({state}, members at {', '.join(sorted({each[2] for each in members}))})")
    if busy:
        raise Refused(f"workers are active: {'; '.join(busy)}. Stop all workers, and try again")


async def plan(settings: Settings, cluster: Cluster, agent: str, from_ms: int) -> Plan:
    """How the group of `agent` would be rewound to `from_ms`. Nothing is moved forward."""
    topic = topic_name(settings, SOURCES[agent])
    group = group_name(settings, agent)
    moves = []
    for number in range(PARTITIONS):
        tp = TopicPartition(topic, number)
        committed = await cluster.committed(group, tp)
        found = await cluster.offset_at(tp, from_ms)
        offset = committed.offset if committed is not None else None
        back = found is not None and offset is not None and found < offset
        moves.append(Move(number, offset, found if back else None))
    return Plan(agent, group, topic, from_ms, tuple(moves))


async def rewind(settings: Settings, plan: Plan) -> None:
    """Does what `plan` says. Raises Refused where workers were started meanwhile: then nothing is moved."""
    offsets = {
        KafkaTopicPartition(plan.topic, move.partition): OffsetAndMetadata(move.target, SAYS)
        for move in plan.moves
        if move.target is not None
    }
    if not offsets:
        return
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings.kafka), group_id=plan.group, enable_auto_commit=False, auto_offset_reset="none"
    )
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    except KafkaError as error:
        raise Refused(
            f"the offsets of {plan.group} were not set ({type(error).__name__}: {error}): a worker was started "
            "meanwhile, or this login may not change the group"
        ) from error
    finally:
        await consumer.stop()
