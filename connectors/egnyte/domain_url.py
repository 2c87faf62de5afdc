"""The address of an Egnyte domain: what people type, checked, with the address that they probably meant."""

import difflib
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from streams.errors import StreamError
from streams.settings_rules import is_loopback

PARENTS: Final = ("egnyte.com", "egnytegov.com")
"""The API is served below these alone, whatever address of its own a company has for its people."""
NOT_DOMAINS: Final = frozenset({"www", "developers", "helpdesk", "status", "blog", "partner-integrations"})
"""Egnyte's own sites."""
EXAMPLE: Final = "https://acme.egnyte.com"
LIKE_ENOUGH: Final = 0.8
"""difflib's ratio from which a name is taken for a slip of the keyboard: `egnite.com` has 0.9, `egynte.com` too."""

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class AddressError(StreamError):
    """No address of an Egnyte domain. The text says why, and what it should be."""


def domain_url(text: str, *, allow_http: bool = False) -> str:
    """`https://<name>.egnyte.com` out of what somebody typed, in lower case and without a trailing slash.

    Plain http is for a simulator on this machine, or anywhere where `allow_http`. Raises AddressError.
    """
    given = text.strip()
    if not given:
        raise AddressError(f"the address is empty: give the domain's, such as {EXAMPLE}")
    if "@" in given:
        raise AddressError(f"the address holds a user name or password: leave it out: {EXAMPLE}")
    if "://" not in given:
        raise AddressError(f"{given!r} has no https:// in front{_meant(_without_scheme(given))}")
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as error:
        raise AddressError(f"{given!r} is no address ({error}): give one such as {EXAMPLE}") from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme == "http" and (is_loopback(host) or allow_http):
        _plain(given, parts, f"http://{host}")
        return f"http://{host if ':' not in host else f'[{host}]'}" + (f":{port}" if port else "")
    if parts.scheme == "http":
        raise AddressError(
            f"{given!r} would send the token in clear{_meant(host)} Plain http is for a simulator on this machine "
            "(127.0.0.1); --allow-http lifts that"
        )
    if parts.scheme != "https":
        raise AddressError(f"{given!r} begins with {parts.scheme}://, not https://{_meant(host)}")
    name = _name(given, host)
    _plain(given, parts, f"https://{host}")
    if port not in {None, 443}:
        raise AddressError(f"{given!r} names a port, and Egnyte has none but the usual one{_meant(host)}")
    return f"https://{name}"


def _name(given: str, host: str) -> str:
    """`host`, where it is a domain's."""
    if host in PARENTS:
        raise AddressError(f"{given!r} lacks the domain's own name: it is the first part, as in {EXAMPLE}")
    label, _, parent = host.partition(".")
    if parent in PARENTS and label in NOT_DOMAINS:
        raise AddressError(f"{given!r} is a site of Egnyte's, not a domain: give yours, such as {EXAMPLE}")
    if parent not in PARENTS:
        below = next((each for each in PARENTS if host.endswith(f".{each}")), "")
        if below:
            raise AddressError(f"{given!r} has too many parts: one name stands before {below}, as in {EXAMPLE}")
        raise AddressError(
            f"{given!r} is not below {' or '.join(PARENTS)}{_meant(host)} A company's own address for its people does "
            "not serve the API"
        )
    if not _LABEL.fullmatch(label):
        raise AddressError(f"{given!r}: {label!r} is no domain's name: letters, digits and hyphens, as in {EXAMPLE}")
    return host


def _plain(given: str, parts: SplitResult, right: str) -> None:
    """Raises AddressError for what may not follow the host."""
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise AddressError(f"{given!r} has something after the domain: leave it out: {right}")


def _meant(host: str) -> str:
    """What was probably meant, as the end of a sentence."""
    host = host.lower().rstrip(".")
    label, _, parent = host.partition(".")
    if not _LABEL.fullmatch(label) or label in NOT_DOMAINS:
        return f": give an address such as {EXAMPLE}."
    if not parent:
        return f": did you mean https://{label}.{PARENTS[0]}?"
    if near := difflib.get_close_matches(parent, PARENTS, 1, LIKE_ENOUGH):
        return f": did you mean https://{label}.{near[0]}?"
    return f": give an address such as {EXAMPLE}."


def _without_scheme(given: str) -> str:
    return re.split(r"[/?#:]", given.removeprefix("//"))[0]
