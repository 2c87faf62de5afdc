"""The table of topics, the names that hang on the prefix, and the comparison with a cluster."""

import msgspec
import pytest

from streams.sections import DAY_MS, KafkaSettings, Settings, StreamsSettings
from streams.topic_check import Found, Row, compare_broker, compare_topics, wrong
from streams.topics import AGENTS, TOPICS, changelog_name, full_name, group_name, topic_configs, topic_name

ACME = Settings(kafka=KafkaSettings(topic_prefix="acme"))
BY_NAME = {full_name(Settings(), topic): topic for topic in TOPICS}


def as_wanted(settings: Settings) -> dict[str, Found]:
    """A cluster on which all is as it should be."""
    copies = settings.kafka.replication_factor
    return {
        full_name(settings, topic): Found(
            topic.partitions, copies, topic.partitions, topic_configs(settings, topic), {}
        )
        for topic in TOPICS
    }


def changed(name: str, **changes: object) -> list[Row]:
    found = as_wanted(Settings())
    found[name] = msgspec.structs.replace(found[name], **changes)
    return wrong(compare_topics(Settings(), found))


def test_names_are_those_that_others_build_on() -> None:
    assert set(BY_NAME) == {
        "egnyte.events", "egnyte.activities", "egnyte.attempts", "egnyte.alerts", "egnyte.behaviors", "egnyte.profile",
        "egnyte.directory", "egnyte.governance", "egnyte.connectors", "egnyte.dead-letters",
        "egnyte-watch-detect-changelog", "egnyte-watch-networks-changelog", "egnyte-watch-profile-changelog",
    }  # fmt: skip
    assert group_name(Settings(), "enrich") == "egnyte-watch-enrich"


def test_the_prefix_is_in_every_name() -> None:
    assert topic_name(ACME, "events") == "acme.events"
    assert changelog_name(ACME, "detect") == "acme-watch-detect-changelog"
    assert group_name(ACME, "govern") == "acme-watch-govern"
    names = [full_name(ACME, topic) for topic in TOPICS] + [group_name(ACME, agent) for agent in AGENTS]
    assert all(name.startswith(("acme.", "acme-")) for name in names)
    assert len(set(names)) == len(names)


def test_what_is_not_in_the_table_has_no_name() -> None:
    for ask in (topic_name, group_name, changelog_name):
        with pytest.raises(KeyError, match="alarms"):
            ask(Settings(), "alarms")
    with pytest.raises(KeyError, match="enrich"):
        changelog_name(Settings(), "enrich")
    with pytest.raises(KeyError, match="detect"):
        topic_name(Settings(), "detect")


@pytest.mark.parametrize(
    ("name", "days"),
    [("events", 30), ("activities", 180), ("attempts", 30), ("alerts", 180), ("behaviors", 90), ("governance", 400),
     ("dead-letters", 30)],
)  # fmt: skip
def test_how_long_records_are_kept(name: str, days: int) -> None:
    configs = topic_configs(Settings(), BY_NAME[f"egnyte.{name}"])
    assert configs["cleanup.policy"] == "delete"
    assert configs["retention.ms"] == str(days * DAY_MS)


def test_the_audit_trails_retention_follows_the_settings() -> None:
    settings = Settings(streams=StreamsSettings(retention_ms=365 * DAY_MS))
    kept = {name: topic_configs(settings, topic).get("retention.ms") for name, topic in BY_NAME.items()}
    assert {name for name, value in kept.items() if value == str(365 * DAY_MS)} == {
        "egnyte.activities",
        "egnyte.alerts",
    }


def test_compacted_topics_are_those_that_are_tables() -> None:
    compacted = {
        name for name, topic in BY_NAME.items() if topic_configs(Settings(), topic)["cleanup.policy"] == "compact"
    }
    assert compacted == {"egnyte.profile", "egnyte.directory", "egnyte.connectors"} | {
        name for name in BY_NAME if name.endswith("-changelog")
    }


@pytest.mark.parametrize(("copies", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_replicas_in_sync_follow_the_replication_factor(copies: int, in_sync: str) -> None:
    settings = Settings(kafka=KafkaSettings(replication_factor=copies))
    assert {topic_configs(settings, topic)["min.insync.replicas"] for topic in TOPICS} == {in_sync}


def test_a_cluster_as_wanted_has_nothing_to_say() -> None:
    assert {row.state for row in compare_topics(Settings(), as_wanted(Settings()))} == {"ok"}


def test_a_missing_topic_is_one_row() -> None:
    found = as_wanted(Settings())
    del found["egnyte.alerts"]
    (row,) = wrong(compare_topics(Settings(), found))
    assert (row.topic, row.what, row.state) == ("egnyte.alerts", "topic", "missing")
    assert "egnyte-watch topics" in row.advice


@pytest.mark.parametrize(
    ("changes", "what", "found", "advice"),
    [
        ({"partitions": 6, "leaders": 6}, "partitions", "6", "topic_prefix"),
        ({"replicas": 0}, "replicas", "0", "reassign"),
        ({"leaders": 11}, "leaders", "11", "offline"),
    ],
)
def test_a_wrong_shape_is_told_with_advice(changes: dict[str, int], what: str, found: str, advice: str) -> None:
    (row,) = changed("egnyte.events", **changes)
    assert (row.topic, row.what, row.found, row.state) == ("egnyte.events", what, found, "differs")
    assert advice in row.advice


@pytest.mark.parametrize(
    ("config", "value", "states"),
    [
        ("retention.ms", "1000", ["differs"]),
        ("retention.ms", str(60 * DAY_MS), ["differs"]),
        ("cleanup.policy", "compact", ["differs"]),
        ("message.timestamp.type", "LogAppendTime", ["differs"]),
        ("max.message.bytes", "1048588", ["differs"]),
        ("max.message.bytes", "9000000", []),
    ],
)
def test_configurations_are_compared_by_what_they_mean(config: str, value: str, states: list[str]) -> None:
    wanted = topic_configs(Settings(), BY_NAME["egnyte.events"])
    assert [row.state for row in changed("egnyte.events", configs={**wanted, config: value})] == states


def test_numbers_are_equal_however_they_are_written() -> None:
    wanted = topic_configs(Settings(), BY_NAME["egnyte.profile"])
    assert changed("egnyte.profile", configs={**wanted, "min.cleanable.dirty.ratio": "0.20"}) == []


def test_more_replicas_than_wanted_are_fine() -> None:
    assert changed("egnyte.events", replicas=3) == []


@pytest.mark.parametrize(
    ("configs", "states"),
    [
        ({"offsets.retention.minutes": "525600", "transaction.max.timeout.ms": "900000"}, ["ok", "ok"]),
        ({"offsets.retention.minutes": "10080", "transaction.max.timeout.ms": "1000"}, ["warning", "warning"]),
        ({}, ["warning", "warning"]),
    ],
)
def test_a_brokers_own_settings_are_warned_of(configs: dict[str, str], states: list[str]) -> None:
    rows = list(compare_broker(Settings(), 4, configs))
    assert [row.state for row in rows] == states
    assert wrong(rows) == []
    assert {row.topic for row in rows} == {"broker 4"}
    assert all(row.advice for row in rows if row.state == "warning")
