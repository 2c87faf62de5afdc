"""One agent, one app, one group: the Faust app around an agent's handler."""

from typing import Any, cast

from yarl import URL

from streams.chunk_app import ChunkApp, chunk_topic
from streams.cluster import TopicPartition
from streams.follower import Follower
from streams.kafka import faust_credentials
from streams.kafka_cluster import KafkaCluster
from streams.lanes import Lanes
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.table import LogTables, UnitTable
from streams.topics import PARTITIONS
from streams.transport import ChunkConsumer, ChunkTransport
from streams.unit import Probe, no_probe

BUFFERED_CHUNKS = 32
"""Faust counts events, and an event is a chunk. The lanes bound what is fetched, so this only must not be the
narrower gate."""


def build(settings: Settings, spec: AgentSpec, probe: Probe = no_probe) -> ChunkApp:
    """The app of one agent, ready to start."""
    app = ChunkApp(
        spec.group,
        broker=[URL(f"kafka://{server.strip()}") for server in settings.kafka.bootstrap.split(",")],
        broker_credentials=faust_credentials(settings.kafka),
        TableManager=LogTables,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=PARTITIONS,
        stream_buffer_maxsize=BUFFERED_CHUNKS,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        broker_session_timeout=settings.streams.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.streams.heartbeat_ms / 1000,
        broker_request_timeout=max(40.0, settings.streams.session_timeout_ms / 1000 + 10),
        consumer_auto_offset_reset="earliest",
        logging_config=None,
    )
    app.settings = settings
    app.transport = app.producer_transport = ChunkTransport(app.conf.broker, app)
    app.cluster = KafkaCluster(settings, client_id=spec.group)
    app.lanes = Lanes(
        spec,
        app.cluster,
        settings.streams,
        seek=lambda tp, offset: _consumer(app).position_lane(tp, offset),
        rejoin=lambda: _consumer(app).rejoin(),
        crash=app.crash,
        probe=probe,
        follow=lambda cache: Follower(settings, cache.topic, cache.apply),
    )
    if spec.changelog is not None:
        app.tables.add(UnitTable(app, name=spec.name, lanes=lambda: app.lanes, partitions=PARTITIONS))
    source = chunk_topic(app, spec.source)

    @app.agent(source, name=spec.name)
    async def work(chunks: Any) -> None:
        async for event in chunks.events():
            message = event.message
            number, records = event.value
            tp = TopicPartition(message.topic, message.partition)
            app.lanes.offer(tp, message.generation_id, records, number)

    return app


def _consumer(app: ChunkApp) -> ChunkConsumer:
    return cast("ChunkConsumer", app.consumer)
