"""What Graph and its login server have in common on the wire: time-outs, masks, Retry-After, lost connections."""

import re
from collections.abc import Iterable
from functools import cache
from ssl import SSLContext
from typing import Final
from urllib.parse import quote, quote_plus, urlsplit

import httpx

from connectors.entra.refusals import Unreachable
from streams.secret import MASK
from streams.settings_rules import is_loopback

TIMEOUTS: Final = httpx.Timeout(connect=10.0, read=30.0, write=10.0, pool=10.0)
"""Seconds. Graph's own gateway gives up after 30 s."""
LONGEST_PAUSE_S: Final = 3_600.0
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError,
                    httpx.UnsupportedProtocol)  # fmt: skip


@cache
def trusted() -> SSLContext:
    """What servers must prove. One for all clients of the process: making one takes 50 ms and some megabytes."""
    return httpx.create_ssl_context()


def checked(field: str, url: str, *, allow_http: bool) -> str:
    """`url` without a trailing slash. Raises ValueError for one over which no secret may go."""
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError(f"{field} is {url!r}: give an address such as https://graph.microsoft.com")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ValueError(f"{field} sends secrets in clear to {parts.hostname}: use https://, or set entra.allow_http")
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Whether `url` is this machine's: a proxy of the environment is never asked for it."""
    return is_loopback(urlsplit(url).hostname or "")


def retry_after_s(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which may have decimals; None where it says nothing of use."""
    if text is None or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()):
        return None
    return min(float(text), LONGEST_PAUSE_S)


def unreachable(error: httpx.HTTPError, url: str, masked: Iterable[str], *, sent: bool | None = None) -> Unreachable:
    """The refusal for a connection that failed. `sent`: whether the request had gone out, None: as `error` tells."""
    reason = clean(str(error), masked) or "no reason given"
    gone = not isinstance(error, _NOT_SENT) if sent is None else sent
    return Unreachable(f"{urlsplit(url).netloc}: {type(error).__name__}: {reason}", sent=gone)


def clean(text: str, masked: Iterable[str]) -> str:
    """`text` on one line, without any of `masked`, as they are or as an address holds them."""
    for secret in masked:
        for form in {secret, quote(secret, safe=""), quote_plus(secret)} if secret else ():
            text = text.replace(form, MASK)
    return " ".join(text.split())
