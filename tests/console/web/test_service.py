"""The console's process: what stands in the way of keeping the archive is tried again, or ends it; nothing freezes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from console.archive.database import ArchiveLostError, Database
from console.archive.follower import Follower
from console.archive.tables import definitions
from console.cli import app as cli
from console.web import service
from simulators.kafka.node import free_ports
from streams.sections import KafkaSettings, Settings

DEADLINE_S = 20.0


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ArchiveLostError):
            await task


async def until(holds: Callable[[], bool], task: asyncio.Task[None]) -> None:
    while not holds():
        assert not task.done(), task
        await asyncio.sleep(0.01)


@pytest.fixture
def settings() -> Settings:
    """With no broker there."""
    return Settings(kafka=KafkaSettings(bootstrap=f"127.0.0.1:{free_ports(1)[0]}"))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "a.duckdb")


def lost(*_: object) -> None:
    raise duckdb.FatalException("the database has been invalidated")


def test_nobody_names_an_address_of_their_own(settings: Settings) -> None:
    assert not service.config_of(None, settings).proxy_headers, "X-Forwarded-For is not believed"


def test_forgetting_goes_on_once_nothing_is_in_its_way(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(service, "AGAIN_MS", 1)
    monkeypatch.setattr(service.log, "warning", lambda *_, error, **__: tried.append(error))
    database._connection.execute("DROP TABLE activities")

    async def scene() -> None:
        async with running(service._forget(settings, database)) as task:
            await until(lambda: len(tried) > 1, task)
            with database._writing:
                for statement in definitions():
                    database._connection.execute(statement)
                database._connection.execute("INSERT INTO activities (time_ms) VALUES (1)")
            await until(lambda: database.read("SELECT count(*) FROM activities") == [(0,)], task)

    asyncio.run(scene())
    assert "activities does not exist" in tried[0]
    database.close()


def test_an_archive_that_can_not_be_read_is_tried_again_and_told(settings: Settings, database: Database) -> None:
    database._connection.execute("ALTER TABLE offsets RENAME TO elsewhere")
    follower = Follower(settings, database)

    async def scene() -> None:
        async with running(follower.run()) as task:
            await until(lambda: "can't be read" in follower.last_error, task)
            database._connection.execute("ALTER TABLE elsewhere RENAME TO offsets")
            await until(lambda: "bootstrap" in follower.last_error.lower(), task)  # it has come as far as the broker

    asyncio.run(scene())
    database.close()


def test_what_duckdb_has_given_up_is_not_tried_for_ever(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "read", lost)
    with pytest.raises(ArchiveLostError, match="Start the console again"):
        asyncio.run(asyncio.wait_for(Follower(settings, database).run(), DEADLINE_S))
    database.close()


def test_the_database_is_lost_to_forgetting_too(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(_: object) -> int:
        raise database._failed("written", duckdb.FatalException("invalidated"))

    monkeypatch.setattr(database, "forget", forget)
    with pytest.raises(ArchiveLostError, match="can't be written: invalidated"):
        asyncio.run(asyncio.wait_for(service._forget(settings, database), DEADLINE_S))
    database.close()


@pytest.mark.parametrize(
    ("place", "name", "words"),
    [
        (Database, "offsets", "no longer filled, so the console stops: RecursionError('too deep')"),
        (Database, "forget", "no longer trimmed by age, so the console stops: RecursionError('too deep')"),
    ],
)
def test_the_command_ends_with_what_ended_the_keeping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, words: str
) -> None:
    def fails(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(place, name, fails)
    broker, port = free_ports(2)
    monkeypatch.setenv("EGNYTE_WATCH_KAFKA__BOOTSTRAP", f"127.0.0.1:{broker}")
    monkeypatch.setenv("EGNYTE_WATCH_STREAMS__DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["console", "--port", str(port)])
    assert done.exit_code == 1
    assert f"the archive is {words}" in done.output
