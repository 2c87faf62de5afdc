"""Kafka's own command line tools, run from the same jars as the broker."""

import subprocess

from simulators.kafka.distribution import HERE, classpath, jars, java
from simulators.kafka.errors import KafkaCommandFailedError

CLASSES = {
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
}


def tool(name: str, *arguments: str, timeout_s: float = 60) -> str:
    """Runs e.g. `tool("kafka-consumer-groups", "--bootstrap-server", bootstrap, "--list")` and returns what it printed.

    Blocks for the start of a JVM (1 to 2 s). Raises KafkaCommandFailedError when the tool fails, is unknown, or is
    not done within `timeout_s`.
    """
    if name not in CLASSES:
        raise KafkaCommandFailedError(f"No Kafka tool {name!r}; there are {', '.join(sorted(CLASSES))}.")
    # Serial collector and first-tier compiler: these live for a second or two
    jvm = [java(), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    logs = f"-Dlog4j2.configurationFile={HERE / 'tools-log4j2.xml'}"
    command = [*jvm, logs, "-cp", classpath(jars()), CLASSES[name], *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise KafkaCommandFailedError(f"{name} {' '.join(arguments)} was not done within {timeout_s} s.") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise KafkaCommandFailedError(f"{name} {' '.join(arguments)} failed (exit {done.returncode}):\n{said}")
    return done.stdout
