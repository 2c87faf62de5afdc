"""The broker's folder: taken by one process at a time, kept or temporary, never left over for good."""

import fcntl
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

from simulators.kafka.errors import BrokerFailedError

TEMP_PREFIX = "egnyte-watch-kafka-"
ERROR_LINE = re.compile(r" (ERROR|FATAL) |^Exception in thread|^Error|OutOfMemoryError")
LOCK = "in-use.lock"
SWEEP_AFTER_S = 60  # a folder this young may belong to a run that has not locked it yet


DYING_S = 5.0  # the broker of a run that was just killed may take as long to end


def _locked(lock: IO[str]) -> bool:
    """Takes the lock, from a predecessor that is dying too; False where one goes on working."""
    deadline = time.monotonic() + DYING_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        else:
            return True


class BrokerFolder:
    """`data/`, `broker.log` and `server.properties` of one broker. The system drops the lock when its holders die."""

    def __init__(self, path: Path | None) -> None:
        """Takes the folder. None: a new temporary one. Raises BrokerFailedError when another broker works in it."""
        self.temporary = path is None
        if path is None:
            sweep()
            self.path = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX))
        else:
            self.path = path.absolute()
            self.path.mkdir(parents=True, exist_ok=True)
        self.lock: IO[str] = (self.path / LOCK).open("w")
        if not _locked(self.lock):
            self.lock.close()
            raise BrokerFailedError(
                f"Another development Kafka works in {self.path}. Stop it, or give this one a folder of its own."
            )

    @property
    def data(self) -> Path:
        """Kafka's own log.dirs."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """What the broker prints."""
        return self.path / "broker.log"

    @property
    def properties(self) -> Path:
        """The broker's settings, written anew at each start."""
        return self.path / "server.properties"

    @property
    def log_size(self) -> int:
        """Bytes in the log: where the next start's lines begin."""
        return self.log.stat().st_size if self.log.exists() else 0

    def last_log_lines(self, since: int = 0, count: int = 20) -> str:
        """What a person should see of the log from byte `since` on: from the last start's first error, else its end."""
        if not self.log.exists():
            return "(it printed nothing)"
        lines = self.log.read_bytes()[since:].decode(errors="replace").splitlines()
        for number, line in enumerate(lines):
            if ERROR_LINE.search(line):  # an orderly end after an error prints more lines than anybody reads
                return "\n".join(lines[number : number + count])
        return "\n".join(lines[-count:])

    def close(self) -> None:
        """Lets go of the folder; a temporary one is removed."""
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def sweep() -> None:
    """Removes temporary folders whose run is gone: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{TEMP_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < SWEEP_AFTER_S:
                continue
            with (folder / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # in use, someone else's, or swept by another run in this very moment
            continue
