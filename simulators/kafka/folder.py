"""The broker's folder: taken by one process at a time, kept or temporary, never left over for good."""

import fcntl
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

from simulators.kafka.errors import BrokerFailedError

TEMP_PREFIX = "egnyte-watch-kafka-"
LOCK = "in-use.lock"
SWEEP_AFTER_S = 60  # a folder this young may belong to a run that has not locked it yet


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
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.close()
            raise BrokerFailedError(
                f"Another development Kafka works in {self.path}. Stop it, or give this one a folder of its own."
            ) from None

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

    def last_log_lines(self, count: int = 20) -> str:
        """The end of the broker's log, for a message to people."""
        if not self.log.exists():
            return "(it printed nothing)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

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
