"""Transactions that a broker has forgotten to end, found and ended.

A Kafka 4 broker that is killed and comes back before its former registration has expired (`broker.session.timeout.ms`)
takes up its work as coordinator, and is then fenced for a moment. A transaction that it was ending just then is left
without markers ("Couldn't find leader endpoint for partitions ... likely deleted already and hence can be skipped",
seen with 4.3.0 on a single node, about once in six kills), and the coordinator takes it for completed. No reader of
committed records gets past it. The next transaction of the same producer that writes to the same partition would end
it there with its own fate, though its records are of another unit: what was written twice would be seen twice.

So a producer that has fenced its predecessors asks each broker which partitions still hold an open transaction of its
producer id (DescribeProducers, KIP-664). Nothing of it can be under way, so there should be none; where there is, a
transaction of exactly those partitions ends it everywhere alike.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog
from aiokafka.errors import IncompatibleBrokerVersion, LeaderNotAvailableError, NotLeaderForPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition

log = structlog.get_logger(__name__)
OFFSETS: Final = "__consumer_offsets"
NO_TRANSACTION: Final = -1
TRIES: Final = 40
WAIT_S: Final = 0.25
_MAY_NOT_ASK: Final = ("TopicAuthorizationFailedError", "UnknownTopicOrPartitionError")
"""Then the partition is left out: of a topic that may not be read, or that is just being made or removed."""


class DescribeProducersResponse_v0(Response):  # noqa: N801 - as aiokafka names them
    """The producers of each partition, with where their open transaction begins."""

    API_KEY = 61
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", CompactArray(
            ("name", CompactString("utf-8")),
            ("partitions", CompactArray(
                ("partition_index", Int32),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("active_producers", CompactArray(
                    ("producer_id", Int64),
                    ("producer_epoch", Int32),
                    ("last_sequence", Int32),
                    ("last_timestamp", Int64),
                    ("coordinator_epoch", Int32),
                    ("current_txn_start_offset", Int64),
                    ("tags", TaggedFields),
                )),
                ("tags", TaggedFields),
            )),
            ("tags", TaggedFields),
        )),
        ("tags", TaggedFields),
    )  # fmt: skip


class DescribeProducersRequest_v0(RequestStruct):  # noqa: N801 - as aiokafka names them
    """Kafka protocol guide, DescribeProducers (key 61)."""

    FLEXIBLE_VERSION = True
    API_KEY = 61
    API_VERSION = 0
    RESPONSE_TYPE = DescribeProducersResponse_v0
    SCHEMA = Schema(
        ("topics", CompactArray(
            ("name", CompactString("utf-8")),
            ("partition_indexes", CompactArray(Int32)),
            ("tags", TaggedFields),
        )),
        ("tags", TaggedFields),
    )  # fmt: skip


class DescribeProducersRequest(Request[DescribeProducersRequest_v0]):
    """Asks one broker about partitions that it leads, by topic."""

    API_KEY = 61

    def __init__(self, partitions: Mapping[str, Iterable[int]]) -> None:
        self._topics: list[tuple[str, list[int], dict[int, bytes]]] = [
            (topic, sorted(numbers), {}) for topic, numbers in sorted(partitions.items())
        ]

    def build(self, request_struct_class: type[DescribeProducersRequest_v0]) -> DescribeProducersRequest_v0:
        """See aiokafka."""
        return request_struct_class(self._topics, {})


async def hanging(client: Any, producer_id: int, prefixes: tuple[str, ...]) -> list[TopicPartition]:
    """The partitions that hold an open transaction of `producer_id`: of topics that begin with one of `prefixes`, and
    of the groups' offsets. Empty where the brokers are too old (2.7) to be asked. Raises Kafka's errors.
    """
    for _ in range(TRIES):
        try:
            return await _hanging(client, producer_id, prefixes)
        except (LeaderNotAvailableError, NotLeaderForPartitionError) as error:  # topics are being made, leaders change
            log.debug("a partition has no leader yet", error=repr(error))
            await asyncio.sleep(WAIT_S)
    return await _hanging(client, producer_id, prefixes)


async def _hanging(client: Any, producer_id: int, prefixes: tuple[str, ...]) -> list[TopicPartition]:
    metadata = await client.fetch_all_metadata()
    by_leader: dict[int, dict[str, list[int]]] = {}
    for topic in metadata.topics(exclude_internal_topics=False):
        if topic != OFFSETS and not topic.startswith(prefixes):
            continue
        for partition in metadata.partitions_for_topic(topic) or ():
            leader = metadata.leader_for_partition(TopicPartition(topic, partition))
            if leader is None or leader < 0:
                raise LeaderNotAvailableError(f"{topic}/{partition} has no leader yet")
            by_leader.setdefault(leader, {}).setdefault(topic, []).append(partition)
    found: list[TopicPartition] = []
    for leader, partitions in by_leader.items():
        try:
            answer = await client.send(leader, DescribeProducersRequest(partitions))
        except (IncompatibleBrokerVersion, NotImplementedError):
            log.debug("brokers can't tell of open transactions", leader=leader)
            return []
        found += _of(answer, producer_id)
    return found


def _of(answer: Any, producer_id: int) -> list[TopicPartition]:
    found = []
    for topic, partitions, _ in answer.topics:
        for partition, code, _, producers, _ in partitions:
            error = for_code(code)
            if code and error.__name__ in _MAY_NOT_ASK:
                continue
            if code:
                raise error(f"{topic}/{partition}")
            if any(each[0] == producer_id and each[5] != NO_TRANSACTION for each in producers):
                found.append(TopicPartition(topic, partition))
    return found


async def end(
    producer: Any, partitions: Iterable[TopicPartition], *, commit: bool, group: str, source: TopicPartition | None
) -> None:
    """End the open transaction in `partitions` by another one of this `producer`, which has none. `group`, `source`: of
    the offsets that its transactions commit, if they do."""
    listed = sorted(partitions)
    log.warning(
        "a broker has forgotten to end a transaction: it is ended now",
        fate="committed" if commit else "aborted",
        transactional_id=producer.transactional_id,
        partitions=[f"{tp.topic}/{tp.partition}" for tp in listed],
    )
    await producer.begin_transaction()
    for tp in listed:
        if tp.topic != OFFSETS:
            producer.touch(tp)
    if source is not None and any(tp.topic == OFFSETS for tp in listed):
        # Whatever offset is sent: aborted, it never counts; committed, the first unit after this puts it right.
        await producer.send_offsets_to_transaction({source: OffsetAndMetadata(0, "")}, group)
    await (producer.commit_transaction() if commit else producer.abort_transaction())
