"""Kafka's own command line tools, against the session's broker."""

import pytest

from simulators.kafka import KafkaCommandFailedError, tool


def test_a_group_is_moved_with_kafkas_own_tool(kafka: str, prefix: str) -> None:
    topic, group = f"{prefix}.events", f"{prefix}-detect"
    tool("kafka-topics", "--bootstrap-server", kafka, "--create", "--topic", topic, "--partitions", "2")
    move = ["--group", group, "--topic", topic, "--reset-offsets", "--to-earliest", "--execute"]
    assert group in tool("kafka-consumer-groups", "--bootstrap-server", kafka, *move)
    assert tool("kafka-get-offsets", "--bootstrap-server", kafka, "--topic", topic).split() == [
        f"{topic}:0:0",
        f"{topic}:1:0",
    ]


def test_what_a_tool_complains_about_is_told(kafka: str, prefix: str) -> None:
    with pytest.raises(KafkaCommandFailedError, match=f"(?s)kafka-topics.*{prefix}.none.*does not exist"):
        tool("kafka-topics", "--bootstrap-server", kafka, "--describe", "--topic", f"{prefix}.none")


def test_unknown_tools_are_refused_with_the_known_ones() -> None:
    with pytest.raises(KafkaCommandFailedError, match=r"'kafka-nothing'; there are .*kafka-topics"):
        tool("kafka-nothing")
