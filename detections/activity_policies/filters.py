"""Filters, read and compiled: an AND of attributes, each with its OR-ed values, as one closure.

What denies (`neq`, `not_...`) keeps activities that lack the attribute. Cheap tests come first, so that an activity
that does not match is let go early.
"""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Final, NamedTuple

from detections.activity_policies.attributes import ATTRIBUTES, JUDGED_TYPES, Attribute, operators
from detections.activity_policies.conditions import Test, Weighed, condition
from detections.activity_policies.document import Items, Reader, Scalar, Table, Value, shown
from detections.activity_policies.organisation import Organisation

ANY: Final = "any"
BECAUSE: Final = "because"


class Reason(NamedTuple):
    """`words`: what a finding says where `holds`."""

    words: str
    holds: Test


class Filters(NamedTuple):
    """`types`: activity types that can match at all. `test`: the rest. `flags`: whether flags are asked about.
    `reasons`: alternatives that say why they are one.
    """

    types: frozenset[str]
    tests: tuple[Weighed, ...]
    flags: bool
    reasons: tuple[Reason, ...] = ()


def read_filters(value: Value | None, reader: Reader, organisation: Organisation, zone: tzinfo = UTC) -> Filters:
    """The filters that `value` asks for; what is wrong goes to `reader`."""
    types, tests, flags = frozenset(JUDGED_TYPES), list[Weighed](), False
    reasons: list[Reason] = []
    for name, given in reader.table(value, "filters", (*ATTRIBUTES, ANY)).items():
        field = f"filters.{name}"
        if name == ANY:
            tests += _alternatives(given, field, reader, organisation, zone, reasons)
        elif name == "type":
            types &= _types(given, field, reader)
        else:
            flags |= name == "flag"
            tests += _conditions(name, given, field, reader, organisation, zone)
    return Filters(types, tuple(tests), flags, tuple(reasons))


def every(tests: Sequence[Weighed]) -> Test:
    """All of `tests`, the cheapest first, as one."""
    return _joined([each.test for each in sorted(tests, key=lambda each: each.weight)])


def _joined(tests: Sequence[Test]) -> Test:
    match tests:
        case []:
            return lambda _, __: True
        case [only]:
            return only
        case [first, second]:
            return lambda activity, user: first(activity, user) and second(activity, user)
        case [first, second, *others]:
            rest = _joined(others)
            return lambda activity, user: first(activity, user) and second(activity, user) and rest(activity, user)
    raise AssertionError("a sequence has one of these forms")


def _alternatives(
    value: Value, field: str, reader: Reader, organisation: Organisation, zone: tzinfo, reasons: list[Reason]
) -> list[Weighed]:
    """One test for all of them; those that say why they are one go to `reasons`."""
    if not isinstance(value, Items) or not value.values:
        reader.wrong(value.line, field, f"is {shown(value)}", "expected a list of filters, of which one is enough")
        return []
    found = []
    for number, each in enumerate(value.values):
        tests: list[Weighed] = []
        where = f"{field}[{number}]"
        entries = reader.table(each, where, (*ATTRIBUTES, BECAUSE))
        because = reader.text(entries.get(BECAUSE), f"{where}.{BECAUSE}")
        for name, given in entries.items():
            if name != BECAUSE:
                tests += _conditions(name, given, f"{where}.{name}", reader, organisation, zone)
        found.append(Weighed(sum(test.weight for test in tests), every(tests)))
        if because is not None:
            reasons.append(Reason(because, found[-1].test))
    return [Weighed(sum(each.weight for each in found), _either([each.test for each in found]))]


def _either(tests: Sequence[Test]) -> Test:
    match tests:
        case [only]:
            return only
        case [first, second]:
            return lambda activity, user: first(activity, user) or second(activity, user)
    return lambda activity, user: any(test(activity, user) for test in tests)


def _types(given: Value, field: str, reader: Reader) -> frozenset[str]:
    types = set(JUDGED_TYPES)
    for operator, value, where in _operations("type", ATTRIBUTES["type"], given, field, reader):
        named = {text for text, line in reader.texts(value, where) if reader.one_of(text, line, where, JUDGED_TYPES)}
        if operator == "eq":
            types &= named
        elif operator == "neq":
            types -= named
        else:
            reader.wrong(value.line, where, "is always so", "every activity has a type; use eq or neq")
    return frozenset(types)


def _operations(
    name: str, attribute: Attribute, given: Value, field: str, reader: Reader
) -> list[tuple[str, Value, str]]:
    """The operators of a condition, each with its value and where it stands. A bare value means `eq`, or `in`."""
    if not isinstance(given, Table):
        if name == "client" and isinstance(given, Scalar) and given.text == "new":
            return [("is_new", Scalar("true", given.line), field)]
        return [("in" if attribute.kind == "span" else "eq", given, field)]
    if not given.entries:
        reader.wrong(given.line, field, "is empty", "name an operator, such as eq")
    known = operators(name, attribute)
    return [(each, value, f"{field}.{each}") for each, value in reader.table(given, field, tuple(known)).items()]


def _conditions(
    name: str, given: Value, field: str, reader: Reader, organisation: Organisation, zone: tzinfo
) -> list[Weighed]:
    attribute = ATTRIBUTES[name]
    found = []
    for operator, value, where in _operations(name, attribute, given, field, reader):
        positive, denied = operators(name, attribute)[operator]
        before = len(reader.problems)
        made = condition(name, attribute, positive, value, where, reader, organisation, zone)
        if made is None or any(not problem.note for problem in reader.problems[before:]):
            continue
        if attribute.needs == "directory":
            found.append(_where_known(made, denied=denied))
        else:
            found.append(_denied(made) if denied else made)
    if attribute.needs == "directory" and not organisation.directory:
        reader.wrong(given.line, field, "needs a directory, and none is connected", "never matches", note=True)
    return found


def _denied(made: Weighed) -> Weighed:
    test = made.test
    return Weighed(made.weight + 4, lambda activity, user: not test(activity, user))  # keeps most activities


def _where_known(made: Weighed, *, denied: bool) -> Weighed:
    """Of somebody whom the directory does not know, neither this nor its opposite can be said."""
    test = made.test
    return Weighed(
        made.weight + 1, lambda activity, user: activity.account is not None and test(activity, user) is not denied
    )
