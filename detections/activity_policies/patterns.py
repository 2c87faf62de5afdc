"""Tests of one text: equal, begins with, ends with, in a folder, has the words, matches a glob. Case never counts.

Each function returns a test of a text in lower case. Patterns are written by people, the texts by anybody: none takes
more than time proportional to pattern times text (for `**`, times the text again).
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

TextTest = Callable[[str], bool]

MAX_DEEP: Final = 2
"""`**` in one glob."""
_WORD_BEGINS: Final = r"(?<![^\W_])"
_WORD_ENDS: Final = r"(?![^\W_])"
_BETWEEN_WORDS: Final = r"[\W_]++"


def equals(values: Iterable[str]) -> TextTest:
    """Is one of `values`."""
    return frozenset(value.lower() for value in values).__contains__


def starts_with(values: Iterable[str]) -> TextTest:
    """Begins with one of `values`."""
    heads = tuple(value.lower() for value in values)
    return lambda text: text.startswith(heads)


def ends_with(values: Iterable[str]) -> TextTest:
    """Ends with one of `values`."""
    tails = tuple(value.lower() for value in values)
    return lambda text: text.endswith(tails)


def under(values: Iterable[str]) -> TextTest:
    """Is one of the folders `values`, or anything in it."""
    folders = tuple(value.lower().rstrip("/") + "/" for value in values)
    return lambda text: f"{text}/".startswith(folders)


def contains_words(values: Iterable[str]) -> TextTest:
    """Has the words of one of `values` side by side. Whatever is neither letter nor digit stands between words."""
    search = re.compile("|".join(_words(value.lower()) for value in values)).search
    return lambda text: search(text) is not None


def _words(value: str) -> str:
    words = [re.escape(word) for word in re.split(r"[\W_]+", value) if word]
    if not words:  # signs only: as they are
        return re.escape(value)
    return _WORD_BEGINS + _BETWEEN_WORDS.join(words) + _WORD_ENDS


def matches_glob(values: Iterable[str]) -> TextTest:
    """Matches one of the globs `values` as a whole.

    `*`: anything but `/`; `?`: one such character; `**`: anything, `/` too; `**/`: any folders or none.
    """
    match = re.compile("|".join(_glob(value.lower()) for value in values), re.DOTALL).fullmatch
    return lambda text: match(text) is not None


def _glob(pattern: str) -> str:
    parts = pattern.split("/")
    made = []
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            made.append(".*" if last else "(?:.*/)?")
        else:
            made.append(_segment(part) + ("" if last else "/"))
    return "".join(made)


def _segment(part: str) -> str:
    """One name of a path. What stands between two stars is sought once, from the left (an atomic group): that finds
    whatever there is to find, and never goes back."""
    first, *rest = [_literal(piece) for piece in re.split(r"\*+", part)]
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"


def _literal(piece: str) -> str:
    return "".join("[^/]" if each == "?" else re.escape(each) for each in piece)
