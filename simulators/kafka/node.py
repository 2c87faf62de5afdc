"""One KRaft node: its settings, and how to see that it is ready."""

import socket
import struct
from pathlib import Path

CLIENT_ID = b"egnyte-watch"


def properties(port: int, controller_port: int, data: Path) -> str:
    """The text of `server.properties` for a broker and controller in one process, on 127.0.0.1 only."""
    broker, controller = f"127.0.0.1:{port}", f"127.0.0.1:{controller_port}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        # one node can't hold more than one copy
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # 50 each by default: on one node only files to create and recover
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.num.partitions": "8",
        "offsets.retention.minutes": str(365 * 24 * 60),
        # records carry the time of the event, which may be months ago: topics set their own retention
        "log.retention.ms": "-1",
        # after kill -9 the node waits for its own former session to end: 9 s by default, longer than its start
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "num.recovery.threads.per.data.dir": "2",
        # 128 MiB by default, a quarter of the heap
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now; somebody else may still be faster."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def is_free(port: int) -> bool:
    """Whether a broker could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as Java does: connections in TIME_WAIT don't count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether a broker on this port of 127.0.0.1 answers an ApiVersions request without an error.

    Kafka serves requests only once it is registered, caught up and unfenced, so an answer means ready.
    """
    # api key 18, version 0, correlation id 7, client id: Kafka protocol guide, "ApiVersions"
    request = struct.pack(">hhih", 18, 0, 7, len(CLIENT_ID)) + CLIENT_ID
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as stream:
                header = stream.read(10)  # length, correlation id, error code
    except OSError:
        return False
    return len(header) == 10 and struct.unpack(">iih", header)[1:] == (7, 0)
