"""Every topic, its settings, and the names that hang on the prefix: topics, changelogs, consumer groups."""

from typing import Final, Literal

import msgspec

from streams.sections import DAY_MS, HOUR_MS, MIB, Settings

PARTITIONS: Final = 12
"""Of every topic. It divides by 2, 3, 4 and 6 workers, and can't be changed later: keys would move."""

MAX_MESSAGE_BYTES: Final = 2 * MIB
"""Limit of one batch. We produce records of up to 900 kB; key, headers and normalised fields come on top."""

COMPACTED_SEGMENT_BYTES: Final = 64 * MIB
"""The open segment is never compacted, so it bounds what a restore reads beyond the state itself."""

AGENTS: Final = ("enrich", "detect", "networks", "profile", "govern")
STATEFUL: Final = ("detect", "networks", "profile")
"""Agents with a table, and so with a changelog."""


class Topic(msgspec.Struct, frozen=True):
    """One topic. `kept_ms`: None follows `streams.retention_ms`; of no meaning where it is compacted."""

    name: str
    cleanup: Literal["delete", "compact"]
    kept_ms: int | None = None
    changelog: bool = False
    partitions: int = PARTITIONS


def _changelog(agent: str) -> Topic:
    return Topic(agent, "compact", changelog=True)


TOPICS: Final = (
    Topic("events", "delete", 30 * DAY_MS),
    Topic("activities", "delete"),
    Topic("attempts", "delete", 30 * DAY_MS),
    Topic("alerts", "delete"),
    Topic("behaviors", "delete", 90 * DAY_MS),
    Topic("profile", "compact"),
    Topic("directory", "compact"),
    Topic("governance", "delete", 400 * DAY_MS),
    Topic("connectors", "compact"),
    Topic("dead-letters", "delete", 30 * DAY_MS),
    *(_changelog(agent) for agent in STATEFUL),
)
_NAMES: Final = frozenset(topic.name for topic in TOPICS if not topic.changelog)


def topic_name(settings: Settings, name: str) -> str:
    """`egnyte.events` for `events`, with the prefix of the settings. Raises KeyError for what is not in the table."""
    if name not in _NAMES:
        raise KeyError(name)
    return f"{settings.kafka.topic_prefix}.{name}"


def group_name(settings: Settings, agent: str) -> str:
    """The consumer group (and Faust app id) of an agent: `egnyte-watch-detect`. Raises KeyError for an unknown one."""
    if agent not in AGENTS:
        raise KeyError(agent)
    return f"{settings.kafka.topic_prefix}-watch-{agent}"


def changelog_name(settings: Settings, agent: str) -> str:
    """The changelog of an agent's table: `egnyte-watch-detect-changelog`. Raises KeyError for an agent without one."""
    if agent not in STATEFUL:
        raise KeyError(agent)
    return f"{group_name(settings, agent)}-changelog"


def full_name(settings: Settings, topic: Topic) -> str:
    """What `topic` is called on the cluster."""
    return changelog_name(settings, topic.name) if topic.changelog else topic_name(settings, topic.name)


def topic_configs(settings: Settings, topic: Topic) -> dict[str, str]:
    """The topic's own settings on the broker. What correctness hangs on is named: clusters' defaults differ."""
    in_sync = 2 if settings.kafka.replication_factor >= 3 else 1
    configs = {
        "cleanup.policy": topic.cleanup,
        "compression.type": "producer",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "message.timestamp.type": "CreateTime",
        "min.insync.replicas": str(in_sync),
        "retention.bytes": "-1",
        "unclean.leader.election.enable": "false",
    }
    if topic.cleanup == "compact":
        # A tombstone outlives every restore that began before it was written: a day is the broker's default.
        compaction = {
            "delete.retention.ms": str(DAY_MS),
            "max.compaction.lag.ms": str(6 * HOUR_MS),
            "min.cleanable.dirty.ratio": "0.2",
            "segment.bytes": str(COMPACTED_SEGMENT_BYTES),
        }
        return configs | compaction
    kept_ms = settings.streams.retention_ms if topic.kept_ms is None else topic.kept_ms
    return configs | {"retention.ms": str(kept_ms)}
