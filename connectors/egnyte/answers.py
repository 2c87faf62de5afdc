"""The body of a page of the audit stream, taken apart without touching its events."""

import re
from typing import Final

import msgspec

from connectors.egnyte.refusals import Malformed


class Page(msgspec.Struct, frozen=True):
    """One answer. `events`: each as the bytes that came. `more`: ask again at once, however few events came.

    `mended`: the body was no JSON as it came. It held halves of surrogate pairs, which no UTF-8 can carry and which
    were replaced by U+FFFD; or broken events, which are among the others (`connectors.egnyte.salvage`).
    """

    events: list[bytes]
    cursor: str
    more: bool
    mended: bool = False


class _Body(msgspec.Struct):
    cursor: str = msgspec.field(name="nextCursor")
    events: list[msgspec.Raw] | None = None
    more: bool = msgspec.field(default=False, name="moreEvents")


_decoder: Final = msgspec.json.Decoder(_Body)

_HIGH, _LOW = rb"u[dD][89abAB][0-9a-fA-F]{2}", rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(rb"\\(?:%b\\%b|(%b|%b)|.)" % (_HIGH, _LOW, _HIGH, _LOW), re.DOTALL)
"""One escape of a JSON text: a pair, half of one (group 1), or any other, which is stepped over."""


def read_page(body: bytes) -> Page:
    """The page in `body`. Raises Malformed where it is none.

    A file name with half a surrogate pair (Windows allows it) makes the whole page undecodable. One person's file must
    not stop the stream, so it is mended.
    """
    try:
        found, mended = _decoder.decode(body), False
    except msgspec.ValidationError as error:
        raise Malformed(f"answer of {len(body)} bytes is not a page of the audit stream: {error}", body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found, mended = _mended(body, error), True
    if not found.cursor:
        raise Malformed(f"answer of {len(body)} bytes has an empty nextCursor", body)
    return Page([bytes(event) for event in found.events or ()], found.cursor, found.more, mended)


def _mended(body: bytes, first_error: Exception) -> _Body:
    whole = _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], body)
    if whole != body:
        try:
            return _decoder.decode(whole)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            first_error = error
    raise Malformed(f"answer of {len(body)} bytes is not JSON: {first_error}", body) from None
