"""Asks Microsoft Graph, and sorts its refusals."""

import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.egnyte.clock import SystemClock
from connectors.entra.credentials import ClientCertificate, ClientSecret, credential_of
from connectors.entra.http import TIMEOUTS, checked, clean, is_local, retry_after_s, trusted, unreachable
from connectors.entra.patience import Clock, Patience
from connectors.entra.refusals import (
    Forbidden,
    GraphRefused,
    Malformed,
    NoAnswer,
    NotFound,
    Resync,
    ServerFault,
    Throttled,
    Unauthorized,
)
from connectors.entra.token import TokenSource
from streams.sections import EntraSettings

GRAPH: Final = "https://graph.microsoft.com"
VERSION: Final = "/v1.0"
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""A page of 999 users is about 1 MB."""
PATIENCE_S: Final = 120.0
"""Of one call that only reads."""
RESYNC_CODES: Final = frozenset({"resyncrequired", "syncstatenotfound", "syncstateinvalid"})
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LINK: Final = re.compile(r"[\x21-\x7e]{1,32768}")
_MESSAGE_CHARS: Final = 200
_REFUSAL_BYTES: Final = 65_536
"""A refusal that is longer is not Graph's, and not quoted."""

T = TypeVar("T")


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error = _Error()


class _Page(msgspec.Struct, frozen=True):
    value: list[msgspec.Raw]
    next: str = msgspec.field(default="", name="@odata.nextLink")


class GraphClient:
    """One app in one tenant. Use it as an async context manager; calls may run side by side."""

    def __init__(
        self,
        entra: EntraSettings,
        *,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
        timeouts: httpx.Timeout = TIMEOUTS,
    ) -> None:
        """Raises ValueError for settings that can't be used; its text does not hold the secret. `draw`: see
        `Patience`.
        """
        if not entra.tenant or not entra.client_id:
            raise ValueError("entra.tenant or entra.client_id is empty: name the tenant and its app registration")
        self.url = checked("entra.graph_url", entra.graph_url, allow_http=entra.allow_http)
        login_url = checked("entra.login_url", entra.login_url, allow_http=entra.allow_http)
        self.clock = clock or SystemClock()
        self._draw = draw
        self._credential = credential_of(entra)
        local = is_local(self.url) and is_local(login_url)
        self._http = httpx.AsyncClient(
            timeout=timeouts, headers={"Accept": "application/json"}, trust_env=not local, verify=trusted()
        )
        audience = self.url if self.url.startswith("https:") else GRAPH  # without TLS it is a stand-in
        self._tokens = TokenSource(
            self._http, login_url, entra.tenant, entra.client_id, self._credential, audience, self.clock
        )

    @property
    def credential(self) -> ClientSecret | ClientCertificate:
        """The proof of who the app is."""
        return self._credential

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tokens.close()
        await self._http.aclose()

    def patience(self, within_s: float) -> Patience:
        """Retries within `within_s` seconds."""
        return Patience(self.clock, within_s, self._draw)

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """One request, its answer's body; a token that is turned away is renewed once. `path`: below `/v1.0`, or a link
        that Graph gave, without the address (see `local_part`).

        Raises a NoAnswer; its `may_have_happened` tells whether what was asked may have been done.
        """
        token = await self._tokens.get()
        status, answered, body = await self._once(method, path, token, params, json, headers)
        if status == httpx.codes.UNAUTHORIZED:
            self._tokens.reject(token)
            token = await self._tokens.get()
            status, answered, body = await self._once(method, path, token, params, json, headers)
        if httpx.codes.is_success(status):
            if body and "json" not in answered.get("content-type", ""):
                raise Malformed(f"{urlsplit(self.url).netloc} answers {status} with something that is no JSON")
            return body
        raise self._refusal(status, answered, body, token)

    async def get(
        self,
        path: str,
        kind: type[T],
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        within_s: float = PATIENCE_S,
    ) -> T:
        """What `path` says, as `kind`; asked again while that may help. Raises a NoAnswer."""
        patience = self.patience(within_s)
        while True:
            try:
                body = await self.send("GET", path, params=params, headers=headers)
                return self.decoded(body, kind)
            except NoAnswer as error:
                await patience.pause(error)

    async def pages(self, path: str, kind: type[T], *, params: Mapping[str, str] | None = None) -> AsyncIterator[T]:
        """Every entry of a list, page by page. Raises a NoAnswer."""
        asked = params
        followed: set[str] = set()
        while path:
            page = await self.get(path, _Page, params=asked)
            for raw in page.value:
                yield self.decoded(bytes(raw), kind)
            path, asked = self.following(page.next, followed) if page.next else "", None

    def local_part(self, link: str) -> str:
        """A nextLink or deltaLink without the address. Raises Malformed for one of another address: our token must not
        go there.
        """
        start = f"{self.url}{VERSION}"
        if not link.startswith(f"{start}/") or not _LINK.fullmatch(link):
            raise Malformed(f"Graph gave a link to another address than {start}: {link[:80]!r}")
        return link.removeprefix(start)

    def following(self, link: str, followed: set[str]) -> str:
        """The same, for a list that is read to its end: `followed` are the links of it so far. Raises Malformed for a
        list that leads back to itself.
        """
        path = self.local_part(link)
        if path in followed:
            raise Malformed(f"Graph gave the same link twice in one list: {path[:80]!r}")
        followed.add(path)
        return path

    @staticmethod
    def decoded(body: bytes, kind: type[T]) -> T:
        """`body` as `kind`. Raises Malformed."""
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"an answer of {len(body)} bytes can't be understood: {error}") from None

    async def _once(
        self, method: str, path: str, token: str, params: Mapping[str, str] | None, json: Any,
        headers: Mapping[str, str] | None,
    ) -> tuple[int, httpx.Headers, bytes]:  # fmt: skip
        url = f"{self.url}{VERSION}{path}"
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        content = None if json is None else msgspec.json.encode(json)
        if content is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with self._http.stream(method, url, params=params, content=content, headers=sent) as response:
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise Malformed(f"an answer is larger than {MAX_ANSWER_BYTES} bytes")
        except httpx.DecodingError as error:
            raise Malformed(f"an answer can't be unpacked: {error}") from None
        except httpx.HTTPError as error:
            raise unreachable(error, url, self._masked(token)) from None
        return response.status_code, response.headers, bytes(body)

    def _refusal(self, status: int, headers: httpx.Headers, body: bytes, token: str) -> NoAnswer:
        try:
            told = msgspec.json.decode(body if len(body) <= _REFUSAL_BYTES else b"", type=_Refusal).error
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = _Error()
        code = told.code if _CODE.fullmatch(told.code) else ""
        words = clean(told.message, self._masked(token))[:_MESSAGE_CHARS]
        said = f"Graph answers {status} {code}".rstrip() + (f": {words}" if words else "")
        pause_s = retry_after_s(headers.get("retry-after"))
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return Throttled(said, pause_s)
        if status == httpx.codes.GONE or code.lower() in RESYNC_CODES:
            return Resync(said, status, code)
        if not httpx.codes.is_client_error(status) and status != httpx.codes.NOT_IMPLEMENTED:
            return ServerFault(said, status, pause_s)
        kinds = {401: Unauthorized, 403: Forbidden, 404: NotFound}
        return kinds.get(status, GraphRefused)(said, status, code)

    def _masked(self, token: str) -> tuple[str, ...]:
        return (token, self._tokens.current, *self._credential.secrets())
