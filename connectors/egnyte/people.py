"""Who Egnyte's person strings speak of: `First Last ( email )`, a bare name, `Anonymous`, `System`, or nothing."""

from typing import Final

from schemas.activity import Person
from schemas.directory import normalised

ANONYMOUS_WORDS: Final = frozenset({"anonymous", "anonymous user"})
SYSTEM_WORDS: Final = frozenset({"system"})
NOBODY_WORDS: Final = frozenset({"", "n/a"})
"""What Egnyte writes where there is no value. Anonymous, system and nobody are assumed wordings."""

CACHED: Final = 65_536
"""Distinct (text, user id) kept: more than a large domain has people; made-up names push the others out at worst."""
CACHED_CHARS: Final = 512
cache: dict[tuple[str, str], Person] = {}


def normalise_email(text: str) -> str:
    """`text` as it is compared and keyed: trimmed, lower case, Unicode NFC."""
    return normalised(text)


def person(text: str, user_id: str = "") -> Person:
    """The person that `text` speaks of; `user_id` is Egnyte's id, empty where it gave none.

    Kind `person`: Egnyte knows the account, for it wrote the e-mail in brackets or an id. A bare name or e-mail without
    an id was typed by somebody, and is `unknown` (its e-mail kept): a login name that does not exist, or the recipient
    of a link.
    """
    key = (text, user_id)
    found = cache.get(key)
    if found is None:
        found = _parsed(text, user_id)
        if len(text) + len(user_id) <= CACHED_CHARS:
            if len(cache) >= CACHED:
                cache.clear()
            cache[key] = found
    return found


def _parsed(text: str, user_id: str) -> Person:
    text, user_id = text.strip(), user_id.strip()
    word = text.casefold()
    known_id = "" if user_id.casefold() in NOBODY_WORDS else user_id
    if word in ANONYMOUS_WORDS:
        return Person(kind="anonymous", name=text, user_id=known_id)
    if word in SYSTEM_WORDS:
        return Person(kind="system", name=text, user_id=known_id)
    if word in NOBODY_WORDS:
        return Person(kind="person" if known_id else "unknown", user_id=known_id)
    name, bracketed = _split(text)
    email = normalise_email(bracketed or (text if _is_email(text) else ""))
    known = bool(bracketed or known_id)
    return Person(kind="person" if known else "unknown", email=email, name=name, user_id=known_id)


def _split(text: str) -> tuple[str, str]:
    """Name and e-mail of `Name ( email )`; the whole text and nothing where it has another form."""
    if text.endswith(")"):
        opening = text.rfind("(")
        inner = text[opening + 1 : -1].strip()
        if opening >= 0 and _is_email(inner):
            return text[:opening].strip(), inner
    return text, ""


def _is_email(text: str) -> bool:
    at = text.find("@")
    return 0 < at < len(text) - 1 and not any(character.isspace() for character in text)
