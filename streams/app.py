"""One agent, one app, one group: the Faust app around an agent's handler."""

from collections.abc import Callable
from typing import Any, cast

import faust
from faust.exceptions import ImproperlyConfigured
from yarl import URL

from streams.cluster import TopicPartition
from streams.errors import Refused
from streams.kafka import faust_credentials
from streams.kafka_cluster import KafkaCluster
from streams.lanes import Lanes
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.table import LogTables, UnitTable
from streams.topics import PARTITIONS
from streams.transport import ChunkConsumer, ChunkSchema, ChunkTransport
from streams.unit import Probe, no_probe

BUFFERED_CHUNKS = 32
"""Faust counts events, and an event is a chunk. The lanes bound what is fetched, so this only must not be the
narrower gate."""


class ChunkApp(faust.App):
    """A Faust app that takes chunk topics only. Its lanes do the work."""

    settings: Settings
    lanes: Lanes
    cluster: KafkaCluster

    def agent(self, channel: Any = None, **kwargs: Any) -> Callable[[Any], Any]:
        """As Faust's, but an agent on a topic of single records is refused: they would be acknowledged uncommitted."""
        if not isinstance(getattr(channel, "schema", None), ChunkSchema):
            raise ImproperlyConfigured(
                f"{self.conf.id} takes chunk topics only: give the agent a topic made by streams.app.chunk_topic"
            )
        return super().agent(channel, **kwargs)

    async def crash(self, reason: BaseException) -> None:
        """As mode's, but a refusal is not logged with a traceback: the host says its reason, and the process ends."""
        if isinstance(reason, Refused):
            self._crash(reason)
        else:
            await super().crash(reason)

    def _create_directories(self) -> None:
        """None: state stands in the changelog, and in memory."""


def chunk_topic(app: ChunkApp, name: str) -> Any:
    """The topic `name`, one event per chunk, neither tracked nor committed by Faust."""
    return app.topic(name, schema=ChunkSchema(key_type=bytes, value_type=bytes), acks=False, internal=False)


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
    )
    if spec.changelog is not None:
        app.tables.add(UnitTable(app, name=spec.name, lanes=lambda: app.lanes, partitions=PARTITIONS))
    source = chunk_topic(app, spec.source)

    @app.agent(source, name=spec.name)
    async def work(chunks: Any) -> None:
        async for event in chunks.events():
            message = event.message
            app.lanes.offer(TopicPartition(message.topic, message.partition), message.generation_id, event.value)

    return app


def _consumer(app: ChunkApp) -> ChunkConsumer:
    return cast("ChunkConsumer", app.consumer)
