"""YAML text as values that know their lines, and the reader that collects every mistake in them.

Scalars stay the text that people wrote: YAML 1.1 would make `NO` (Norway) false and `09:30` the number 570. Anchors and
aliases are refused: nobody needs them here, and a small text could grow without end.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from detections.settings import Mistake, among

MAX_CHARS: Final = 1_000_000
MAX_DEPTH: Final = 32

_DURATION: Final = re.compile(r"(\d{1,9}) ?(ms|s|min|h|d)")
UNITS_MS: Final = {"ms": 1, "s": 1_000, "min": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


class Problem(Mistake, frozen=True):
    """A mistake with its place. `line`: from 1. `note`: worth knowing, and no obstacle."""

    file: str = ""
    line: int = 0
    note: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field} {self.problem}; {self.advice}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text; `null` where nothing was written."""

    text: str
    line: int
    null: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    values: tuple["Value", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; keys are texts. `lines`: of the keys."""

    entries: Mapping[str, "Value"]
    lines: Mapping[str, int]
    line: int


Value = Scalar | Items | Table


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="an alias (*name) is not allowed here; write the value again",
                problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        return super().compose_node(parent, index)


def parse(text: str, file: str) -> tuple[Table | None, list[Problem]]:
    """The mapping that `text` holds, with what is wrong in its form; None where it can't be read at all."""
    if len(text) > MAX_CHARS:
        return None, [Problem("file", f"has {len(text):,} characters", f"at most {MAX_CHARS:,}", file, 1)]
    problems: list[Problem] = []
    try:
        node = _Loader(text).get_single_node()
        value = None if node is None else _located(node, file, problems, "", 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        return None, [Problem("file", f"is not YAML: {error.problem or error.context}", "correct it here", file, line)]
    except (yaml.YAMLError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        return None, [Problem("file", f"is not YAML: {reason}", "correct it", file, 1)]
    if not isinstance(value, Table):
        problems.append(Problem("file", "holds no settings by name", "begin with `id: my_policy`", file, 1))
        return None, problems
    return value, problems


def has_content(text: str) -> bool:
    """Whether there is anything in `text` but comments."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _located(node: yaml.Node, file: str, problems: list[Problem], path: str, depth: int) -> Value:
    line = node.start_mark.line + 1
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(node, yaml.ScalarNode):
        return Scalar(str(node.value), line, null=node.tag == "tag:yaml.org,2002:null")
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(_located(each, file, problems, path, depth + 1) for each in node.value), line)
    entries: dict[str, Value] = {}
    lines: dict[str, int] = {}
    for key, inner in node.value:
        at = key.start_mark.line + 1
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        field = f"{path}.{name}" if path else name
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(path or "file", "has a name that is no text", "write `name: value`", file, at))
            continue
        if name in entries:
            problems.append(Problem(field, f"stands here twice, first in line {lines[name]}", "keep one", file, at))
            continue
        entries[name], lines[name] = _located(inner, file, problems, field, depth + 1), at
    return Table(entries, lines, line)


def plain(value: Value | None) -> Any:
    """`value` without its lines."""
    if value is None or isinstance(value, Scalar):
        return None if value is None or value.null else value.text
    if isinstance(value, Items):
        return [plain(each) for each in value.values]
    return {name: plain(each) for name, each in value.entries.items()}


class Reader:
    """Reads values of `file` and collects every mistake. Methods return None for what they can't use, having said why.

    `lists`: named lists; `@name` among several texts stands for all of that list.
    """

    def __init__(self, file: str, lists: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.file = file
        self.lists = lists or {}
        self.problems: list[Problem] = []
        self.used: dict[str, tuple[str, ...]] = {}
        """Lists that texts named, with what they stand for."""

    def wrong(self, line: int, field: str, problem: str, advice: str, *, note: bool = False) -> None:
        """Takes note of a mistake."""
        self.problems.append(Problem(field, problem, advice, self.file, line, note))

    def table(self, value: Value | None, field: str, known: Collection[str]) -> dict[str, Value]:
        """The entries of a mapping whose names are `known`; of any names where `known` is empty."""
        if value is None or (isinstance(value, Scalar) and value.null):
            return {}
        if not isinstance(value, Table):
            self.wrong(value.line, field or "file", f"is {shown(value)}", "expected settings by name")
            return {}
        for name in value.entries:
            if known and name not in known:
                inner = f"{field}.{name}" if field else name
                self.wrong(value.lines[name], inner, "is no setting here", among(name, known))
        return {name: each for name, each in value.entries.items() if not known or name in known}

    def text(self, value: Value | None, field: str) -> str | None:
        """One text that is not empty."""
        if value is None:
            return None
        if not isinstance(value, Scalar) or not value.text.strip():
            self.wrong(value.line, field, f"is {shown(value)}", "expected a text")
            return None
        return value.text.strip()

    def choice(self, value: Value | None, field: str, choices: Collection[str]) -> str | None:
        """One of `choices`."""
        text = self.text(value, field)
        if text is None or value is None:
            return None
        return self.one_of(text, value.line, field, choices)

    def one_of(self, text: str, line: int, field: str, choices: Collection[str]) -> str | None:
        """`text`, which must be one of `choices`."""
        if text not in choices:
            self.wrong(line, field, f"is {text!r}", among(text, choices))
            return None
        return text

    def flag(self, value: Value | None, field: str) -> bool | None:
        """True or false."""
        if value is None:
            return None
        text = value.text.casefold() if isinstance(value, Scalar) else ""
        if text not in ("true", "false"):
            self.wrong(value.line, field, f"is {shown(value)}", "expected true or false")
            return None
        return text == "true"

    def whole(self, value: Value | None, field: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        if value is None:
            return None
        text = value.text.replace("_", "") if isinstance(value, Scalar) else ""
        if not re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
            self.wrong(value.line, field, f"is {shown(value)}", f"expected a whole number from {low:,} to {high:,}")
            return None
        if not low <= int(text) <= high:
            self.wrong(value.line, field, f"is {text}", f"allowed are {low:,} to {high:,}")
            return None
        return int(text)

    def duration(self, value: Value | None, field: str, low_ms: int, high_ms: int) -> int | None:
        """A span of time such as `90 s`, `5 min`, `1 h`, in ms."""
        if value is None:
            return None
        found = _DURATION.fullmatch(value.text.strip()) if isinstance(value, Scalar) else None
        if found is None:
            self.wrong(value.line, field, f"is {shown(value)}", "expected a time such as '30 s', '5 min' or '1 h'")
            return None
        span = int(found[1]) * UNITS_MS[found[2]]
        if not low_ms <= span <= high_ms:
            allowed = f"allowed are {_span(low_ms)} to {_span(high_ms)}"
            self.wrong(value.line, field, f"is {shown(value)}", allowed)
            return None
        return span

    def texts(self, value: Value | None, field: str, *, empty: bool = False) -> list[tuple[str, int]]:
        """One text or several, each with its line; `@name` stands for the list of that name. `empty`: none will do."""
        if value is None:
            return []
        if isinstance(value, Table) or (isinstance(value, Items) and not value.values and not empty):
            self.wrong(value.line, field, f"is {shown(value)}", "expected a text, or a list of texts")
            return []
        each_of: Sequence[Value] = value.values if isinstance(value, Items) else (value,)
        return [found for each in each_of for found in self._expanded(each, field)]

    def _expanded(self, value: Value, field: str) -> Iterator[tuple[str, int]]:
        text = self.text(value, field)
        if text is None:
            return
        if not text.startswith("@"):
            yield text, value.line
        elif text[1:] in self.lists:
            self.used[text] = self.lists[text[1:]]
            yield from ((each, value.line) for each in self.lists[text[1:]])
        else:
            known = [f"@{name}" for name in self.lists]
            advice = among(text, known) if known else "organisation.yaml names no lists"
            self.wrong(value.line, field, f"is the unknown list {text!r}", advice)


def shown(value: Value) -> str:
    """`value` as it is told to people, cut to a line."""
    text = "empty" if isinstance(value, Scalar) and not value.text else repr(plain(value))
    return text if len(text) <= 60 else f"{text[:59]}…"


def _span(span_ms: int) -> str:
    unit = next(unit for unit in ("d", "h", "min", "s", "ms") if span_ms % UNITS_MS[unit] == 0)
    return f"{span_ms // UNITS_MS[unit]} {unit}"
