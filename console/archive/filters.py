"""Filters as in activity policies, as SQL: the same attributes, operators and meanings, over the archive.

A filter is `attribute[.operator] = value`; several values of one are alternatives, several filters must all hold. What
denies keeps activities that lack the attribute, as in policies. Values only ever become parameters.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from console.archive.tables import address_key
from detections.activity_policies.attributes import ATTRIBUTES, Attribute, operators
from detections.activity_policies.moments import WEEKDAYS, span_of, zone_of
from detections.settings import among
from schemas.activity import TYPES
from streams.errors import Refused

MAX_VALUES: Final = 500
_EVERY: Final = (
    "action", "path", "target_path", "info", "client", "group_name", "actor_email", "actor_name", "actor_id",
    "subject_email", "subject_name", "subject_id", "city", "organisation",
)  # fmt: skip
_EVERY_TEXT: Final = f"concat_ws(chr(10), {', '.join(_EVERY)})"
_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "actor": ("actor_email", "actor_name", "actor_id"),
    "subject": ("subject_email", "subject_name", "subject_id"),
    "person": ("actor_email", "actor_name", "actor_id", "subject_email", "subject_name", "subject_id"),
    "domain": ("split_part(actor_email, '@', -1)",),
    "subject_domain": ("split_part(subject_email, '@', -1)",),
    "group": ("group_name",),
    "name": ("split_part(path, '/', -1)",),
    "target_name": ("split_part(target_path, '/', -1)",),
    "extension": ("regexp_extract(path, '\\.([^./]*)$', 1)",),
    "target_extension": ("regexp_extract(target_path, '\\.([^./]*)$', 1)",),
    "isp": ("organisation",),
    "text": (_EVERY_TEXT,),
}
"""Where an attribute is not the column of its name."""
_EVERYTHING: Final = replace(ATTRIBUTES["type"], choices=TYPES)
"""Verdicts, marks and changes of the directory are in the audit trail, though policies judge none of them."""
_LISTS: Final = {"ip_tag": "ip_tags", "flag": "flags", "actor_group": "groups"}
_KNOWN: Final = "external IS NOT NULL"
"""Whether the directory knew the actor."""
_COMPARED: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_ONLY_STREAMS: Final = {
    "is_new": "whether a client was new is known to the stream alone: search for findings of `new_client`"
}
_LOCAL: Final = "timezone(?, make_timestamptz(time_ms * 1000))"
_WORDS: Final = r"' ' || regexp_replace({}, '[^\pL\pN]+', ' ', 'g') || ' '"


class Condition(NamedTuple):
    """A piece of SQL, and its parameters in order."""

    sql: str
    values: tuple[object, ...] = ()


def conditions(filters: Iterable[tuple[str, str]], *, domains: Sequence[str] = (), zone: str = "UTC") -> Condition:
    """All of `filters` as one condition. `domains`: the organisation's own. `zone`: of times of day.

    Raises Refused, naming the filter and the nearest valid word.
    """
    if zone_of(zone) is None:
        raise Refused(f"zone {zone!r} is unknown: give one such as Europe/Berlin")
    grouped: dict[tuple[str, str], list[str]] = {}
    for given, value in filters:
        grouped.setdefault(_named(given), []).append(value)
    made = [_condition(name, operator, values, domains, zone) for (name, operator), values in grouped.items()]
    if not made:
        return Condition("true")
    return Condition(" AND ".join(each.sql for each in made), tuple(value for each in made for value in each.values))


def _named(given: str) -> tuple[str, str]:
    name, _, operator = given.partition(".")
    attribute = ATTRIBUTES.get(name)
    if attribute is None:
        raise Refused(f"there is no filter {name!r}: {among(name, tuple(ATTRIBUTES))}")
    operator = operator or ("in" if attribute.kind == "span" else "eq")
    if operator in _ONLY_STREAMS:
        raise Refused(f"{given}: {_ONLY_STREAMS[operator]}")
    known = tuple(each for each in operators(name, attribute) if each not in _ONLY_STREAMS)
    if name == "type":
        known = ("eq", "neq")  # every activity has one
    if operator not in known:
        raise Refused(f"{name} knows no {operator!r}: {among(operator, known)}")
    return name, operator


def _condition(name: str, operator: str, values: list[str], domains: Sequence[str], zone: str) -> Condition:
    attribute = _EVERYTHING if name == "type" else ATTRIBUTES[name]
    where = f"{name}.{operator}"
    if len(values) > MAX_VALUES:
        raise Refused(f"{where} has {len(values)} values: at most {MAX_VALUES}")
    positive, denied = operators(name, attribute)[operator]
    if positive == "is_set":
        made = _whether_set(name, attribute)
        denied ^= not _flag(values, where)
    elif attribute.kind == "flag":
        asked = _whether(name, domains, where)
        made = Condition(f"({asked.sql}) = {_flag(values, where)}", asked.values)
    else:
        made = _positive(name, attribute, positive, values, zone, where)
    if not denied:
        return Condition(f"({made.sql})", made.values)
    # Of somebody whom the directory does not know, neither this nor its opposite can be said.
    known = f" AND {_KNOWN}" if attribute.needs == "directory" else ""
    return Condition(f"NOT coalesce({made.sql}, false){known}", made.values)


def _flag(values: Sequence[str], where: str) -> bool:
    if len(values) != 1 or values[0].lower() not in ("true", "false"):
        raise Refused(f"{where} is {' '.join(values)!r}: expected true or false")
    return values[0].lower() == "true"


def _expressions(name: str) -> tuple[str, ...]:
    return _TEXTS.get(name, (f'"{name}"',))


def _whether_set(name: str, attribute: Attribute) -> Condition:
    if name in _LISTS:
        return Condition(f"len({_LISTS[name]}) > 0")
    if attribute.kind == "number":
        return Condition(f"{name} > 0" if name == "asn" else f"{name} >= 0")
    return Condition(" OR ".join(f"{each} <> ''" for each in _expressions(name)))


def _whether(name: str, domains: Sequence[str], where: str) -> Condition:
    if name not in ("external", "subject_external"):
        return Condition(f'"{name}"')
    by_domain = "actor_email" if name == "external" else "subject_email"
    if not domains:
        if name == "external":
            return Condition("external")
        raise Refused(f"{where} needs the organisation's domains: name them in organisation.yaml")
    foreign = f"CASE WHEN {by_domain} <> '' THEN NOT list_contains(?, split_part({by_domain}, '@', -1)) END"
    return Condition(f"coalesce(external, {foreign})" if name == "external" else foreign, (list(domains),))


def _positive(name: str, attribute: Attribute, operator: str, values: list[str], zone: str, where: str) -> Condition:
    match attribute.kind:
        case "choice" | "choices":
            wrong = next((value for value in values if value not in attribute.choices), None)
            if wrong is not None:
                raise Refused(f"{where} is {wrong!r}: {among(wrong, attribute.choices)}")
            if name in _LISTS:
                return Condition(f"list_has_any({_LISTS[name]}, ?)", (values,))
            return Condition(f'list_contains(?, "{name}")', (values,))
        case "number":
            return _number(name, operator, values, where)
        case "address":
            return _address(operator, values, where)
        case "span":
            return _span(values, zone, where)
        case "weekday":
            wrong = next((value for value in values if value not in WEEKDAYS), None)
            if wrong is not None:
                raise Refused(f"{where} is {wrong!r}: {among(wrong, WEEKDAYS)}")
            days = [WEEKDAYS.index(value) + 1 for value in values]
            return Condition(f"list_contains(?, isodow({_LOCAL}))", (days, zone))
    if name in _LISTS:
        one = _text("lambda_text", operator, values, name)
        return Condition(f"len(list_filter({_LISTS[name]}, lambda lambda_text: {one.sql})) > 0", one.values)
    made = [_text(each, operator, values, name) for each in _expressions(name)]
    return Condition(" OR ".join(each.sql for each in made), tuple(value for each in made for value in each.values))


def _text(expression: str, operator: str, values: Sequence[str], name: str) -> Condition:
    folded, lower = [value.lower() for value in values], f"lower({expression})"
    if name.endswith("extension"):
        folded = [value.removeprefix(".") for value in folded]
    there = f"{expression} <> '' AND "
    match operator:
        case "eq":
            return Condition(f"({there}list_contains(?, {lower}))", (folded,))
        case "startswith" | "endswith" | "under":
            test, text = {
                "startswith": ("starts_with", lower),
                "endswith": ("ends_with", lower),
                "under": ("starts_with", f"{lower} || '/'"),
            }[operator]
            if operator == "under":
                folded = [value.rstrip("/") + "/" for value in folded]
            either = " OR ".join(f"{test}({text}, ?)" for _ in folded)
            return Condition(f"({there}({either}))", tuple(folded))
        case "contains":
            words = [" ".join(each for each in re.split(r"[\W_]+", value) if each) for value in folded]
            parts = _EVERY if expression == _EVERY_TEXT else (expression,)
            made = [_phrase(lower, parts, each, value) for each, value in zip(words, folded, strict=True)]
            either = " OR ".join(each.sql for each in made)
            return Condition(f"({either})", tuple(value for each in made for value in each.values))
    pattern = "|".join(glob_as_regex(value) for value in folded)
    return Condition(f"({there}regexp_full_match({lower}, ?, 's'))", (pattern,))


def _phrase(lower: str, parts: Sequence[str], words: str, value: str) -> Condition:
    """Whether `words` follow each other in the text `lower`, which is put together from `parts`; where `value` has no
    words, whether it is in it."""
    if not words:
        return Condition(f"({lower} <> '' AND contains({lower}, ?))", (value,))
    # Few rows have all the words at all: only those are put together and taken apart, which costs ten times as much.
    each = tuple(dict.fromkeys(words.split()))
    anywhere = " OR ".join(f"contains(lower({part}), ?)" for part in parts)
    there = " AND ".join(f"({anywhere})" for _ in each)
    sought = tuple(word for word in each for _ in parts)
    return Condition(f"({there} AND contains({_WORDS.format(lower)}, ?))", (*sought, f" {words} "))


def glob_as_regex(glob: str) -> str:
    """A policy's glob as a regular expression for DuckDB, whose engine (RE2) never goes back."""
    made = []
    parts = glob.split("/")
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            made.append(".*" if last else "(?:.*/)?")
            continue
        pieces = [
            "".join("[^/]" if each == "?" else re.escape(each) for each in piece) for piece in re.split(r"\*+", part)
        ]
        made.append("[^/]*".join(pieces) + ("" if last else "/"))
    return "(?:" + "".join(made) + ")"


def _number(name: str, operator: str, values: Sequence[str], where: str) -> Condition:
    try:
        numbers = [int(value) for value in values]
    except ValueError:
        raise Refused(f"{where} is {' '.join(values)!r}: expected a whole number") from None
    known = f"{name} > 0" if name == "asn" else f"{name} >= 0"
    if operator == "eq":
        return Condition(f"{known} AND list_contains(?, {name})", (numbers,))
    if len(numbers) > 1:
        raise Refused(f"{where} has several values: it takes one")
    return Condition(f"{known} AND {name} {_COMPARED[operator]} ?", (numbers[0],))


def _address(operator: str, values: Sequence[str], where: str) -> Condition:
    if operator == "startswith":
        return Condition(" OR ".join("starts_with(ip, ?)" for _ in values), tuple(value.lower() for value in values))
    made, given = [], list[object]()
    for value in values:
        try:
            block = ipaddress.ip_network(value)
        except ValueError as error:
            hint = "expected an address or a block such as 198.51.100.0/24"
            if "has host bits set" in str(error):
                hint = f"did you mean {ipaddress.ip_network(value, strict=False)}?"
            raise Refused(f"{where} is {value!r}: {hint}") from None
        if block.num_addresses == 1:
            made.append("ip = ?")
            given.append(str(block.network_address))
            continue
        inside = _in_block(block)
        made.append(inside.sql)
        given += inside.values
    return Condition(" OR ".join(made), tuple(given))


def _in_block(block: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Condition:
    first, last = address_key(str(block.network_address)), address_key(str(block.broadcast_address))
    # IPv4 addresses lie within ::/0 as text, but no IPv6 block holds them.
    family = "AND NOT starts_with(ip_key, repeat('0', 20) || 'ffff')" if block.version == 6 else ""
    return Condition(f"(ip_key BETWEEN ? AND ? {family})", (first, last))


def _span(values: Sequence[str], zone: str, where: str) -> Condition:
    made, given = [], list[object]()
    minute = f"(hour({_LOCAL}) * 60 + minute({_LOCAL}))"
    for value in values:
        span = span_of(value)
        if span is None:
            raise Refused(f"{where} is {value!r}: expected a time of day such as 22:00-06:00")
        start, end = span
        joined = "AND" if start < end else "OR"
        made.append(f"({minute} >= {start} {joined} {minute} < {end})")
        given += [zone] * 4
    return Condition(" OR ".join(made), tuple(given))
