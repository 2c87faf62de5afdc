"""What the topics should be, beside what a cluster has: a comparison without a network."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from streams.sections import Settings
from streams.topics import TOPICS, Topic, full_name, topic_configs

State = Literal["ok", "created", "fixed", "missing", "differs", "warning"]

YEAR_MINUTES: Final = 365 * 24 * 60
"""How long the offsets of a group without workers must last: shorter, and a pause ends in a warm-up or a gap."""

AT_LEAST: Final = frozenset({"max.message.bytes", "offsets.retention.minutes", "transaction.max.timeout.ms"})
"""Where more than what is wanted does no harm."""


class Row(msgspec.Struct, frozen=True):
    """One line of the report.

    `topic`: its full name, or `broker 1`. `what`: `partitions`, `leaders`, a configuration. `state`:
    `ok`; `created` and `fixed` by this run; `missing` and `differs` are wrong; `warning` is a broker's setting, which
    can't be changed from here. `advice`: what to do, empty where there is nothing to do.
    """

    topic: str
    what: str
    wanted: str
    found: str
    state: State
    advice: str = ""


class Found(msgspec.Struct, frozen=True):
    """A topic as it is: `replicas` of its worst partition, `leaders`: how many of its partitions have one, `configs` in
    force, `own` those set on the topic itself."""

    partitions: int
    replicas: int
    leaders: int
    configs: Mapping[str, str]
    own: Mapping[str, str]


def wrong(rows: Iterable[Row]) -> list[Row]:
    """The rows that keep the pipeline from being right."""
    return [row for row in rows if row.state in {"missing", "differs"}]


def compare_topics(settings: Settings, found: Mapping[str, Found]) -> Iterator[Row]:
    """A row for each property of each topic; one row for a topic that is not there."""
    for topic in TOPICS:
        name = full_name(settings, topic)
        if name in found:
            yield from _compare_topic(settings, topic, name, found[name])
        else:
            yield Row(name, "topic", described(settings, topic), "none", "missing", "run egnyte-watch topics")


def described(settings: Settings, topic: Topic) -> str:
    """The topic's shape in a few words."""
    copies = settings.kafka.replication_factor
    return f"{topic.partitions} partitions, {copies} replica{'s' if copies > 1 else ''}, {topic.cleanup}"


def compare_broker(settings: Settings, broker_id: int, configs: Mapping[str, str]) -> Iterator[Row]:
    """Rows for the broker's own settings; `configs` lacks what may not be read."""
    timeout_ms = settings.streams.transaction_timeout_ms
    wanted = {
        "offsets.retention.minutes": (YEAR_MINUTES, "set it in the broker's properties"),
        "transaction.max.timeout.ms": (timeout_ms, "raise it, or lower streams.transaction_timeout_ms"),
    }
    for name, (value, advice) in wanted.items():
        found = configs.get(name)
        if found is None:
            yield Row(f"broker {broker_id}", name, f">= {value}", "not readable", "warning", "ask who runs the cluster")
        else:
            fits = _fits(name, str(value), found)
            state: State = "ok" if fits else "warning"
            yield Row(f"broker {broker_id}", name, f">= {value}", found, state, "" if fits else advice)


BROKER_CONFIGS: Final = ("offsets.retention.minutes", "transaction.max.timeout.ms")


def _compare_topic(settings: Settings, topic: Topic, name: str, found: Found) -> Iterator[Row]:
    fits = found.partitions == topic.partitions
    advice = "" if fits else "partitions of a topic in use can't be changed: use another kafka.topic_prefix"
    yield Row(name, "partitions", str(topic.partitions), str(found.partitions), "ok" if fits else "differs", advice)
    copies = settings.kafka.replication_factor
    fits = found.replicas >= copies
    advice = "" if fits else "move replicas with kafka-reassign-partitions, or lower kafka.replication_factor"
    yield Row(name, "replicas", f">= {copies}", str(found.replicas), "ok" if fits else "differs", advice)
    fits = found.leaders == found.partitions
    advice = "" if fits else "partitions are offline: look at the brokers that hold them"
    yield Row(name, "leaders", str(found.partitions), str(found.leaders), "ok" if fits else "differs", advice)
    for config, wanted in topic_configs(settings, topic).items():
        value = found.configs.get(config, "not set")
        fits = _fits(config, wanted, value)
        shown = f">= {wanted}" if config in AT_LEAST else wanted
        advice = "" if fits else "run egnyte-watch topics --fix"
        yield Row(name, config, shown, value, "ok" if fits else "differs", advice)


def _fits(config: str, wanted: str, found: str) -> bool:
    if config in AT_LEAST and found.isdigit():
        return int(found) >= int(wanted)
    try:
        return float(found) == float(wanted)
    except ValueError:
        return found == wanted
