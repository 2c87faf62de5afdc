"""Checks a record against OCSF 1.8.0's own rules for a Detection Finding, kept as data in `ocsf_1_8_0.json`.

It knows what JSON Schemas of one version of OCSF do not say: attributes of profiles that were not applied, deprecated
attributes, captions beside ids, `at_least_one` and `just_one`.
"""

import json
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

RULES: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("ocsf_1_8_0.json").read_text())
CLASS_UID: Final = 2004
OTHER: Final = 99
"""The id whose caption is the source's own."""


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


BASES: Final[dict[str, Callable[[Any], bool]]] = {
    "string_t": lambda value: isinstance(value, str),
    "boolean_t": lambda value: isinstance(value, bool),
    "integer_t": _is_integer,
    "long_t": lambda value: _is_integer(value) and -(2**63) <= value < 2**63,
    "float_t": lambda value: _is_integer(value) or isinstance(value, float),
    "json_t": lambda value: True,
    "object": lambda value: isinstance(value, dict),
}


def problems(record: dict[str, Any]) -> list[str]:
    """Everything that is wrong with `record`, as `path: what`; empty where OCSF 1.8.0 allows it."""
    profiles = set(record.get("metadata", {}).get("profiles", ()))
    found = list(_object(record, RULES["class"], "", profiles))
    if record.get("type_uid") != CLASS_UID * 100 + record.get("activity_id", 0):
        found.append("type_uid: is not class_uid * 100 + activity_id")
    return found


def _object(value: Any, rules: dict[str, Any], path: str, profiles: set[str]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: is not an object"
        return
    attributes = rules["attributes"]
    for name, rule in attributes.items():
        applies = rule.get("profile") in (None, *profiles)
        if applies and rule["requirement"] == "required" and name not in value:
            yield f"{path}{name}: is required"
    for kind, wanted in rules.get("constraints", {}).items():
        given = [name for name in wanted if name in value]
        if (kind == "at_least_one" and not given) or (kind == "just_one" and len(given) != 1):
            yield f"{path}: {kind} of {', '.join(wanted)}, has {given}"
    for name, each in value.items():
        rule = attributes.get(name)
        if rule is None:
            yield f"{path}{name}: is unknown"
        elif rule.get("profile") not in (None, *profiles):
            yield f"{path}{name}: belongs to profile {rule['profile']}, which metadata.profiles does not name"
        elif "deprecated" in rule:
            yield f"{path}{name}: is deprecated since {rule['deprecated']}"
        elif rule.get("array"):
            yield from _array(each, rule, f"{path}{name}", profiles)
        else:
            yield from _value(each, rule, f"{path}{name}", profiles)
            yield from _caption(value, name, rule, path)


def _array(value: Any, rule: dict[str, Any], path: str, profiles: set[str]) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: is not an array"
        return
    for index, each in enumerate(value):
        yield from _value(each, rule, f"{path}[{index}]", profiles)


def _value(value: Any, rule: dict[str, Any], path: str, profiles: set[str]) -> Iterator[str]:
    name = rule["type"]
    if name in RULES["objects"]:
        yield from _object(value, RULES["objects"][name], f"{path}.", profiles)
        return
    definition = RULES["types"].get(name, {})
    base = definition.get("base", name)
    if base not in BASES:
        yield f"{path}: type {name} is not in the rules; add it from OCSF before using it"
    elif not BASES[base](value):
        yield f"{path}: {value!r} is no {name}"
    elif "enum" in rule and str(value) not in rule["enum"]:
        yield f"{path}: {value!r} is not in the enum"
    elif not _well_formed(value, name, definition):
        yield f"{path}: {value!r} is no {name}"
    elif "range" in definition and not definition["range"][0] <= value <= definition["range"][1]:
        yield f"{path}: {value!r} is out of range"


def _well_formed(value: Any, name: str, definition: dict[str, Any]) -> bool:
    if name == "ip_t":  # OCSF's own pattern is longer than this module, and says the same
        try:
            ip_address(value)
        except ValueError:
            return False
    if "max_len" in definition and len(value) > definition["max_len"]:
        return False
    return "regex" not in definition or re.search(definition["regex"], value) is not None


def _caption(value: dict[str, Any], name: str, rule: dict[str, Any], path: str) -> Iterator[str]:
    """The caption beside an id must be the enum's, but for Other, where it must be given and the source's own."""
    beside = rule.get("caption_in")
    if beside is None or "enum" not in rule:
        return
    caption, wanted = value.get(beside), rule["enum"].get(str(value[name]))
    if value[name] == OTHER:
        if not caption:
            yield f"{path}{beside}: is required where {name} is {OTHER}"
    elif caption is not None and caption != wanted:
        yield f"{path}{beside}: is {caption!r}, but {name} says {wanted!r}"
