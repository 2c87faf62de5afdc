"""What the organisation's own policies share: its domains, and named lists."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from detections.activity_policies.document import Problem, Reader, has_content, parse

FILE: Final = "organisation.yaml"
_DOMAIN: Final = re.compile(r"[^\s@/]+\.[^\s@/.]+")


@dataclass(frozen=True, slots=True)
class Organisation:
    """`domains`: of the organisation's own e-mail addresses, lower case. `lists`: values by name, for `@name`.
    `directory`: whether a source of people is known to be set up; only what people are told hangs on it."""

    domains: frozenset[str] = frozenset()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    directory: bool = False


def read(text: str, file: str) -> tuple[Organisation, list[Problem]]:
    """The organisation that `text` describes, and all that is wrong with it."""
    root, problems = parse(text, file) if has_content(text) else (None, [])
    reader = Reader(file)
    given = reader.table(root, "", ("domains", "lists"))
    domains = set()
    for domain, line in reader.texts(given.get("domains"), "domains", empty=True):
        if _DOMAIN.fullmatch(domain):
            domains.add(domain.lower())
        else:
            reader.wrong(line, "domains", f"has {domain!r}", "write domains such as example.com")
    lists = {}
    for name, value in reader.table(given.get("lists"), "lists", ()).items():
        lists[name] = tuple(text for text, _ in reader.texts(value, f"lists.{name}"))
    return Organisation(frozenset(domains), lists), problems + reader.problems
