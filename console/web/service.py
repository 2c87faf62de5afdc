"""The console's process: it fills the archive, forgets by age, and answers, until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import getpass
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import structlog
import uvicorn

from agents.policies import load_organisation
from console.archive.database import ArchiveError, ArchiveLostError, Database
from console.archive.follower import Follower
from console.web.access import make_token
from console.web.app import make_app
from console.web.news import News
from console.web.oidc.errors import SignInError
from console.web.oidc.provider import Provider
from console.web.outside import outside_of
from console.web.sessions import Sessions
from console.web.signing_in import OWNER
from streams.sections import DAY_MS, HOUR_MS, MINUTE_MS, Settings

log = structlog.get_logger(__name__)
BEHAVIORS_KEPT_MS: Final = 180 * DAY_MS
GOVERNANCE_KEPT_MS: Final = 400 * DAY_MS
"""As long as their topics keep them."""
AGAIN_MS: Final = 5 * MINUTE_MS
"""Until forgetting that has failed is tried again: a full disk, say, is mended within minutes, not hours."""
GRACE_S: Final = 2
"""How long a stop waits for answers under way; pages that wait for news would hold it up for ever."""


def archive_path(settings: Settings) -> Path:
    """The archive's file."""
    return Path(settings.console.archive or Path(settings.streams.data_dir) / "archive.duckdb")


class _Server(uvicorn.Server):
    """uvicorn's, but a signal ends it in order: its own raises the signal again once it has stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def stop(self, _: object) -> None:
        """Ends it in order, as a signal does."""
        self.should_exit = True


def config_of(app: Any, settings: Settings) -> uvicorn.Config:
    """How `app` is served."""
    return uvicorn.Config(
        app,
        host=settings.console.host,
        port=settings.console.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        proxy_headers=False,  # guesses are counted by address, and any program here could name another one
        timeout_graceful_shutdown=GRACE_S,
    )


async def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Until cancelled or told to stop. Raises ArchiveError, Refused; ArchiveError also where the archive can't be kept
    any longer: one that stands still must not look like one that has nothing new."""
    token = make_token(settings)
    database = Database(archive_path(settings))
    news = News()
    follower = Follower(settings, database, news.stored)
    sessions = Sessions()
    domains = tuple(load_organisation(Path(settings.policies.dir))[0].domains)
    provider = Provider(settings.oidc) if settings.oidc.issuer else None
    app = make_app(
        database,
        follower,
        token,
        domains,
        sessions=sessions,
        owner=_owner(),
        outside=outside_of(settings),
        news=news,
        provider=provider,
    )
    host, port = settings.console.host, settings.console.port
    server = _Server(config_of(app, settings))
    keeping = [
        asyncio.create_task(follower.run(), name="filled"),
        asyncio.create_task(_forget(settings, database), name="trimmed by age"),
    ]
    for task in keeping:
        task.add_done_callback(server.stop)
    asking = [asyncio.create_task(_look_for(provider))] if provider is not None else []
    try:
        say(f"The archive {database.path} is being filled. It answers at http://{host}:{port}/api/activities")
        if provider is not None:
            say(f"Open {settings.oidc.console_url} (people sign in with {provider.name})")
        else:
            say(f"Open http://{host}:{port}/login?token={sessions.link(_owner(), 'admin')} (works once, within 15 min)")
        await server.serve()
        for task in keeping:
            _check(task)
    finally:
        for task in (*keeping, *asking):
            task.cancel()
        await asyncio.gather(*keeping, *asking, return_exceptions=True)
        await asyncio.to_thread(database.close)


def _check(task: asyncio.Task[None]) -> None:
    """Raises ArchiveError where `task` has ended, which it does by an error only."""
    if task.done() and (error := task.exception()) is not None:
        words = str(error) if isinstance(error, ArchiveError) else repr(error)
        raise ArchiveError(f"the archive is no longer {task.get_name()}, so the console stops: {words}") from error


async def _look_for(provider: Provider) -> None:
    """Tells at once what is wrong with the provider, or its settings; people would only find out one by one."""
    try:
        await provider.metadata()
    except SignInError as error:
        log.warning("nobody can sign in with the provider", issuer=provider.settings.issuer, reason=str(error))


def _owner() -> str:
    """Whose name verdicts bear: as `alerts close` names people."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container, say, whose user has no name
        return OWNER


async def _forget(settings: Settings, database: Database) -> None:
    """What is older than the topics keep it goes from the archive too, looked at once an hour; where that fails, sooner
    again. Raises ArchiveLostError."""
    while True:
        wait_ms = HOUR_MS
        now_ms = round(time.time() * 1000)
        limits = {
            "activities": now_ms - (settings.console.archive_days or settings.streams.retention_ms // DAY_MS) * DAY_MS,
            "finding_records": now_ms - BEHAVIORS_KEPT_MS,
            "governance": now_ms - GOVERNANCE_KEPT_MS,
        }
        try:
            removed = await asyncio.to_thread(database.forget, limits)
            if removed:
                log.info("forgotten by age", rows=removed)
        except ArchiveLostError:
            raise
        except ArchiveError as error:
            wait_ms = AGAIN_MS
            log.warning("what is too old stays for now; trying again", error=str(error), wait_s=wait_ms / 1000)
        await asyncio.sleep(wait_ms / 1000)
