"""What a field takes, in words, and the name that somebody probably meant."""

import difflib
from collections.abc import Iterable
from typing import Any

from msgspec import inspect

from streams.secret import Secret


def nearest(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest of `known`, or the whole list where none is near."""
    names = sorted(known)
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"did you mean {found[0]!r}?" if found else f"known are {', '.join(names)}"


def allowed(kind: Any) -> str:
    """What a field of this type may hold, e.g. `a whole number from 1 to 9`."""
    return _words(inspect.type_info(kind))


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(extra_json_schema={"description": str(description)}):
            return description
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            limits = f" from {low} to {high}" if high is not None else f" of at least {low}"
            return "a whole number" + ("" if low is None else limits)
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(str(value) for value in values)}"
        case inspect.StrType(min_length=low):
            return "a text that is not empty" if low else "a text"
        case inspect.DateType():
            return "a date such as 2025-01-31"
        case inspect.CustomType(cls=cls) if cls is Secret:
            return "a text"
        case inspect.UnionType(types=types):
            return " or ".join(_words(each) for each in types if not isinstance(each, inspect.NoneType))
        case _:
            raise NotImplementedError(f"no words for {info!r}")
