"""Java and Kafka's jars: what is said when they are missing, and that a download happens once and whole."""

import multiprocessing
import os
from pathlib import Path

import pytest

from simulators.kafka import DownloadFailedError, MissingToolError
from simulators.kafka.distribution import cache_dir, jars, java, java_version


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def quiet(_: str) -> None:
    """No progress in tests."""


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ('java version "1.8.0_402"', 8),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_java_versions_are_read_from_the_banner(banner: str, version: int | None) -> None:
    assert java_version(banner) == version


def test_no_java_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match=r"no `java` here.*openjdk-17-jre-headless.*brew install openjdk"):
        java({"PATH": str(tmp_path)})


def test_old_java_says_which_and_what_to_install(tmp_path: Path) -> None:
    script(tmp_path / "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(MissingToolError, match=r"is Java 11; Kafka 4\.3\.0 needs 17.*openjdk-17-jre-headless"):
        java({"PATH": str(tmp_path)})


def test_a_java_that_does_not_run_is_no_java(tmp_path: Path) -> None:
    script(tmp_path / "java", "echo 'Unable to locate a Java Runtime.' >&2; exit 1")
    with pytest.raises(MissingToolError, match=r"(?s)does not run: Unable to locate.*Install Java 17"):
        java({"PATH": str(tmp_path)})


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    script(tmp_path / "old" / "java", """echo 'openjdk version "11.0.2"' >&2""")
    home = script(tmp_path / "home" / "bin" / "java", """echo 'openjdk version "21.0.1"' >&2""")
    assert java({"PATH": str(tmp_path / "old"), "JAVA_HOME": str(tmp_path / "home")}) == str(home)


def test_the_cache_follows_xdg() -> None:
    assert cache_dir({"XDG_CACHE_HOME": "/x"}) == Path("/x/egnyte-watch/kafka-4.3.0")
    assert cache_dir({"HOME": "/h"}) == Path("/h/.cache/egnyte-watch/kafka-4.3.0")


def test_no_maven_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match=r"no `mvn` here.*apt-get install maven.*EGNYTE_WATCH_KAFKA__BOOTSTRAP"):
        jars(quiet, {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})


def test_a_failing_download_is_tried_again_and_leaves_nothing(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "mvn", f"echo x >>{tmp_path}/calls; echo 'Could not transfer artifact'; exit 1")
    cache = tmp_path / "cache"
    with pytest.raises(DownloadFailedError, match=r"(?s)exit 1.*Could not transfer artifact.*settings\.xml"):
        jars(quiet, {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(cache)})
    assert (tmp_path / "calls").read_text().count("x") == 3
    assert [path.name for path in (cache / "egnyte-watch").iterdir()] == ["kafka-4.3.0.lock"]


MAVEN_THAT_COUNTS = """
for word in "$@"; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done
echo x >>"$CALLS"
mkdir -p "$out" && touch "$out/kafka_2.13-4.3.0.jar"
until [ -e "$GO" ]; do sleep 0.05; done
"""


def fetch(environ: dict[str, str]) -> None:
    assert (jars(quiet, environ) / "kafka_2.13-4.3.0.jar").exists()


def test_two_processes_download_once(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "mvn", MAVEN_THAT_COUNTS)
    environ = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "CALLS": str(tmp_path / "calls"),
        "GO": str(tmp_path / "go"),
    }
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=fetch, args=(environ,)) for _ in range(2)]
    for process in processes:
        process.start()
    (tmp_path / "go").touch()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "calls").read_text() == "x\n"
