"""Reads the people of a tenant: all of them once, then what has changed since, by Graph's delta query."""

from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
import structlog
from msgspec import UnsetType
from msgspec.structs import replace

from connectors.directory.directory import Directory
from connectors.directory.publisher import Put
from connectors.entra.accounts import LEAVE_DATE, SELECT, User, entry_of, time_ms
from connectors.entra.client import GraphClient
from connectors.entra.patience import Clock
from connectors.entra.refusals import Forbidden, GraphRefused, Malformed, NoAnswer, NotFound, Resync
from connectors.entra.roles import Roles, privileged_roles
from schemas.directory import DirectoryEntry, Source

log = structlog.get_logger(__name__)

ENTRA: Final[Source] = "entra"
ROLES_EVERY_MS: Final = 900_000
"""Roles change rarely, and reading them takes a call for each."""
ONE_BY_ONE: Final = 10
"""So many removals are looked up one by one; for more the list of all deleted users is read."""
DELTA: Final = "/users/delta"
_MARK: Final = " "
"""Between the selection and the link in a position: no link holds one."""


class Publishes(Protocol):
    """What takes people: see `connectors.directory.DirectoryPublisher`."""

    @property
    def directory(self) -> Directory: ...
    def position(self, source: Source) -> str: ...
    async def put(
        self, source: Source, entries: list[DirectoryEntry], *, complete: bool = False, position: str | None = None
    ) -> Put: ...


class _Page(msgspec.Struct, frozen=True):
    value: list[msgspec.Raw]
    next: str = msgspec.field(default="", name="@odata.nextLink")
    delta: str = msgspec.field(default="", name="@odata.deltaLink")


class _Deleted(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    deleted_date_time: str | None = None


class EntraUsers:
    """The people of one tenant, told to one publisher, round by round.

    A round is told whole or not at all: whoever is killed in it asks the same again, and what the publisher knows
    already makes no change. The position is the link of the next round, without Graph's address, behind the selection
    that is baked into it.
    """

    def __init__(self, client: GraphClient, publisher: Publishes, clock: Clock) -> None:
        self._client = client
        self._publisher = publisher
        self._clock = clock
        self._roles: Roles | None = None
        self._roles_read_ms: int | None = None
        self._leave_dates = True
        self._anew = False

    async def round(self) -> Put:
        """Reads what has changed since the last round, or everybody where that is not known; publishes it.

        Raises a NoAnswer, or what the publisher raises.
        """
        selection, _, link = self._publisher.position(ENTRA).partition(_MARK)
        if not link or self._anew:
            return await self._everybody()
        if self._leave_dates and LEAVE_DATE not in selection.split(","):
            # The app may have got the permission meanwhile. If not, this costs one call in the life of a process.
            if await self._gives_leave_dates():
                return await self._everybody()
            self._leave_dates = False
        try:
            told, following = await self._changes(link)
        except Resync as error:
            log.warning("changes since the last round are not kept any more: reading everybody anew", reason=str(error))
            self._anew = True
            return await self._everybody()
        # People before roles: what keeps those away must not keep people away.
        refreshed = await self._refresh_roles()
        entries = await self._changed(told)
        if refreshed:
            entries = self._with_new_roles(entries)
        return await self._publisher.put(ENTRA, entries, position=f"{selection}{_MARK}{following}")

    async def _everybody(self) -> Put:
        selection = ",".join((*SELECT, LEAVE_DATE) if self._leave_dates else SELECT)
        try:
            told, following = await self._changes(DELTA, {"$select": selection})
        except GraphRefused as error:
            if not self._leave_dates or not _is_about_the_selection(error):
                raise
            log.warning(
                "leave dates can't be read", reason=str(error), advice="grant the app User-LifeCycleInfo.Read.All"
            )
            self._leave_dates = False
            return await self._everybody()
        await self._refresh_roles()
        known = self._publisher.directory
        entries: dict[str, DirectoryEntry] = {}
        for user in told:
            if isinstance(user.removed, UnsetType):
                was = known.entry(ENTRA, user.id) if _is_bare(user) else None
                entries[user.id] = self._with_roles(entry_of(user, was))
            else:  # deleted while the list was read
                entries.pop(user.id, None)
        for user_id in known.ids(ENTRA) & (deleted := await self._deleted()).keys() - entries.keys():
            was = known.entry(ENTRA, user_id)
            if was is not None:
                entries[user_id] = replace(was, deleted=True, deleted_ms=deleted[user_id])
        put = await self._publisher.put(ENTRA, list(entries.values()), complete=True)
        if put.doubted:  # without a position the next round lists everybody again, and so decides
            return put
        self._anew = False
        await self._publisher.put(ENTRA, [], position=f"{selection}{_MARK}{following}")
        return put

    async def _changes(self, path: str, params: dict[str, str] | None = None) -> tuple[list[User], str]:
        """Every entry of a round, in the order in which they were told, and the link of the next round."""
        told: list[User] = []
        followed: set[str] = set()
        while True:
            page: _Page = await self._client.get(path, _Page, params=params)
            told += [user for raw in page.value if (user := _user(raw)) is not None]
            if page.delta:
                return told, self._client.local_part(page.delta)
            if not page.next:
                raise Malformed("a page of changes has neither a nextLink nor a deltaLink")
            path, params = self._client.following(page.next, followed), None

    async def _changed(self, told: list[User]) -> list[DirectoryEntry]:
        """The accounts after a round of changes; what is told later of the same account holds."""
        known = self._publisher.directory
        after: dict[str, DirectoryEntry] = {}
        for user in told:
            before = after.get(user.id) or known.entry(ENTRA, user.id)
            after[user.id] = self._with_roles(entry_of(user, before))
        there = known.ids(ENTRA)
        gone = [user_id for user_id, entry in after.items() if entry.deleted and user_id in there]
        for user_id, deleted_ms in (await self._dates(gone)).items():
            after[user_id] = replace(after[user_id], deleted_ms=deleted_ms)
        return list(after.values())

    async def _dates(self, gone: list[str]) -> dict[str, int]:
        """When each of `gone` was deleted; 0, or none, where that is not known (any more)."""
        if len(gone) <= ONE_BY_ONE:
            return {user_id: await self._deleted_ms(user_id) for user_id in gone}
        deleted = await self._deleted()
        return {user_id: deleted[user_id] for user_id in gone if user_id in deleted}

    async def _deleted(self) -> dict[str, int]:
        """When each user who can still be restored was deleted; nothing where nobody is known yet to be missed, or the
        app may not read that.
        """
        if not self._publisher.directory.ids(ENTRA):
            return {}
        path, params = "/directory/deletedItems/microsoft.graph.user", {"$select": "id,deletedDateTime", "$top": "999"}
        try:
            return {
                each.id: time_ms(each.deleted_date_time or "")
                async for each in self._client.pages(path, _Deleted, params=params)
            }
        except Forbidden as error:
            log.warning("deleted users can't be read: their removal is dated by when it was seen", reason=str(error))
            return {}

    async def _deleted_ms(self, user_id: str) -> int:
        """When a user was deleted; 0 where that is not known (any more)."""
        path, params = f"/directory/deletedItems/{quote(user_id, safe='')}", {"$select": "id,deletedDateTime"}
        try:
            found: _Deleted = await self._client.get(path, _Deleted, params=params)
        except (NotFound, Forbidden):
            return 0
        return time_ms(found.deleted_date_time or "")

    async def _gives_leave_dates(self) -> bool:
        params = {"$select": ",".join((*SELECT, LEAVE_DATE)), "$deltatoken": "latest"}
        try:
            await self._client.get(DELTA, dict[str, Any], params=params)
        except GraphRefused as error:
            if not _is_about_the_selection(error):
                raise
            return False
        return True

    async def _refresh_roles(self) -> bool:
        """Reads who holds roles, where that was long ago; returns whether it did."""
        now_ms = self._clock.now_ms()
        if self._roles_read_ms is not None and now_ms - self._roles_read_ms < ROLES_EVERY_MS:
            return False
        try:
            self._roles = await privileged_roles(self._client)
        except NoAnswer as error:  # those known so far stay as they are
            log.warning("privileged roles can't be read now", kind=error.kind, reason=str(error))
            return False
        self._roles_read_ms = now_ms
        return self._roles is not None

    def _with_roles(self, entry: DirectoryEntry) -> DirectoryEntry:
        if self._roles is None:  # unknown is not none
            known = self._publisher.directory.entry(ENTRA, entry.id)
            return replace(entry, roles=known.roles) if known else entry
        return replace(entry, roles=self._roles.get(entry.id, ()))

    def _with_new_roles(self, entries: list[DirectoryEntry]) -> list[DirectoryEntry]:
        """`entries`, and everybody else whose roles are others than before."""
        told = {entry.id for entry in entries}
        known = self._publisher.directory
        for user_id in sorted(known.ids(ENTRA) - told):
            was = known.entry(ENTRA, user_id)
            if was is not None and (now := self._with_roles(was)) != was:
                entries.append(now)
        return entries


def _user(raw: msgspec.Raw) -> User | None:
    """One entry of a page. One that can't be read must neither keep all others away nor be missed as if it were gone:
    of that no more than the id is taken, and None for one without.
    """
    try:
        user = msgspec.json.decode(raw, type=User)
    except msgspec.ValidationError as error:
        log.error("an entry of Entra ID can't be read, and stays as it was", reason=str(error), entry=bytes(raw)[:200])  # noqa: TRY400 - not our mistake
        try:
            user = User(id=msgspec.json.decode(raw, type=_Deleted).id)
        except msgspec.ValidationError:
            return None
    return user if user.id else None


def _is_bare(user: User) -> bool:
    """Whether nothing but the id is known: every account has a principal name."""
    return isinstance(user.user_principal_name, UnsetType)


def _is_about_the_selection(error: GraphRefused) -> bool:
    """Whether Graph may have refused because of a property that was selected: 403, 400, or 501 from delta."""
    return error.status in {400, 403, 501} and not isinstance(error, Resync)
