"""Between the fetch and the lane nothing is lost, and nothing is taken for newer than it is."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition as KafkaTopicPartition
from faust.types import TP

from streams.app import build
from streams.cluster import TopicPartition
from streams.sections import Settings
from streams.testing import MemoryRecord
from streams.transport import ChunkConsumer, RebalanceListener
from tests.streams.counting import counting


async def test_what_waits_for_the_agent_outlives_a_resumed_flow() -> None:
    app = build(Settings(), counting())
    app.flow_control.resume()
    queue = app.FlowControlQueue(maxsize=8, clear_on_resume=True)
    await queue.put("chunk")
    app.flow_control.resume()
    assert queue.get_nowait() == "chunk"


async def test_a_chunk_carries_the_generation_in_which_it_was_fetched() -> None:
    app = build(Settings(), counting())
    consumer: Any = ChunkConsumer(
        app.transport, callback=app.topics.on_message, on_partitions_revoked=None, on_partitions_assigned=None
    )
    app.lanes.generation = 3
    record = MemoryRecord(7, 1_000, b"k", b"v")

    async def getmany(*partitions: Any, **_: Any) -> Any:
        app.consumer_generation_id = 4  # the listener has been told of the next one, the lanes have not yet
        return {partitions[0]: [SimpleNamespace(offset=7, timestamp=1_000, timestamp_type=0, record=record)]}

    consumer._kafka = SimpleNamespace(getmany=getmany)
    fetched = [message async for _, message in consumer._fetch_chunks([TopicPartition("in", 0)])]
    assert [(message.tp, message.generation_id) for message in fetched] == [(TP("in", 0), 3)]


async def test_a_rebalance_that_goes_wrong_ends_the_process() -> None:
    app = build(Settings(), counting())
    consumer: Any = ChunkConsumer(
        app.transport, callback=app.topics.on_message, on_partitions_revoked=None, on_partitions_assigned=None
    )
    with pytest.raises(RuntimeError, match="has not started"):
        await RebalanceListener(consumer).on_partitions_assigned([KafkaTopicPartition("in", 0)])
    assert isinstance(app.crash_reason, RuntimeError)
