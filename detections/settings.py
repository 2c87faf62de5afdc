"""Settings of built-in policies: typed, with bounds, and checked so that a mistake is told with what would be right."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import inspect

from detections.model import Raise, Severity
from schemas.governance import Action

Sensitivity = Literal["low", "medium", "high"]


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True, rename={"raises": "raise"}):
    """What every policy lets people tune. `raises`: whether findings are alerts or only behaviors. `govern`: governance
    actions that its findings ask for.
    """

    enabled: bool = True
    raises: Raise = "alert"
    severity: Severity = "medium"
    govern: tuple[Action, ...] = ()


S = TypeVar("S", bound=PolicySettings)


class Mistake(msgspec.Struct, frozen=True):
    """One wrong setting. `field`: its path, such as `impossible_travel.sensitivity`. `advice`: what would be right."""

    field: str
    problem: str
    advice: str

    def __str__(self) -> str:
        return f"{self.field} {self.problem}; {self.advice}"


def build(settings: type[S], given: Any, where: str) -> tuple[S, list[Mistake]]:
    """The settings of type `settings` that `given` asks for, defaults where it is silent or wrong; and all mistakes."""
    if given is None:
        return settings(), []
    if not isinstance(given, Mapping):
        return settings(), [Mistake(where, f"is {given!r}", "expected settings by name")]
    fields = {each.encode_name: each for each in inspect.type_info(settings).fields}  # type: ignore[attr-defined]
    mistakes, good = [], {}
    for name, value in given.items():
        path = f"{where}.{name}"
        if name not in fields:
            mistakes.append(Mistake(path, "is no setting", among(str(name), fields)))
            continue
        wrong = list(_check(fields[name].type, value, path))
        if wrong:
            mistakes += wrong
        else:
            good[name] = value
    return msgspec.convert(good, settings), mistakes


def _check(kind: inspect.Type, value: Any, path: str) -> Iterator[Mistake]:
    match kind:
        case inspect.LiteralType(values=values):
            if value not in values:
                yield Mistake(path, f"is {_shown(value)}", among(str(value), values))
        case inspect.BoolType():
            if not isinstance(value, bool):
                yield Mistake(path, f"is {_shown(value)}", "expected true or false")
        case inspect.IntType() | inspect.FloatType():
            yield from _check_number(kind, value, path)
        case inspect.VarTupleType(item_type=item_type):
            if not isinstance(value, list | tuple):
                yield Mistake(path, f"is {_shown(value)}", "expected a list")
                return
            for index, item in enumerate(value):
                yield from _check(item_type, item, f"{path}[{index}]")
        case _:
            try:
                msgspec.convert(value, str)
            except msgspec.ValidationError:
                yield Mistake(path, f"is {_shown(value)}", "expected text")


def _check_number(kind: inspect.IntType | inspect.FloatType, value: Any, path: str) -> Iterator[Mistake]:
    whole = isinstance(kind, inspect.IntType)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        yield Mistake(path, f"is {_shown(value)}", f"expected a {'whole number' if whole else 'number'}")
    elif kind.ge is not None and not value >= kind.ge:  # not-a-number is nothing
        yield Mistake(path, f"is {value}", f"the smallest allowed is {kind.ge:g}")
    elif kind.le is not None and not value <= kind.le:
        yield Mistake(path, f"is {value}", f"the largest allowed is {kind.le:g}")


def bounds(settings: type[PolicySettings]) -> Iterator[tuple[str, str, str]]:
    """Name, default and allowed values of each setting, in words."""
    for each in inspect.type_info(settings).fields:  # type: ignore[attr-defined]
        yield each.encode_name, _worded(each.default), _allowed(each.type)


def _worded(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _allowed(kind: inspect.Type) -> str:
    match kind:
        case inspect.LiteralType(values=values):
            return ", ".join(str(value) for value in values if value != "")
        case inspect.BoolType():
            return "true, false"
        case inspect.IntType(ge=low, le=high) | inspect.FloatType(ge=low, le=high):
            return f"{low:,} to {high:,}" if low is not None and high is not None else "a number"
        case inspect.VarTupleType(item_type=inner):
            return f"a list of: {_allowed(inner)}"
    return "text"


def among(text: str, known: Iterable[Any]) -> str:
    """Advice for `text`, which is none of `known`: the nearest of them, or all where none is near."""
    names = [str(each) for each in known]
    near = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
