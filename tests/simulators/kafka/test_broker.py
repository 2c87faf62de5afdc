"""The development broker: real starts, real ends, and nothing left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.kafka import BrokerFailedError, DevelopmentKafka, ExternalKafka, development_kafka, tool
from simulators.kafka.folder import LOCK, TEMP_PREFIX, BrokerFolder, sweep
from simulators.kafka.node import answers
from tests.simulators.kafka.waiting import DEADLINE_S, is_gone, until

ROOT = Path(__file__).parents[3]


def port_of(kafka: DevelopmentKafka) -> int:
    return int(kafka.bootstrap.partition(":")[2])


def topics(bootstrap: str) -> list[str]:
    return tool("kafka-topics", "--bootstrap-server", bootstrap, "--list").split()


def create_topic(bootstrap: str, name: str) -> None:
    tool("kafka-topics", "--bootstrap-server", bootstrap, "--create", "--topic", name)


@pytest.fixture(scope="module")
def broker() -> Iterator[DevelopmentKafka]:
    with DevelopmentKafka() as started:
        yield started


def test_data_and_address_outlive_a_kill(broker: DevelopmentKafka, prefix: str) -> None:
    address = broker.bootstrap
    create_topic(address, f"{prefix}.kept")
    pid = broker.pid
    assert pid is not None
    broker.kill()
    assert is_gone(pid)
    assert not broker.running
    assert not answers(port_of(broker))
    broker.restart()
    assert broker.bootstrap == address
    assert f"{prefix}.kept" in topics(address)


def test_a_paused_broker_is_silent_until_resumed(broker: DevelopmentKafka) -> None:
    broker.pause()
    assert not answers(port_of(broker))
    assert broker.running
    broker.resume()
    until(lambda: answers(port_of(broker)), "an answer after resume")


def test_topics_are_never_made_by_accident(broker: DevelopmentKafka, prefix: str) -> None:
    with pytest.raises(Exception, match="does not exist"):
        tool("kafka-topics", "--bootstrap-server", broker.bootstrap, "--describe", "--topic", f"{prefix}.none")


def test_a_running_broker_is_not_started_twice(broker: DevelopmentKafka) -> None:
    with pytest.raises(BrokerFailedError, match="runs already"):
        broker.start()


def test_orders_to_an_ended_broker_say_so() -> None:
    kafka = DevelopmentKafka()
    with pytest.raises(BrokerFailedError, match="does not run"):
        kafka.pause()
    with pytest.raises(BrokerFailedError, match="not started"):
        _ = kafka.bootstrap


def test_a_port_where_another_broker_answers_is_refused(broker: DevelopmentKafka) -> None:
    port = port_of(broker)
    with pytest.raises(BrokerFailedError, match=f"127.0.0.1:{port}: the port is taken"):
        DevelopmentKafka(port=port).start()


def test_a_broker_that_can_not_start_shows_its_log_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(
        BrokerFailedError, match=r"(?s)ended while it started.*(?:OutOfMemoryError|heap).*Look for memory"
    ):
        DevelopmentKafka(heap="8m").start()
    assert not list(tmp_path.glob(f"{TEMP_PREFIX}*"))
    assert len(list(tmp_path.glob("egnyte-watch-broker-*.log"))) == 1


STARTS_AND_DIES = """
import os, pathlib, sys
from simulators.kafka import DevelopmentKafka, tool
kafka = DevelopmentKafka(pathlib.Path(sys.argv[1])).start()
tool("kafka-topics", "--bootstrap-server", kafka.bootstrap, "--create", "--topic", "kept")
print(kafka.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_next_run_takes_up_what_a_killed_one_left(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS_AND_DIES, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=DEADLINE_S * 5, check=False)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    until(lambda: is_gone(pid), "the end of the broker")
    with development_kafka(tmp_path, environ={}) as kafka:
        assert "kept" in topics(kafka.bootstrap)
    assert (tmp_path / "data" / "meta.properties").exists()


def test_two_brokers_never_share_a_folder(tmp_path: Path) -> None:
    first = BrokerFolder(tmp_path)
    with pytest.raises(BrokerFailedError, match="Another development Kafka works in"):
        DevelopmentKafka(tmp_path).start()
    first.close()
    BrokerFolder(tmp_path).close()
    assert tmp_path.exists()


def test_left_over_temporary_folders_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, young, stranger = (tmp_path / name for name in (f"{TEMP_PREFIX}old", f"{TEMP_PREFIX}young", "other"))
    for folder in (old, young, stranger):
        folder.mkdir()
        (folder / LOCK).touch()
    in_use = BrokerFolder(tmp_path / f"{TEMP_PREFIX}used")
    for folder in (old, stranger, in_use.path):
        os.utime(folder, (0, 0))
    sweep()
    assert not old.exists()
    assert young.exists()
    assert stranger.exists()
    assert in_use.path.exists()
    in_use.close()


def test_a_named_kafka_is_used_and_nothing_started() -> None:
    with development_kafka(environ={"EGNYTE_WATCH_KAFKA__BOOTSTRAP": "kafka.example:9092"}) as kafka:
        assert isinstance(kafka, ExternalKafka)
        assert kafka.bootstrap == "kafka.example:9092"
