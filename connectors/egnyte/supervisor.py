"""All connectors of one process: those of the vault, and the one of the settings, each for itself.

The vault is looked at all the time: a domain that is connected starts, one that is disabled or disconnected stops, and
a new token starts its connector anew, from the cursor in the log. One that fails harms no other.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

import structlog
from msgspec.structs import replace

from connectors.egnyte.clock import Clock, SystemClock
from connectors.egnyte.cluster import OwnedCluster
from connectors.egnyte.health import refresh_at_ms
from connectors.egnyte.oauth import OAuth, OAuthError
from connectors.egnyte.service import serve
from connectors.secrets.errors import VaultError
from connectors.secrets.vault import Entry, Vault
from schemas.connector import StatusRecord, TokenFacts
from streams.errors import Fenced, StreamError
from streams.sections import Settings

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
"""Between two looks into the vault: a person has just connected, and waits."""
AGAIN_S: Final = 60.0
"""Until a connector that could not go on is started again, while others run."""
REFRESH_AGAIN_S: Final = 900.0
"""Until a token that could not be refreshed is tried again: 4 of the 100 requests that an API key has an hour."""
KEEP_AGAIN_S: Final = 30.0
"""Until the vault is tried again that did not take a refreshed token: nobody but this process knows it."""
NOTHING: Final = (
    "egnyte.name is empty, and nothing is in the vault: connect a domain (egnyte-watch connect acme "
    "https://acme.egnyte.com), or name the one that egnyte.token is for"
)


class Wanted(NamedTuple):
    """A connector that should run: with these settings and this token. `entry`: of the vault, None of the settings."""

    settings: Settings
    token: TokenFacts | None
    entry: Entry | None


async def supervise(
    settings: Settings,
    *,
    stop: asyncio.Event,
    clock: Clock | None = None,
    new_cluster: Callable[[Settings], OwnedCluster] | None = None,
    look_s: float = LOOK_S,
) -> None:
    """Runs all connectors until `stop` is set. Raises ValueError where there is none, and what the last of them has
    raised when none can go on.
    """
    vault = Vault(settings.vault)
    if not settings.egnyte.name and not await asyncio.to_thread(vault.names):
        raise ValueError(NOTHING)
    wishes = Wishes(settings, vault)
    running: dict[str, _Running] = {}
    try:
        while not stop.is_set():
            wanted = await asyncio.to_thread(wishes.look)
            for name in [name for name, each in running.items() if wanted.get(name) != each.wanted]:
                log.info("the connector has another token, or is no longer wanted", connector=name)
                await running.pop(name).end()  # fenced by the command that took it out, perhaps: no failure
            for name, each in wanted.items():
                if name not in running:
                    running[name] = _Running(name, each, vault, clock or SystemClock(), new_cluster)
                elif running[name].may_try_again():
                    running[name].start()
            _anyone_left(running)
            await _until(stop, [each.task for each in running.values()], look_s)
    finally:
        await asyncio.gather(*(each.end() for each in running.values()))


class Wishes:
    """What should run, looked up anew when the vault has changed."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings = settings
        self._vault = vault
        self._stamps: dict[str, tuple[int, int, int]] | None = None
        self._found: dict[str, Wanted] = {}
        self._unread: dict[str, str] = {}

    def look(self) -> dict[str, Wanted]:
        """Every connector that should run. What can't be read in the vault is said once, tried again at the next look,
        and is no reason to stop one that runs.
        """
        try:
            stamps = self._vault.stamps()
        except VaultError as error:
            log.warning("the vault can't be read", reason=str(error))
            return self._found
        if stamps != self._stamps:
            self._found, unread = self._read(stamps)
            # The key, or who may read it, can be put right without a change of any entry.
            self._stamps = None if unread else stamps
            for name, reason in unread.items() - self._unread.items():
                log.warning("a connector's entry can't be read", connector=name, reason=reason)
            self._unread = unread
        return self._found

    def _read(self, names: Collection[str]) -> tuple[dict[str, Wanted], dict[str, str]]:
        """What is found, and why entries can't be read, by name."""
        egnyte, found, unread = self._settings.egnyte, dict[str, Wanted](), dict[str, str]()
        # Of the same name, the vault's token is the newer one; without any, the one of the settings says what is wrong.
        if egnyte.name and egnyte.name not in names and (egnyte.token or not names):
            found[egnyte.name] = Wanted(self._settings, None, None)
        for name in sorted(names):
            try:
                entry = self._vault.read(name)
            except VaultError as error:
                unread[name] = str(error)
                if name in self._found:
                    found[name] = self._found[name]
                continue
            if entry is not None and not entry.disabled:
                found[name] = Wanted(settings_of(self._settings, entry), facts_of(entry), entry)
        return found, unread


def settings_of(settings: Settings, entry: Entry) -> Settings:
    """The settings of one connector: everybody's, with its own domain and token."""
    egnyte = replace(
        settings.egnyte, name=entry.connector, url=entry.url, token=entry.token, allow_http=entry.allow_http
    )
    return replace(settings, egnyte=egnyte)


def facts_of(entry: Entry) -> TokenFacts:
    """What is known of the token beside it."""
    return TokenFacts(
        id=entry.token_id, issued_ms=entry.issued_ms, expires_ms=entry.expires_ms, renews=bool(entry.refresh_token),
        user=entry.user,
    )  # fmt: skip


class _Running:
    """One connector at work, and the renewal of its token."""

    def __init__(
        self,
        name: str,
        wanted: Wanted,
        vault: Vault,
        clock: Clock,
        new_cluster: Callable[[Settings], OwnedCluster] | None,
    ) -> None:
        self.name = name
        self.wanted = wanted
        self._vault = vault
        self._clock = clock
        self._new_cluster = (lambda: new_cluster(wanted.settings)) if new_cluster is not None else None
        self._stop = asyncio.Event()
        self._refused = asyncio.Event()
        self.start()
        self._renewal = asyncio.create_task(self._renew(wanted.entry)) if _can_renew(wanted.entry) else None

    def start(self) -> None:
        """Starts it, also again after it has ended. Its token's renewal goes on meanwhile: there is one, not one for
        each start, for a refresh token can be used once.
        """
        self.error: BaseException | None = None
        self._ended_at: float | None = None
        self._said = False
        self.task = asyncio.ensure_future(
            serve(
                self.wanted.settings, stop=self._stop, clock=self._clock, new_cluster=self._new_cluster,
                token=self.wanted.token, told=self._told,
            )
        )  # fmt: skip

    def look(self) -> None:
        """Takes note of its end, and says it once."""
        if self._said or not self.task.done():
            return
        self._said, self._ended_at = True, asyncio.get_running_loop().time()
        self.error = None if self.task.cancelled() else self.task.exception()
        if self.error is not None:
            fault = None if isinstance(self.error, (StreamError, ValueError)) else self.error  # ours: show where
            log.error("the connector ends", connector=self.name, reason=str(self.error), exc_info=fault)

    def may_try_again(self) -> bool:
        """Whether it has failed and is to be started again. One that was replaced by another process is not: they
        would take turns for ever.
        """
        self.look()
        if self._ended_at is None or isinstance(self.error, Fenced):
            return False
        return asyncio.get_running_loop().time() - self._ended_at >= AGAIN_S

    async def end(self) -> None:
        """Stops it, and waits until it has."""
        self._stop.set()
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
        await asyncio.wait({self.task})
        if not self._said and not self.task.cancelled() and (error := self.task.exception()) is not None:
            # Disabled or disconnected by a command, which has fenced it: as it should be.
            log.info("the connector has ended", connector=self.name, reason=str(error))

    def _told(self, status: StatusRecord) -> None:
        if status.error_kind == "unauthorized":
            self._refused.set()

    async def _renew(self, entry: Entry | None) -> None:
        """Refreshes the token when half of its life is over, or when Egnyte does not take it any more."""
        assert entry is not None  # noqa: S101 - see _can_renew
        oauth = OAuth(entry.url, entry.client_id, entry.client_secret, entry.redirect_uri, clock=self._clock)
        await self._until_due(refresh_at_ms(entry.issued_ms, entry.expires_ms))
        while True:
            try:
                grant = await oauth.refresh(entry.refresh_token)
                break
            except OAuthError as error:
                log.warning("the token could not be refreshed", connector=self.name, reason=str(error))
                await self._clock.sleep(REFRESH_AGAIN_S)
        now_ms = self._clock.now_ms()
        renewed = replace(
            entry, token=grant.token, refresh_token=grant.refresh_token, issued_ms=now_ms,
            expires_ms=now_ms + grant.lasts_s * 1_000 if grant.lasts_s else 0,
        )  # fmt: skip
        kept = await self._keep(renewed, entry.token_id)
        log.info("the token has been refreshed", connector=self.name, kept=kept, expires_ms=renewed.expires_ms)

    async def _keep(self, renewed: Entry, before: str) -> bool:
        """Writes a refreshed token, and tries until it could: the one before it can't be refreshed again. Tells whether
        the token `before` was still the one to replace.
        """
        while True:
            try:
                return await asyncio.to_thread(self._vault.renew, renewed, before)
            except (VaultError, OSError) as error:
                log.error(  # noqa: TRY400 - not our mistake
                    "a refreshed token can't be written: mend the vault before this process ends, which alone knows it",
                    connector=self.name, reason=str(error), again_in_s=KEEP_AGAIN_S,
                )  # fmt: skip
                await self._clock.sleep(KEEP_AGAIN_S)

    async def _until_due(self, due_ms: int) -> None:
        waits = [
            asyncio.ensure_future(self._clock.sleep(max(0, due_ms - self._clock.now_ms()) / 1_000)),
            asyncio.ensure_future(self._refused.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()


def _can_renew(entry: Entry | None) -> bool:
    return entry is not None and bool(entry.refresh_token) and bool(entry.expires_ms)


def _anyone_left(running: dict[str, _Running]) -> None:
    """Raises what the last connector has ended with when all have."""
    for each in running.values():
        each.look()
    errors = [each.error for each in running.values() if each.error is not None]
    if running and len(errors) == len(running):
        raise errors[-1]


async def _until(stop: asyncio.Event, tasks: list["asyncio.Future[None]"], seconds: float) -> None:
    """Returns when `stop` is set, when one that runs ends, or after `seconds`."""
    stopping = asyncio.ensure_future(stop.wait())
    try:
        waiting: set[asyncio.Future[Any]] = {stopping, *(task for task in tasks if not task.done())}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping
