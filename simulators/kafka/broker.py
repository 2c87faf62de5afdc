"""A real single-node Kafka for demo, tests and benchmarks, that ends with whoever started it."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from simulators.kafka import node
from simulators.kafka.distribution import HERE, classpath, jars, java, say_on_stderr
from simulators.kafka.errors import BrokerFailedError
from simulators.kafka.folder import BrokerFolder
from simulators.kafka.process import BrokerProcess

BOOTSTRAP_VARIABLE = "EGNYTE_WATCH_KAFKA__BOOTSTRAP"
READY_WITHIN_S = 120  # about 6 s on two idle cores; a machine that tests all at once takes its time
PORT_ATTEMPTS = 3


class Kafka(Protocol):
    """What demo, tests and benchmarks need to know of a Kafka."""

    @property
    def bootstrap(self) -> str:
        """host:port to connect to."""
        ...


class ExternalKafka:
    """Somebody else's Kafka: used, never started, stopped or emptied."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap


class DevelopmentKafka:
    """Apache Kafka in KRaft mode on 127.0.0.1, one node, no auto-created topics.

    With `data_dir` the data stays and the next run takes it up, after an unclean end too; without, it lives in a
    temporary folder that goes with the run. `port` None: a free one. `heap` is Java's -Xmx.
    The constructor does nothing; `start` (or `with`) raises MissingToolError, DownloadFailedError or BrokerFailedError.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int | None = None,
        heap: str = "512m",
        say: Callable[[str], None] = say_on_stderr,
    ) -> None:
        self._data_dir = data_dir
        self._asked_port = port
        self._heap = heap
        self._say = say
        self._ports: tuple[int, int] | None = None  # broker, controller; kept over restarts
        self._folder: BrokerFolder | None = None
        self._process: BrokerProcess | None = None
        self._log_from = 0  # where in the log this start begins

    @property
    def bootstrap(self) -> str:
        """host:port to connect to, the same over restarts."""
        if self._ports is None:
            raise BrokerFailedError("This Kafka was not started yet, so it has no address.")
        return f"127.0.0.1:{self._ports[0]}"

    @property
    def log_path(self) -> Path:
        """What the broker prints. In a temporary folder it goes with the run: copy it to keep it."""
        return self._opened().log

    @property
    def pid(self) -> int | None:
        """The broker's process id; None when it does not run."""
        return self._process.pid if self._process and self._process.running else None

    @property
    def running(self) -> bool:
        """Whether the broker's process lives (paused counts)."""
        return self.pid is not None

    def start(self) -> Self:
        """Starts the broker and returns when it answers (about 6 s; with the first download, a minute)."""
        if self.running:
            raise BrokerFailedError(f"This Kafka runs already, at {self.bootstrap}.")
        binary, libs = java(), jars(self._say)
        try:
            self._folder = self._folder or BrokerFolder(self._data_dir)
            self._start_on_free_ports(self._folder, binary, libs)
        except BaseException:
            self.close()
            raise
        return self

    def stop(self) -> None:
        """Ends the broker in order (SIGTERM, killed after 30 s) and keeps its data for `restart`."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """Ends the broker by SIGKILL and returns when it is gone; its data stays for `restart`."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def restart(self) -> None:
        """Starts the broker again with the same ports and data (ends it in order first, if it runs)."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stops the broker's process where it is (SIGSTOP): connections stay open and silent."""
        self._started().order(b"p")

    def resume(self) -> None:
        """Lets a paused broker go on (SIGCONT)."""
        self._started().order(b"r")

    def close(self) -> None:
        """Ends the broker for good; a temporary data folder is removed."""
        if self._folder is not None and self._folder.temporary:
            self.kill()
        else:
            self.stop()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def last_log_lines(self) -> str:
        """The part of the log since the last start that a person should see: its first error, else its end."""
        return self._opened().last_log_lines(self._log_from)

    def _opened(self) -> BrokerFolder:
        if self._folder is None:
            raise BrokerFailedError("This Kafka was not started yet, or is closed: it has no folder.")
        return self._folder

    def _started(self) -> BrokerProcess:
        if self._process is None or not self._process.running:
            raise BrokerFailedError("This Kafka does not run; `restart()` starts it again.")
        return self._process

    def _start_on_free_ports(self, folder: BrokerFolder, binary: str, libs: Path) -> None:
        chosen_before = self._ports is not None
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if not chosen_before:
                port, controller_port = node.free_ports(2)
                self._ports = (self._asked_port or port, controller_port)
            try:
                self._start_once(folder, binary, libs)
            except _PortTakenError as error:
                if chosen_before or self._asked_port or attempt == PORT_ATTEMPTS:
                    raise BrokerFailedError(str(error)) from None
            else:
                return

    def _start_once(self, folder: BrokerFolder, binary: str, libs: Path) -> None:
        assert self._ports is not None  # noqa: S101 - for the type checker: chosen just before
        for port in self._ports:
            if not node.is_free(port):  # or another broker's answer would be taken for ours
                raise _PortTakenError(_port_taken(port))
        folder.properties.write_text(node.properties(*self._ports, folder.data))
        options = [f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}", "-cp", classpath(libs)]
        if not (folder.data / "meta.properties").exists():
            _format(folder, [binary, *options])
        jvm = [binary, "-server", f"-Xmx{self._heap}", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError", *options]
        self._log_from = folder.log_size
        self._process = BrokerProcess(
            [*jvm, "kafka.Kafka", str(folder.properties)],
            folder.log,
            remove=folder.path if folder.temporary else None,
            keep_open=folder.lock.fileno(),
        )
        self._wait_until_ready(self._process, folder, self._ports[0])

    def _wait_until_ready(self, process: BrokerProcess, folder: BrokerFolder, port: int) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not node.answers(port):
            if process.ended_within(0.05):
                if b"Address already in use" in folder.log.read_bytes()[self._log_from :]:
                    raise _PortTakenError(_port_taken(port))
                raise BrokerFailedError(self._why("Kafka ended while it started", folder))
            if time.monotonic() > deadline:
                raise BrokerFailedError(self._why(f"Kafka did not answer within {READY_WITHIN_S} s", folder))

    def _why(self, what: str, folder: BrokerFolder) -> str:
        log = f"its log ({folder.log})"
        if folder.temporary:  # the folder goes, so the log is kept beside it
            kept = Path(tempfile.mkstemp(prefix="egnyte-watch-broker-", suffix=".log")[1])
            shutil.copyfile(folder.log, kept)
            log = f"its log ({kept})"
        return (
            f"{what}. The last lines of {log}:\n{folder.last_log_lines(self._log_from)}\n"
            f"Look for memory (it needs {self._heap}), disk space in {folder.path}, and the version of Java. If the "
            f"data is damaged and can go, remove the folder. Or use a Kafka of your own: set {BOOTSTRAP_VARIABLE}."
        )


class _PortTakenError(Exception):
    """Between choosing a free port and listening on it, somebody else took it."""


def _port_taken(port: int) -> str:
    return f"Kafka can't listen at 127.0.0.1:{port}: the port is taken. Choose another one, or none."


def _format(folder: BrokerFolder, java_command: list[str]) -> None:
    cluster_id = "d" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # a leading "-" would be an option
    format_it = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster_id]
    command = [*java_command, *format_it, "-c", str(folder.properties)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=READY_WITHIN_S, check=False)
    if done.returncode != 0:
        raise BrokerFailedError(
            f"Kafka could not format its data folder {folder.data}:\n{(done.stdout + done.stderr).strip()}\n"
            "Remove the folder if its data can go, or choose another one."
        )


@contextmanager
def development_kafka(
    data_dir: Path | None = None,
    *,
    heap: str = "512m",
    say: Callable[[str], None] = say_on_stderr,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Kafka]:
    """The Kafka named by EGNYTE_WATCH_KAFKA__BOOTSTRAP, else a DevelopmentKafka for as long as the block lasts."""
    named = environ.get(BOOTSTRAP_VARIABLE)
    if named:
        yield ExternalKafka(named)
        return
    with DevelopmentKafka(data_dir, heap=heap, say=say) as kafka:
        yield kafka
