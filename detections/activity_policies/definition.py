"""Reads a policy's YAML: every field, every mistake with its line, and the policy that comes of it."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, Final, get_args

import msgspec

from detections.activity_policies import governance, stories
from detections.activity_policies.document import Items, Problem, Reader, Scalar, Table, Value, parse, plain, shown
from detections.activity_policies.filters import read_filters
from detections.activity_policies.moments import zone_of, zones
from detections.activity_policies.organisation import Organisation
from detections.activity_policies.policy import ActivityPolicy
from detections.activity_policies.scope import read_scope
from detections.activity_policies.techniques import TACTICS, TECHNIQUES
from detections.activity_policies.watches import EXACT, Repeated
from detections.model import DAY_MS, Metadata, Raise, Severity, Technique
from detections.settings import PolicySettings, among

FIELDS: Final = (
    "id", "title", "description", "enabled", "severity", "raise", "category", "techniques", "zone", "scope", "filters",
    "repeated", "join", "daily_limit", "govern", "false_positives", "triage", "remediation", "cases",
)  # fmt: skip
CATEGORIES: Final = (
    "threat_detection", "access_control", "privileged_accounts", "compliance", "data_loss_prevention",
    "sharing_control", "configuration_control",
)  # fmt: skip
SYSTEM_FINDINGS: Final = (
    "connector_disconnected", "connector_silent", "token_renewal", "policy_rejected", "governance_breaker",
)  # fmt: skip
MAX_COUNT: Final = 10_000
MAX_LIMIT: Final = 1_000
"""Alerts a day. Whoever wants more wants no limit."""
_ID: Final = re.compile(r"[a-z][a-z0-9_]{2,63}")


def check(
    text: str, file: str, organisation: Organisation | None = None, reserved: Collection[str] = ()
) -> list[Problem]:
    """All that is wrong with the policy in `text`, by line; of `file` only the name is used. `reserved`: ids that are
    taken. What `organisation` leaves open comes as a note, as does what can never match."""
    return read(text, file, organisation, reserved)[1]


def read(
    text: str, file: str, organisation: Organisation | None = None, reserved: Collection[str] = ()
) -> tuple[ActivityPolicy | None, list[Problem]]:
    """The policy in `text`, None where it can't be used, and all that is wrong with it."""
    organisation = organisation or Organisation()
    root, problems = parse(text, file)
    if root is None:
        return None, problems
    reader = Reader(file, organisation.lists)
    policy = _policy(root, reader, organisation, reserved)
    stories.read_cases(root.entries.get("cases"), reader)
    problems = sorted([*problems, *reader.problems], key=lambda each: each.line)
    return (None if any(not each.note for each in problems) else policy), problems


def read_with_cases(
    text: str, file: str, organisation: Organisation | None = None
) -> tuple[ActivityPolicy | None, list[stories.Story]]:
    """The policy in `text`, None where it can't be used, with its cases. For them the organisation's domains are those
    that the cases name, if they do."""
    organisation = organisation or Organisation()
    root, _ = parse(text, file)
    value = root.entries.get("cases") if root else None
    reader = Reader(file, organisation.lists)
    domains = stories.read_domains(value, reader)
    if domains:
        organisation = replace(organisation, domains=domains)
    return read(text, file, organisation)[0], stories.read_cases(value, reader)


def _policy(
    root: Table, reader: Reader, organisation: Organisation, reserved: Collection[str]
) -> ActivityPolicy | None:
    given = reader.table(root, "", FIELDS)
    for name in ("id", "title", "filters"):
        if name not in given:
            reader.wrong(root.line, name, "is missing", "every policy has one")
    policy_id = _id(given.get("id"), reader, reserved)
    title = reader.text(given.get("title"), "title")
    settings = _settings(given, reader)
    zone = _zone(given.get("zone"), reader)
    filters = read_filters(given.get("filters"), reader, organisation, zone)
    scope = read_scope(given.get("scope"), reader, organisation)
    repeated = _repeated(given, reader)
    limit = reader.whole(given.get("daily_limit"), "daily_limit", 1, MAX_LIMIT)
    govern = _govern(given.get("govern"), reader)
    metadata = Metadata(
        id=policy_id or "",
        version="",
        title=title or "",
        description=reader.text(given.get("description"), "description") or "",
        techniques=_techniques(given.get("techniques"), reader),
        severity=settings.severity,
        raises=settings.raises,
        false_positives=tuple(text for text, _ in reader.texts(given.get("false_positives"), "false_positives")),
        triage=reader.text(given.get("triage"), "triage") or "",
        remediation=reader.text(given.get("remediation"), "remediation") or "",
        category=reader.choice(given.get("category"), "category", CATEGORIES) or "",
        govern=govern,
    )
    if "filters" in given and not filters.types:
        reader.wrong(given["filters"].line, "filters.type", "leaves no type", "name one that is not denied", note=True)
    metadata = msgspec.structs.replace(metadata, version=_version(root, reader))
    return ActivityPolicy(
        metadata,
        settings,
        filters.types,
        (*filters.tests, *scope),
        children=filters.flags,
        repeated=repeated,
        daily_limit=limit,
        reasons=filters.reasons,
    )


def _id(value: Value | None, reader: Reader, reserved: Collection[str]) -> str | None:
    text = reader.text(value, "id")
    if text is None or value is None:
        return None
    if not _ID.fullmatch(text):
        advice = "expected 3 to 64 lower case letters, digits and '_', the first a letter"
        reader.wrong(value.line, "id", f"is {text!r}", advice)
    elif text in reserved or text in SYSTEM_FINDINGS:
        reader.wrong(value.line, "id", f"is {text!r}, which is taken", "give it a name of its own")
    return text


def _settings(given: dict[str, Value], reader: Reader) -> PolicySettings:
    fields: dict[str, Any] = {
        "enabled": reader.flag(given.get("enabled"), "enabled"),
        "raise": reader.choice(given.get("raise"), "raise", get_args(Raise)),
        "severity": reader.choice(given.get("severity"), "severity", get_args(Severity)),
    }
    return msgspec.convert({name: each for name, each in fields.items() if each is not None}, PolicySettings)


def _zone(value: Value | None, reader: Reader) -> tzinfo:
    name = reader.text(value, "zone")
    if name is None or value is None:
        return UTC
    zone = zone_of(name)
    if zone is None:
        near = [each for each in zones() if name.rpartition("/")[2].lower() in each.lower()]
        advice = among(name, near or zones())
        reader.wrong(value.line, "zone", f"is {name!r}", advice if len(advice) < 200 else "name one such as UTC")
    return zone or UTC


def _repeated(given: dict[str, Value], reader: Reader) -> Repeated | None:
    value, join = given.get("repeated"), given.get("join")
    if value is not None and join is not None:
        reader.wrong(join.line, "join", "does not go with repeated", "repeated matches are joined anyway: remove it")
    if value is None:
        joined_ms = reader.duration(join, "join", 1_000, DAY_MS)
        return None if joined_ms is None else Repeated(1, joined_ms)
    parts = reader.table(value, "repeated", ("count", "within", "unique_targets", "per_client"))
    for name in ("count", "within"):
        if name not in parts:
            reader.wrong(value.line, f"repeated.{name}", "is missing", "write such as {count: 50, within: 1 min}")
    count = reader.whole(parts.get("count"), "repeated.count", 2, MAX_COUNT)
    within_ms = reader.duration(parts.get("within"), "repeated.within", 1_000, DAY_MS)
    unique = reader.flag(parts.get("unique_targets"), "repeated.unique_targets") or False
    per_client = reader.flag(parts.get("per_client"), "repeated.per_client") or False
    if unique and count is not None and count > EXACT:
        advice = f"with unique_targets at most {EXACT}: more targets are not remembered"
        reader.wrong(parts["count"].line, "repeated.count", f"is {count:,}", advice)
    return None if count is None or within_ms is None else Repeated(count, within_ms, unique, per_client)


def _govern(value: Value | None, reader: Reader) -> tuple[str, ...]:
    found = [
        text for text, line in reader.texts(value, "govern") if reader.one_of(text, line, "govern", governance.ACTIONS)
    ]
    actions = tuple(dict.fromkeys(found))
    if value is not None:
        for closing, opening in governance.contradictions(actions):
            reader.wrong(value.line, "govern", f"has {closing!r} and {opening!r}, which contradict", "keep one")
        for weaker, stronger in governance.contained(actions):
            reader.wrong(value.line, "govern", f"has {weaker!r}", f"{stronger!r} does that as well", note=True)
    return actions


def _techniques(value: Value | None, reader: Reader) -> tuple[Technique, ...]:
    if value is None:
        return ()
    found = []
    for number, each in enumerate(value.values if isinstance(value, Items) else (value,)):
        where = f"techniques[{number}]"
        if isinstance(each, Scalar):
            uid = reader.choice(each, where, TECHNIQUES)
            found += [TECHNIQUES[uid]] if uid else []
            continue
        parts = reader.table(each, where, ("uid", "name", "tactic_uid", "tactic"))
        texts = {name: reader.text(part, f"{where}.{name}") for name, part in parts.items()}
        if "tactic_uid" in parts and texts["tactic_uid"] not in TACTICS:
            reader.wrong(parts["tactic_uid"].line, where, f"has {shown(parts['tactic_uid'])}", "expected TA0001 or so")
        if not texts.get("uid") or not texts.get("name") or not texts.get("tactic_uid"):
            reader.wrong(each.line, where, "is not whole", "expected uid, name and tactic_uid")
            continue
        tactic_uid = texts["tactic_uid"] or ""
        name, uid = texts["name"] or "", texts["uid"]
        found.append(Technique(uid or "", name, tactic_uid, texts.get("tactic") or TACTICS.get(tactic_uid, "")))
    return tuple(found)


def _version(root: Table, reader: Reader) -> str:
    """A hash of all that makes the policy what it is: its fields, and the organisation's lists that it uses."""
    content = {name: plain(each) for name, each in root.entries.items() if name != "cases"}
    encoded = msgspec.json.encode([content, reader.used], order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:12]
