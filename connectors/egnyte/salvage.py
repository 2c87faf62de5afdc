"""A page with a broken event in it: what can be read, and the broken pieces as they are.

Used only once the same question has been answered so several times, for the network may have cut an answer short. A
page is understood when all around its events is: then every byte of it belongs to an event or to a piece that becomes a
dead letter, and the cursor may go on. One broken event must not stop the stream for ever.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from connectors.egnyte.answers import Page, read_page
from connectors.egnyte.refusals import Malformed

_OPENING: Final = re.compile(rb'"events"\s*:\s*\[')
_NEXT_EVENT: Final = re.compile(r',\s*(?=\{\s*")')
_SPACE: Final = re.compile(r"\s*")
_COMMA: Final = re.compile(r"\s*,\s*")

_scan: Final = json.JSONDecoder(strict=False).raw_decode


def salvage(body: bytes) -> Page | None:
    """The page in `body` with its broken pieces among the events; None where what is around the events can't be read
    either.
    """
    opening, closing = _OPENING.search(body), body.rfind(b"]")
    if opening is None or closing < opening.end():
        return None
    try:
        around = read_page(body[: opening.end()] + body[closing:])
    except Malformed:
        return None
    inner = body[opening.end() : closing].decode(errors="surrogateescape")
    events = [piece.encode(errors="surrogateescape") for piece in _pieces(inner)]
    return Page(events, around.cursor, around.more, mended=True)


def _pieces(text: str) -> Iterator[str]:
    """The events of `text`, and what lies between two that can be read."""
    at = _after(_SPACE, text, 0)
    while at < len(text):
        end = _end_of_event(text, at)
        if end is None:
            end = _end_of_broken(text, at)
        yield text[at:end].rstrip()
        at = _after(_COMMA, text, end)


def _end_of_event(text: str, at: int) -> int | None:
    """Where the JSON value at `at` ends, if it is one and another or nothing follows."""
    try:
        _, end = _scan(text, at)
    except (ValueError, RecursionError):
        return None
    rest = _after(_SPACE, text, end)
    return end if rest == len(text) or text[rest] == "," else None


def _end_of_broken(text: str, at: int) -> int:
    """Where the next event that can be read begins, less the comma before it; or the end."""
    for comma in _NEXT_EVENT.finditer(text, at + 1):
        if _end_of_event(text, comma.end()) is not None:
            return comma.start()
    return len(text)


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
