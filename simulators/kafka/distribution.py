"""Where the broker's software comes from: Java on this machine, Kafka's own jars by Maven, kept in a cache."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from simulators.kafka.errors import DownloadFailedError, MissingToolError

KAFKA_VERSION = "4.3.0"
OLDEST_JAVA = 17  # Kafka 4's brokers and tools are built for it
HERE = Path(__file__).parent
POM = HERE / "pom.xml"

JAVA_ADVICE = (
    f"Install Java {OLDEST_JAVA} or newer: `sudo apt-get install openjdk-17-jre-headless` on Debian and Ubuntu, "
    "`brew install openjdk` on macOS. If it is installed, put `java` on PATH or set JAVA_HOME."
)
MAVEN_ADVICE = (
    "Install Maven: `sudo apt-get install maven` on Debian and Ubuntu, `brew install maven` on macOS. It is needed "
    "once, to download Kafka. Or use a Kafka of your own: set EGNYTE_WATCH_KAFKA__BOOTSTRAP to its host:port."
)


def say_on_stderr(line: str) -> None:
    """Progress for people; standard output stays free for what scripts read."""
    print(line, file=sys.stderr, flush=True)


def java(environ: Mapping[str, str] = os.environ) -> str:
    """The path of a Java that can run Kafka: $JAVA_HOME/bin/java, else `java` on PATH.

    Raises MissingToolError when there is none, it does not run, or it is too old.
    """
    home = environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which("java", path=environ.get("PATH"))
    if found is None:
        raise MissingToolError(f"Kafka needs Java, and there is no `java` here. {JAVA_ADVICE}")
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=60, check=False)
    version = java_version(answer.stderr)
    if answer.returncode != 0 or version is None:
        # macOS ships a `java` that only says that there is none
        raise MissingToolError(f"{found} does not run: {answer.stderr.strip() or 'no answer'}\n{JAVA_ADVICE}")
    if version < OLDEST_JAVA:
        raise MissingToolError(f"{found} is Java {version}; Kafka {KAFKA_VERSION} needs {OLDEST_JAVA}. {JAVA_ADVICE}")
    return found


def java_version(banner: str) -> int | None:
    """The major version in what `java -version` prints (8 for "1.8.0_402"), or None if it is no such text."""
    match = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(match[1]) if match else None


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Kafka's jars are kept between runs; shared by all checkouts of this user."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home(), ".cache")
    return Path(base, "egnyte-watch", f"kafka-{KAFKA_VERSION}")


def jars(say: Callable[[str], None] = say_on_stderr, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder with Kafka's jars, downloaded on first use (about 55 MB).

    Two processes may ask at once: one downloads, the other waits for it. The folder appears whole or not at all.
    Raises MissingToolError without Maven, DownloadFailedError when Maven can't fetch them.
    """
    target = cache_dir(environ)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target.parent / f"{target.name}.lock"):
        if target.is_dir():
            return target
        maven = shutil.which("mvn", path=environ.get("PATH"))
        if maven is None:
            raise MissingToolError(f"Kafka is downloaded by Maven, and there is no `mvn` here. {MAVEN_ADVICE}")
        say(f"Downloading Apache Kafka {KAFKA_VERSION} into {target} (about 55 MB, once) ...")
        with tempfile.TemporaryDirectory(prefix=f"{target.name}-", dir=target.parent) as work:
            _download(maven, Path(work), environ)
            (Path(work) / "libs").rename(target)
        return target


def _download(maven: str, work: Path, environ: Mapping[str, str]) -> None:
    shutil.copy(POM, work / "pom.xml")
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={work / 'libs'}"]
    command = [maven, "-q", "-B", "-f", str(work / "pom.xml"), *goal]
    for last in (False, False, True):  # a registry that hiccups is common, three times in a row is not
        done = subprocess.run(
            command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode == 0 and any((work / "libs").glob("kafka_*.jar")):
            return
        if last:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise DownloadFailedError(
                f"Maven could not download Kafka (exit {done.returncode}):\n{tail}\n"
                f"Check this machine's way to Maven Central (proxy: ~/.m2/settings.xml), then run the command again."
            )


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Holds `lock` against other processes; the system lets go of it when the holder dies, however it dies."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def classpath(folder: Path) -> str:
    """All jars of a folder, in the form that Java expands by itself."""
    return f"{folder}{os.sep}*"
