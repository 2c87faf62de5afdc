"""Sends requests to one Egnyte domain, and sorts its refusals: what all calls of its API have in common."""

import email.utils
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.egnyte.clock import Clock, SystemClock
from connectors.egnyte.quota import Quota
from connectors.egnyte.refusals import (
    CursorRefused,
    Forbidden,
    ForbiddenBy,
    Malformed,
    NoAnswer,
    NotFound,
    RequestRefused,
    ServerFault,
    Throttled,
    Unauthorized,
    Unreachable,
)
from streams.secret import Secret
from streams.settings_rules import is_loopback

TIMEOUTS: Final = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)
"""Seconds. A page of 5,000 events over half an hour of history takes the server some time: hence 60 s between bytes."""
WHOLE_ANSWER_S: Final = 180.0
"""For a request and all of its answer: one that comes a byte a minute never ends by itself."""
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""A page of 10,000 events is about 5 MB. What is larger would take the process down, and is refused instead."""

_EXCERPT_CHARS: Final = 200
_TOKEN_PATH: Final = "/puboauth/"  # noqa: S105 - a path
_MASHERY_THROTTLES: Final = frozenset({"ERR_403_DEVELOPER_OVER_QPS", "ERR_403_DEVELOPER_OVER_RATE"})
_MASHERY_INACTIVE: Final = "ERR_403_DEVELOPER_INACTIVE"
_FAULT_THROTTLES: Final = re.compile(r"QuotaViolation|SpikeArrestViolation|ratelimit", re.IGNORECASE)
_FORBIDDEN_WORDS: Final[tuple[tuple[ForbiddenBy, re.Pattern[str]], ...]] = (
    ("scope", re.compile(r"\bscopes?\b", re.IGNORECASE)),
    ("plan", re.compile(r"\b(plan|subscription|licen[cs]e|not enabled|upgrade)\b", re.IGNORECASE)),
    ("role", re.compile(r"\b(role|admin\w*|power user|run reports|permissions?|privileges?)\b", re.IGNORECASE)),
)
_ADVICE: Final[dict[ForbiddenBy, str]] = {
    "scope": "the token lacks the scope that this call needs: authorise again with it (Egnyte.audit for audit events)",
    "plan": "the domain's plan has no audit reporting",
    "role": "the token's user must be an administrator, or a power user whose role can run reports",
    "unknown": "check the user's role (may run reports), the domain's plan, and the token's scope Egnyte.audit",
}


class Reply(msgspec.Struct, frozen=True):
    """An answer of any status, whole. `path`: what was asked for; `headers`: case is ignored."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    path: str


class EgnyteApi:
    """One domain, one token. Use it as an async context manager."""

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        allow_http: bool = False,
        clock: Clock | None = None,
        quota: Quota | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`quota`: that of the token, shared by all that use it in this process.

        Raises ValueError for an address or a token that can't be used; its text does not hold the token.
        """
        parts = urlsplit(base_url)
        local = is_loopback(parts.hostname or "")
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError(f"egnyte.url is {base_url!r}: give an address such as https://acme.egnyte.com")
        if parts.scheme == "http" and not local and not allow_http:
            raise ValueError(
                f"egnyte.url sends the token in clear to {parts.hostname}: use https://, or set egnyte.allow_http"
            )
        if not re.fullmatch(r"[\x21-\x7e]+", token.reveal()):
            raise ValueError(
                "egnyte.token is empty or holds white space or non-ASCII characters: give the OAuth access token alone"
            )
        self._token = token
        self.quota = quota or Quota(per_day=0, per_minute=100)
        self._clock = clock or SystemClock()
        self._http = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            timeout=TIMEOUTS,
            headers={"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"},
            # The system's authorities are many, and read for nothing where no TLS is spoken.
            verify=httpx.create_ssl_context() if parts.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=not local,  # a proxy of the environment is never asked for this machine
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, str | int] | None = None
    ) -> Reply:
        """The answer, whatever its status; redirects are not followed. Waits, for part of a second, until the token may
        be used again.

        Raises Unreachable where there is none, or not all of it within `WHOLE_ANSWER_S`; Malformed for one that is too
        large or can't be unpacked.
        """
        while (wait_ms := self.quota.spacing_ms(self._clock.now_ms())) > 0:
            await self._clock.sleep(wait_ms / 1_000)
        sent_ms = self._clock.now_ms()
        self.quota.spend(sent_ms)
        try:
            async with (
                self._clock.timeout(WHOLE_ANSWER_S),
                self._http.stream(method, path, json=json, params=params) as response,
            ):
                body = await _read(response)
        except httpx.DecodingError as error:
            raise Malformed(f"answer can't be unpacked: {error}", b"") from None
        except httpx.HTTPError as error:
            reason = self._clean(str(error)) or "no reason given"
            raise Unreachable(f"{self._http.base_url.host}: {type(error).__name__}: {reason}") from None
        except TimeoutError:
            raise Unreachable(f"{self._http.base_url.host}: no whole answer within {WHOLE_ANSWER_S:g} s") from None
        finally:
            self.quota.ended(self._clock.now_ms())
        self.quota.told(sent_ms, self._clock.now_ms(), response.headers)
        return Reply(response.status_code, response.headers, body, path)

    async def ask(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, str | int] | None = None
    ) -> Reply:
        """As `send`, but an answer that is no success (2xx) is raised as what `refusal` makes of it. A redirect (3xx)
        is given to who reads: to who changes something it says that nothing was changed.
        """
        reply = await self.send(method, path, json=json, params=params)
        reads = method == "GET"
        if reply.status < (httpx.codes.BAD_REQUEST if reads else httpx.codes.MULTIPLE_CHOICES):
            return reply
        raise self.refusal(reply)

    def refusal(self, reply: Reply, *, by_cursor: bool = False) -> NoAnswer:
        """The error for an answer that is no success. Bodies come as JSON in many forms, HTML or text: they are quoted,
        never parsed. `by_cursor`: the request named a cursor.
        """
        status, headers = reply.status, reply.headers
        text = self._clean(reply.body[:4_096].decode(errors="replace"))
        said = f"{status} from {self._http.base_url.host}: {text[:_EXCERPT_CHARS] or 'no body'}"
        mark = headers.get("x-mashery-error-code", "")
        retry_after_s = _retry_after_s(headers.get("retry-after"), headers.get("date"), self._clock.now_ms())
        if status == httpx.codes.CONFLICT and reply.path.startswith(_TOKEN_PATH):
            return Throttled(said, retry_after_s)
        if status == httpx.codes.TOO_MANY_REQUESTS or mark in _MASHERY_THROTTLES or _FAULT_THROTTLES.search(text):
            return Throttled(said, retry_after_s)
        if status == httpx.codes.UNAUTHORIZED or mark == _MASHERY_INACTIVE:
            return Unauthorized(f"{said}. The token is wrong, expired or revoked: authorise again and set egnyte.token")
        if status == httpx.codes.FORBIDDEN:
            by: ForbiddenBy = next((name for name, words in _FORBIDDEN_WORDS if words.search(text)), "unknown")
            return Forbidden(f"{said}. Perhaps: {_ADVICE[by]}", by)
        if status == httpx.codes.NOT_FOUND:
            return NotFound(said)
        if status == httpx.codes.BAD_REQUEST:
            return CursorRefused(said) if by_cursor else RequestRefused(said)
        return ServerFault(said, retry_after_s)

    def _clean(self, text: str) -> str:
        """`text` on one line, without the token, should a gateway quote it."""
        return " ".join(text.replace(self._token.reveal(), "********").split())


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise Malformed(f"answer is larger than {MAX_ANSWER_BYTES} bytes", bytes(body[:65_536]))
    return bytes(body)


def _retry_after_s(text: str | None, date: str | None, now_ms: int) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date (RFC 9110, 10.2.3), which counts from the answer's own
    date, for clocks differ.
    """
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        return float(text)
    if (then := _http_date(text)) is None:
        return None
    since = _http_date(date or "") or datetime.fromtimestamp(now_ms / 1_000, UTC)
    return max(0.0, (then - since).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
