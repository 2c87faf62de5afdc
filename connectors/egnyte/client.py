"""Asks Egnyte's audit stream (v2) for pages, and sorts its refusals."""

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.egnyte.answers import Page, read_page
from connectors.egnyte.refusals import (
    CursorRefused,
    Forbidden,
    ForbiddenBy,
    Malformed,
    RequestRefused,
    ServerFault,
    Throttled,
    Unauthorized,
    Unreachable,
)
from streams.secret import Secret
from streams.settings_rules import is_loopback

STREAM_PATH: Final = "/pubapi/v2/audit/stream"

TIMEOUTS: Final = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)
"""Seconds. A page of 5,000 events over half an hour of history takes the server some time: hence 60 s between bytes."""

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""A page of 10,000 events is about 5 MB. What is larger would take the process down, and is refused instead."""

_EXCERPT_CHARS: Final = 200
_MASHERY_THROTTLES: Final = frozenset({"ERR_403_DEVELOPER_OVER_QPS", "ERR_403_DEVELOPER_OVER_RATE"})
_MASHERY_INACTIVE: Final = "ERR_403_DEVELOPER_INACTIVE"
_FAULT_THROTTLES: Final = re.compile(r"QuotaViolation|SpikeArrestViolation|ratelimit", re.IGNORECASE)
_FORBIDDEN_WORDS: Final[tuple[tuple[ForbiddenBy, re.Pattern[str]], ...]] = (
    ("scope", re.compile(r"\bscopes?\b", re.IGNORECASE)),
    ("plan", re.compile(r"\b(plan|subscription|licen[cs]e|not enabled|upgrade)\b", re.IGNORECASE)),
    ("role", re.compile(r"\b(role|admin\w*|power user|run reports|permissions?|privileges?)\b", re.IGNORECASE)),
)
_ADVICE: Final[dict[ForbiddenBy, str]] = {
    "scope": "the token lacks the scope Egnyte.audit: authorise again with it",
    "plan": "the domain's plan has no audit reporting",
    "role": "the token's user must be an administrator, or a power user whose role can run reports",
    "unknown": "check the user's role (may run reports), the domain's plan, and the token's scope Egnyte.audit",
}


class Answer(msgspec.Struct, frozen=True):
    """A page, and what Egnyte says is left of its limits; None where it does not say."""

    page: Page
    minute_left: int | None = None
    hour_left: int | None = None


class EgnyteClient:
    """One domain, one token. Use it as an async context manager."""

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        allow_http: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raises ValueError for an address or a token that can't be used; its text does not hold the token."""
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
        self._http = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            timeout=TIMEOUTS,
            headers={"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"},
            trust_env=not local,  # a proxy of the environment is never asked for this machine
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def page(self, *, cursor: str = "", start_ms: int = 0) -> Answer:
        """The page after `cursor`, or, without one, the first page from `start_ms` (ms since the epoch; whole seconds
        are asked for).

        Raises a NoAnswer: Throttled, Unauthorized, Forbidden, CursorRefused or RequestRefused, ServerFault,
        Unreachable, Malformed.
        """
        asked = {"nextCursor": cursor} if cursor else {"startDate": _stamp(start_ms)}
        try:
            async with self._http.stream("POST", STREAM_PATH, json=asked) as response:
                body = await _read(response)
        except httpx.DecodingError as error:
            raise Malformed(f"answer can't be unpacked: {error}", b"") from None
        except httpx.HTTPError as error:
            reason = self._clean(str(error)) or "no reason given"
            raise Unreachable(f"{self._http.base_url.host}: {type(error).__name__}: {reason}") from None
        if response.status_code == httpx.codes.OK:
            return Answer(
                read_page(body),
                _whole(response.headers.get("x-ratelimit-remaining-minute")),
                _whole(response.headers.get("x-ratelimit-remaining-hour")),
            )
        raise self._refusal(response.status_code, response.headers, body, by_cursor=bool(cursor))

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes, *, by_cursor: bool) -> Exception:
        """The error for an answer other than 200. Bodies come as JSON in many forms, HTML or text: they are quoted,
        never parsed.
        """
        text = self._clean(body[:4_096].decode(errors="replace"))
        said = f"{status} from {self._http.base_url.host}: {text[:_EXCERPT_CHARS] or 'no body'}"
        mark = headers.get("x-mashery-error-code", "")
        retry_after_s = _retry_after_s(headers.get("retry-after"))
        if status == httpx.codes.TOO_MANY_REQUESTS or mark in _MASHERY_THROTTLES or _FAULT_THROTTLES.search(text):
            return Throttled(said, retry_after_s)
        if status == httpx.codes.UNAUTHORIZED or mark == _MASHERY_INACTIVE:
            return Unauthorized(f"{said}. The token is wrong, expired or revoked: authorise again and set egnyte.token")
        if status == httpx.codes.FORBIDDEN:
            by: ForbiddenBy = next((name for name, words in _FORBIDDEN_WORDS if words.search(text)), "unknown")
            return Forbidden(f"{said}. Perhaps: {_ADVICE[by]}", by)
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


def _stamp(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text) else None


def _retry_after_s(text: str | None) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date counted from the machine's clock (RFC 9110,
    10.2.3).
    """
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        return float(text)
    try:
        then = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
