"""Creates the topics that are missing and verifies the others. It never deletes, and never changes partitions."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.errors import Refused
from streams.kafka_admin import admin_client
from streams.sections import Settings
from streams.topic_check import (
    BROKER_CONFIGS,
    Found,
    Row,
    compare_broker,
    compare_topics,
    described,
    wrong,
)
from streams.topics import TOPICS, Topic, full_name, topic_configs

OWN_CONFIG: Final = 1
"""Source of a configuration that was set on the topic itself (DYNAMIC_TOPIC_CONFIG in DescribeConfigs)."""
LASTING: Final = frozenset({"partitions", "replicas"})
"""What stays as it was made."""
LOOK_AGAIN_S: Final = 0.1
"""Between two looks at what the brokers have not all heard of yet."""


async def prepare_topics(settings: Settings, *, create: bool = True, fix: bool = False) -> list[Row]:
    """Creates what is missing (`create`), alters configurations that differ (`fix`), and reports on every property.

    May be run at any time, by several processes at once. Raises BrokerAwayError, and Refused when the cluster declines.
    """
    async with admin_client(settings) as client:
        cluster = _Cluster(settings, client)
        missing = await cluster.create_missing() if create else {}
        found = await cluster.found(lambda seen: _settled(settings, seen, missing))
        rows = list(compare_topics(settings, found))
        if fix and (altered := await cluster.fix(found, wrong(rows))):
            before = {(row.topic, row.what) for row in wrong(rows)}
            found = await cluster.found(lambda seen: _settled(settings, seen, altered))
            rows = [_fixed(row) if (row.topic, row.what) in before else row for row in compare_topics(settings, found)]
        created = [cluster.created_row(name) for name, here in missing.items() if here]
        return [*created, *rows, *await cluster.broker_rows()]


def _settled(settings: Settings, seen: Mapping[str, Found], names: Iterable[str]) -> bool:
    """Whether the broker that answered has heard of all that was done to the topics of these names."""
    unsettled = {row.topic for row in wrong(compare_topics(settings, seen)) if row.what not in LASTING}
    return unsettled.isdisjoint(names)


def _fixed(row: Row) -> Row:
    return Row(row.topic, row.what, row.wanted, row.found, "fixed") if row.state == "ok" else row


class _Cluster:
    """The cluster's topics in this project's words; a broker's error becomes a Refused that names the topic."""

    def __init__(self, settings: Settings, client: Any) -> None:
        self._settings = settings
        self._client = client
        self._topics = {full_name(settings, topic): topic for topic in TOPICS}

    async def create_missing(self) -> dict[str, bool]:
        """Creates them; for each that was missing, whether this call made it (or another process, meanwhile)."""
        there = {entry["topic"] for entry in await self._described()}
        missing = {name: topic for name, topic in self._topics.items() if name not in there}
        if not missing:
            return {}
        answer = await self._client.create_topics([self._new(name, topic) for name, topic in missing.items()])
        outcomes: dict[str, bool] = {}
        for name, code, message in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                advice = "check kafka.replication_factor against the number of brokers, and the rights of this login"
                raise Refused(f"topic {name} was not created: {message or error.__name__}: {advice}")
            outcomes[name] = not code
        return outcomes

    def created_row(self, name: str) -> Row:
        """What the report says of a topic that this run made."""
        shape = described(self._settings, self._topics[name])
        return Row(name, "topic", shape, shape, "created")

    async def found(self, settled: Callable[[Mapping[str, Found]], bool]) -> dict[str, Found]:
        """Our topics as they are, once `settled`, or at the deadline: then the report says what is still wrong."""
        give_up = asyncio.get_running_loop().time() + self._settings.console.deadline_ms / 1000
        while True:
            seen = await self._look()
            if settled(seen) or asyncio.get_running_loop().time() > give_up:
                return seen
            await asyncio.sleep(LOOK_AGAIN_S)

    async def fix(self, found: Mapping[str, Found], rows: Iterable[Row]) -> set[str]:
        """Sets the configurations that differ; the names of the topics that were altered."""
        names = {row.topic for row in rows if row.what not in LASTING | {"topic", "leaders"}}
        resources = [
            # AlterConfigs replaces all that was set on the topic, so what others set there is sent along.
            _topic_resource(name, {**found[name].own, **topic_configs(self._settings, self._topics[name])})
            for name in sorted(names)
        ]
        if not resources:
            return set()
        for answer in await self._client.alter_configs(resources):
            for code, message, _, name in answer.resources:
                if code:
                    raise Refused(f"topic {name} was not altered: {message or for_code(code).__name__}")
        return names

    async def broker_rows(self) -> list[Row]:
        """What the brokers' own settings are, as far as this login may read them."""
        cluster = await self._client.describe_cluster()
        rows: list[Row] = []
        for broker in sorted(entry["node_id"] for entry in cluster["brokers"]):
            try:
                configs = await self._configs([_broker_resource(broker)])
            except Refused:
                configs = {}
            values = {name: value for name, (value, _) in configs.get(str(broker), {}).items()}
            rows += compare_broker(self._settings, broker, values)
        return rows

    async def _look(self) -> dict[str, Found]:
        shapes = {entry["topic"]: entry["partitions"] for entry in await self._described()}
        ours = [name for name in self._topics if name in shapes]
        if not ours:
            return {}
        configs = await self._configs([_topic_resource(name) for name in ours])
        return {
            name: Found(
                len(shapes[name]),
                min((len(each["replicas"]) for each in shapes[name]), default=0),
                sum(each["leader"] >= 0 for each in shapes[name]),
                {key: value for key, (value, _) in configs[name].items()},
                {key: value for key, (value, source) in configs[name].items() if source == OWN_CONFIG},
            )
            for name in ours
            if name in configs
        }

    def _new(self, name: str, topic: Topic) -> NewTopic:
        copies, configs = self._settings.kafka.replication_factor, topic_configs(self._settings, topic)
        return NewTopic(name, topic.partitions, copies, topic_configs=configs)

    async def _described(self) -> list[dict[str, Any]]:
        # All topics, since asking for one by name creates it where the cluster has auto-creation.
        return [entry for entry in await self._client.describe_topics() if not entry["error_code"]]

    async def _configs(self, resources: list[ConfigResource]) -> dict[str, dict[str, tuple[str, int]]]:
        """Value and source of each configuration, by resource."""
        found: dict[str, dict[str, tuple[str, int]]] = {}
        for answer in await self._client.describe_configs(resources):
            for code, message, _, name, entries in answer.resources:
                if code == 3:  # UNKNOWN_TOPIC_OR_PARTITION: that broker has not heard of it yet
                    continue
                if code:
                    raise Refused(f"the settings of {name} can't be read: {message or for_code(code).__name__}")
                found[name] = {key: (value or "", source) for key, value, _, source, *_ in entries}
        return found


def _topic_resource(name: str, configs: dict[str, str] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, name, configs)


def _broker_resource(broker: int) -> ConfigResource:
    asked = dict.fromkeys(BROKER_CONFIGS)
    return ConfigResource(ConfigResourceType.BROKER, str(broker), asked)
