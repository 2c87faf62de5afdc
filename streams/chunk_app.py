"""A Faust app that takes chunks: what the transport and the builder of apps both know."""

from collections.abc import Callable
from typing import Any

import faust
from faust.exceptions import ImproperlyConfigured

from streams.errors import Refused
from streams.kafka_cluster import KafkaCluster
from streams.lanes import Lanes
from streams.sections import Settings


class ChunkSchema(faust.Schema[Any, Any]):
    """Chunks pass through undecoded: decoding is the unit's, so that what can't be decoded is a dead letter, not an
    exception."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """None: a chunk has no key."""
        return None

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """The chunk."""
        return message.value


class ChunkApp(faust.App):
    """A Faust app that takes chunk topics only. Its lanes do the work."""

    settings: Settings
    lanes: Lanes
    cluster: KafkaCluster

    def agent(self, channel: Any = None, **kwargs: Any) -> Callable[[Any], Any]:
        """As Faust's, but an agent on a topic of single records is refused: they would be acknowledged uncommitted."""
        if not isinstance(getattr(channel, "schema", None), ChunkSchema):
            raise ImproperlyConfigured(
                f"{self.conf.id} takes chunk topics only: give the agent a topic made by streams.chunk_app.chunk_topic"
            )
        return super().agent(channel, **kwargs)

    async def crash(self, reason: BaseException) -> None:
        """As mode's, but a refusal is not logged with a traceback: the host says its reason, and the process ends."""
        if isinstance(reason, Refused):
            self._crash(reason)
        else:
            await super().crash(reason)

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> Any:  # noqa: N802
        """As Faust's, but never emptied: Faust resumes the flow some time after an assignment, once or twice, and would
        throw away what has been fetched for lanes that were ready before. Nobody would fetch it again; chunks of older
        generations are told by their number."""
        return super().FlowControlQueue(maxsize, clear_on_resume=False)

    def _create_directories(self) -> None:
        """None: state stands in the changelog, and in memory."""


def chunk_topic(app: ChunkApp, name: str) -> Any:
    """The topic `name`, one event per chunk, neither tracked nor committed by Faust."""
    return app.topic(name, schema=ChunkSchema(key_type=bytes, value_type=bytes), acks=False, internal=False)
