"""What can be done at Egnyte to stop somebody: accounts are deactivated, links deleted.

Everything here may be repeated without harm, so what gave no answer is simply asked again.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from connectors.egnyte.api import EgnyteApi, Reply
from connectors.egnyte.clock import Clock
from connectors.egnyte.refusals import Malformed, NoAnswer, ServerFault, Throttled, Unreachable

T = TypeVar("T")

WITHIN_S: Final = 60.0
"""Of one request, its retries included: whoever waits for longer is better told, and tries again later."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 15.0
USERS: Final = "/pubapi/v2/users"
LINKS: Final = "/pubapi/v2/links"
"""Of the two versions the one that says whose each link is."""
PAGE_LINKS: Final = 500
"""Egnyte's maximum."""
_PASSING: Final = (Throttled, ServerFault, Unreachable, Malformed)


class EgnyteAccount(msgspec.Struct, frozen=True):
    """How an account stands."""

    user_name: str
    active: bool


class NothingToSpare(Throttled):
    """It would take calls from the audit stream, which can't do without them."""


class _User(msgspec.Struct, frozen=True, rename="camel"):
    user_name: Annotated[str, msgspec.Meta(min_length=1)]
    active: bool


class _Link(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    created_by: str


class _Links(msgspec.Struct, frozen=True):
    links: tuple[_Link, ...]


class EgnyteActions:
    """Actions at one domain. Each raises a NoAnswer: NotFound, Unauthorized, Forbidden, RequestRefused at once; what
    passes by itself after `within_s` of trying.
    """

    def __init__(self, api: EgnyteApi, clock: Clock, *, within_s: float = WITHIN_S) -> None:
        self._api = api
        self._clock = clock
        self._within_s = within_s

    async def account(self, user_id: str) -> EgnyteAccount:
        """How an account stands now."""
        found = await self._read("GET", f"{USERS}/{quote(user_id, safe='')}", _User)
        return EgnyteAccount(found.user_name, found.active)

    async def set_active(self, user_id: str, *, active: bool) -> None:
        """Lets nobody log in with the account any more, or lets in again. Files and links stay."""
        path = f"{USERS}/{quote(user_id, safe='')}"

        async def once() -> None:
            reply = await self._api.ask("PATCH", path, json={"active": active})
            if _decoded(reply, _User).active != active:
                raise Malformed(f"{path}: Egnyte answered, and the account is as before", reply.body[:1_024])

        await self._patiently(once)

    async def links_of(self, user_name: str, most: int) -> list[str]:
        """Ids of the links that a user has made, at most `most`. Never anybody else's."""
        found: dict[str, None] = {}
        seen = 0
        while len(found) < most:
            asked: dict[str, str | int] = {"username": user_name, "offset": seen, "count": PAGE_LINKS}
            page = (await self._read("GET", LINKS, _Links, params=asked)).links
            before = len(found)
            found |= {link.id: None for link in page if link.created_by.casefold() == user_name.casefold()}
            seen += len(page)
            if len(page) != PAGE_LINKS or len(found) == before:  # more than was asked for: these are all
                break
        return list(found)[:most]

    async def delete_link(self, link_id: str) -> None:
        """Deletes one link. Raises NotFound where it is gone already, NothingToSpare where the day's calls are needed
        for the audit stream.
        """
        if self._api.quota.to_spare(self._clock.now_ms()) == 0:
            raise NothingToSpare("what is left of the token's calls of today is kept for the audit stream", None)

        async def once() -> None:
            reply = await self._api.ask("DELETE", f"{LINKS}/{quote(link_id, safe='')}")
            if reply.body:  # a gateway's page is no answer of Egnyte's
                _decoded(reply, msgspec.Raw)

        await self._patiently(once)

    async def _read(self, method: str, path: str, kind: type[T], **more: Any) -> T:
        async def once() -> T:
            return _decoded(await self._api.ask(method, path, **more), kind)

        return await self._patiently(once)

    async def _patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        until_ms = self._clock.now_ms() + round(self._within_s * 1_000)
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await once()
            except NoAnswer as error:
                wait_s = max(pause_s, getattr(error, "retry_after_s", None) or 0.0)
                if not isinstance(error, _PASSING) or self._clock.now_ms() + wait_s * 1_000 > until_ms:
                    raise
            await self._clock.sleep(wait_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _decoded(reply: Reply, kind: type[T]) -> T:
    """What an answer says. Raises Malformed."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        wrong = f"{reply.path}: answer of {len(reply.body)} bytes: {error}"
        raise Malformed(wrong, reply.body[:1_024]) from None
