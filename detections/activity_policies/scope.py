"""Whom a policy is about: people included, people excluded. Exclusion wins."""

from collections.abc import Callable
from typing import Final

from detections.activity_policies import patterns
from detections.activity_policies.attributes import groups_of
from detections.activity_policies.conditions import Weighed
from detections.activity_policies.document import Reader, Value
from detections.activity_policies.organisation import Organisation
from schemas.activity import Activity

PARTS: Final = ("users", "groups", "domains")

Belongs = Callable[[Activity], bool]


def read_scope(value: Value | None, reader: Reader, organisation: Organisation) -> tuple[Weighed, ...]:
    """The scope as tests of the actor; without `include` everybody is included."""
    given = reader.table(value, "scope", ("include", "exclude"))
    tests = []
    if "include" in given:
        included = _belongs(given["include"], "scope.include", reader, organisation)
        tests.append(Weighed(3, lambda activity, _: included(activity)))
    if "exclude" in given:
        excluded = _belongs(given["exclude"], "scope.exclude", reader, organisation)
        tests.append(Weighed(3, lambda activity, _: not excluded(activity)))
    return tuple(tests)


def _belongs(value: Value, field: str, reader: Reader, organisation: Organisation) -> Belongs:
    """Whether the actor is one of the users (`*` and `?` stand for anything), of a domain, or in one of the groups."""
    parts = reader.table(value, field, PARTS)
    if not parts:
        reader.wrong(value.line, field, "names nobody", f"expected {', '.join(PARTS)}")
    groups = frozenset(text.lower() for text, _ in reader.texts(parts.get("groups"), f"{field}.groups"))
    if groups and not organisation.directory:
        advice = "nobody belongs to it until then: name users or domains"
        reader.wrong(
            parts["groups"].line, f"{field}.groups", "needs a directory, and none is connected", advice, note=True
        )
    users = []
    for text, line in reader.texts(parts.get("users"), f"{field}.users"):
        if "@" not in text and "*" not in text:
            reader.wrong(line, f"{field}.users", f"is {text!r}", "expected an e-mail, such as mara@example.com")
        users.append(text.lower())
    domains = tuple(
        f"@{text.lower().removeprefix('@')}" for text, _ in reader.texts(parts.get("domains"), f"{field}.domains")
    )
    exact = frozenset(each for each in users if not set(each) & set("*?"))
    globs = [each for each in users if each not in exact]
    matches = patterns.matches_glob(globs) if globs else None

    def belongs(activity: Activity) -> bool:
        email = activity.actor.email.lower()
        if groups and any(group.lower() in groups for group in groups_of(activity)):
            return True
        if email in exact or (domains and email.endswith(domains)):
            return True
        return matches is not None and email != "" and matches(email)

    return belongs
