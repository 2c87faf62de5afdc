"""The user key: which partition, and whose state, a record belongs to.

`<connector>/<normalised e-mail>` for people. Whoever may be invented by an attacker (login names that do not exist,
visitors of a link) is hashed into a fixed number of buckets, so that guesses can't grow state. No e-mail begins with
`~`.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

from connectors.egnyte.people import normalise_email
from schemas.activity import Person

Resolver = Callable[[Person], str | None]
"""The normalised e-mail of a person by user id, user name or alias; None for somebody unknown to the directory."""

BUCKETS: Final = 1_024
"""Many enough that one noisy name rarely hides another, few enough that state stays small."""
MAX_CHARS: Final = 320
"""Of the part after the connector: the longest valid e-mail (RFC 3696: 64 + 1 + 255)."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_USER_ID: Final = re.compile(r"[0-9]{1,20}")
_TAIL_CHARS: Final = 32


def user_key(connector: str, person: Person, *, link: str = "", resolver: Resolver | None = None) -> str:
    """The key of `person`, stable for all time.

    | who | key |
    |---|---|
    | a person with an e-mail, or one whom `resolver` knows | `<connector>/<e-mail>` |
    | an account of which only Egnyte's id is known | `<connector>/~id-<id>` |
    | somebody unknown | `<connector>/~unknown-<0..1023>`, by e-mail or name |
    | an anonymous visitor | `<connector>/~anonymous-<0..1023>`, by `link` |
    | Egnyte itself | `<connector>/~system` |
    """
    if person.kind == "system":
        return f"{connector}/~system"
    if person.kind == "anonymous":
        return f"{connector}/~anonymous-{_bucket(link)}"
    resolved = resolver(person) if resolver is not None else None
    email = resolved or (person.email if person.kind == "person" else "")
    if email:
        return f"{connector}/{_safe(normalise_email(email))}"
    if person.kind == "person" and _USER_ID.fullmatch(person.user_id):
        return f"{connector}/~id-{person.user_id}"
    return f"{connector}/~unknown-{_bucket(person.email or normalise_email(person.name))}"


def _bucket(text: str) -> int:
    return int.from_bytes(_digest(text)[:8], "big") % BUCKETS


def _safe(text: str) -> str:
    """`text` without control characters and of bounded length; a hash of the whole keeps different texts apart."""
    if len(text) <= MAX_CHARS and text.isprintable():
        return text
    plain = _CONTROL.sub("_", text)
    if plain == text and len(text) <= MAX_CHARS:
        return text
    return f"{plain[: MAX_CHARS - _TAIL_CHARS - 1]}~{_digest(text).hex()[:_TAIL_CHARS]}"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
