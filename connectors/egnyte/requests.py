"""What people ask of a connector: written to the log, where the connector finds it."""

from aiokafka import AIOKafkaProducer

from connectors.egnyte.cluster import ConnectorCluster
from connectors.egnyte.resume import last_cursor
from schemas.connector import HistoryRequest, encode, request_key
from streams.errors import Refused
from streams.kafka import client_options, partition_of
from streams.sections import Settings
from streams.topics import PARTITIONS, topic_name


async def ask_for_history(settings: Settings, from_ms: int, now_ms: int) -> HistoryRequest:
    """Asks the connector of `settings.egnyte.name` for events from `from_ms` on (ms since the epoch), to be published
    before its stream begins. The connector heeds it when it starts.

    Raises Refused where its stream has begun, ValueError for a time that has not come.
    """
    name = settings.egnyte.name
    if from_ms >= now_ms:
        raise ValueError("history begins in the past: give a time or a number of days, such as 90d")
    cluster = ConnectorCluster(settings, f"{settings.kafka.topic_prefix}-watch-request-{name}")
    topic = topic_name(settings, "connectors")
    try:
        if wrong := await cluster.unfit([topic]):
            raise Refused(f"{'; '.join(wrong)}. Run egnyte-watch topics")
        cursor = await last_cursor(settings, cluster)
    finally:
        await cluster.close()
    if cursor is not None and cursor.received_ms:
        raise Refused(
            f"the stream of connector {name!r} has begun, and history is published before it, or detection would learn "
            "from it in the wrong order. Connect the domain under another name, with history from the start"
        )
    if cursor is not None and cursor.history is not None:
        raise Refused(f"connector {name!r} is fetching history already: egnyte-watch status shows how far it is")
    request = HistoryRequest(connector=name, from_ms=from_ms, asked_ms=now_ms)
    key = request_key(name)
    producer = AIOKafkaProducer(**client_options(settings.kafka), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, encode(request), key=key, partition=partition_of(key, PARTITIONS))
    finally:
        await producer.stop()
    return request
