"""A policy's own cases: short stories in its file: what must fire, what must not, and where the line is.

`at` is a time of the day on which stories play, a Wednesday (UTC), with `+1d` or `-3d` before it for others. `times`
and `every` repeat an activity; `{n}` in its paths is then the number of the repetition, from 1. `base` holds for every
activity that does not say otherwise; `domains` are the organisation's in these stories.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from detections.activity_policies.attributes import JUDGED_TYPES
from detections.activity_policies.document import Items, Reader, Scalar, Table, Value, plain, shown
from detections.activity_policies.policy import ActivityPolicy
from detections.history import observe
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS, Candidate
from detections.state import UserState
from detections.steps import DAY, FAILURES
from schemas import activity as schema
from schemas.activity import Activity

_AT: Final = re.compile(
    r"(?:(?P<day>[+-]\d{1,3})d )?(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
)
_TEXTS: Final = ("path", "target_path", "action", "audit_source", "info", "group", "client", "ip")
_PLACES: Final = ("country", "city")
_NUMBERS: Final = ("asn", "country_users", "asn_users", "client_users")
_PEOPLE: Final = ("actor", "actor_name", "actor_kind", "subject")
_ACCOUNT_FLAGS: Final = ("external", "guest", "privileged")
_ACCOUNT: Final = ("user_type", "auth_type", "actor_groups", *_ACCOUNT_FLAGS)
"""What the directory says of the actor; where none of it is named, it does not know the actor."""
_FLAGS: Final = ("administrative", "interactive", *_ACCOUNT_FLAGS)
_LISTS: Final = ("ip_tags", "flags", "actor_groups")
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "type": JUDGED_TYPES,
    "outcome": get_args(schema.Outcome),
    "actor_kind": get_args(schema.PersonKind),
    "ip_category": get_args(schema.IpCategory),
}
DESCRIBED: Final = (
    "type", "outcome", *_TEXTS, *_PLACES, *_NUMBERS, *_PEOPLE, *_FLAGS, *_LISTS, "isp", "ip_category", "user_type",
    "auth_type",
)  # fmt: skip
STEPPED: Final = ("at", "times", "every", *DESCRIBED)
MAX_TIMES: Final = 10_000
STEPS: Final = ("create", "update")
KINDS: Final = ("fires", "quiet", "borderline")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a story: when it first happens, how often, how far apart, and what."""

    at_ms: int
    times: int
    every_ms: int
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """One case. `finds`: the steps that must come; None: at least one finding, where `fires`."""

    name: str
    line: int
    fires: bool
    steps: tuple[Step, ...]
    finds: tuple[str, ...] | None


def read_cases(value: Value | None, reader: Reader) -> list[Story]:
    """The cases in a policy's file; what is wrong goes to `reader`."""
    given = reader.table(value, "cases", ("base", "domains", *KINDS))
    base = _described(given.get("base"), "cases.base", reader, DESCRIBED)
    read_domains(value, reader)
    found = []
    for kind in ("fires", "quiet"):
        for each, where in _items(given.get(kind), f"cases.{kind}", reader):
            found.append(_story(each, where, base, reader, fires=kind == "fires"))
    for each, where in _items(given.get("borderline"), "cases.borderline", reader):
        pair = reader.table(each, where, ("name", "quiet", "fires"))
        for kind in ("quiet", "fires"):
            if kind in pair:
                found.append(_story(pair[kind], f"{where}.{kind}", base, reader, fires=kind == "fires"))
            else:
                reader.wrong(each.line, where, f"has no case that is {kind!r}", "a line has two sides")
    return found


def read_domains(value: Value | None, reader: Reader) -> frozenset[str]:
    """The organisation's domains as the cases want them; empty where they don't say."""
    given = value.entries.get("domains") if isinstance(value, Table) else None
    return frozenset(text.lower() for text, _ in reader.texts(given, "cases.domains"))


def mismatch(policy: ActivityPolicy, story: Story) -> str | None:
    """In what `policy` differs from what `story` expects, in words; None where it is as expected."""
    found = [each for each in play(policy, story) if each.step != "suppress"]
    steps = tuple(each.step for each in found)
    told = "; ".join(f"{each.step}: {each.message}" for each in found) or "nothing"
    if not story.fires:
        return f"must be quiet, found {told}" if found else None
    if story.finds is not None and steps != story.finds:
        return f"expected {', '.join(story.finds)}, found {told}"
    return None if found else "must fire, found nothing"


def play(policy: ActivityPolicy, story: Story) -> list[Candidate]:
    """What `policy` says to the story. Everybody in it has a state of their own; all activities are learned."""
    users: dict[str, UserState] = {}
    found: list[Candidate] = []
    for activity in _activities(story):
        user = users.setdefault(activity.actor.email, UserState())
        found += policy.judge(activity, user)
        observe(activity, user)
    return found


def _items(value: Value | None, field: str, reader: Reader) -> Iterator[tuple[Value, str]]:
    if value is None:
        return
    if isinstance(value, Items):
        yield from ((each, f"{field}[{number}]") for number, each in enumerate(value.values))
    else:
        reader.wrong(value.line, field, f"is {shown(value)}", "expected a list of cases")


def _story(value: Value, field: str, base: Mapping[str, Any], reader: Reader, *, fires: bool) -> Story:
    given = reader.table(value, field, ("name", "activities", "finds") if fires else ("name", "activities"))
    name = reader.text(given.get("name"), f"{field}.name")
    if name is None and isinstance(value, Table):
        reader.wrong(value.line, f"{field}.name", "is missing", "say in a few words what the case is about")
    finds: tuple[str, ...] | None = None
    if "finds" in given:
        where = f"{field}.finds"
        finds = tuple(
            text for text, line in reader.texts(given["finds"], where) if reader.one_of(text, line, where, STEPS)
        )
    steps = [
        _step(each, where, base, reader)
        for each, where in _items(given.get("activities"), f"{field}.activities", reader)
    ]
    if not steps and isinstance(value, Table):
        reader.wrong(value.line, f"{field}.activities", "has none", "name at least one activity")
    return Story(name or "", value.line, fires, tuple(each for each in steps if each is not None), finds)


def _step(value: Value, field: str, base: Mapping[str, Any], reader: Reader) -> Step | None:
    given = reader.table(value, field, STEPPED)
    what = {**base, **_described(value, field, reader, STEPPED)}
    if "type" not in what:
        reader.wrong(value.line, f"{field}.type", "is missing", "name the activity's type, here or in cases.base")
    times = reader.whole(given.get("times"), f"{field}.times", 1, MAX_TIMES)
    every = reader.duration(given.get("every"), f"{field}.every", 0, 30 * DAY_MS)
    at = given.get("at")
    found = _AT.fullmatch(at.text) if isinstance(at, Scalar) else None
    if found is None:
        told = "is missing" if at is None else f"is {shown(at)}"
        reader.wrong(value.line, f"{field}.at", told, "expected a time such as 09:00, 09:00:30 or +1d 09:00")
        return None
    at_ms = DAY + int(found["day"] or 0) * DAY_MS + int(found["hour"]) * HOUR_MS + int(found["minute"]) * MINUTE_MS
    return Step(at_ms + int(found["second"] or 0) * 1_000, times or 1, 1_000 if every is None else every, what)


def _described(value: Value | None, field: str, reader: Reader, known: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not isinstance(value, Table):
        return found
    given = value.entries if known is STEPPED else reader.table(value, field, known)
    for name, each in given.items():
        where = f"{field}.{name}"
        if name in _CHOICES:
            found[name] = "" if plain(each) == "" else reader.choice(each, where, _CHOICES[name])
        elif name in _NUMBERS:
            found[name] = reader.whole(each, where, 0, 1 << 32)
        elif name in _FLAGS:
            found[name] = reader.flag(each, where)
        elif name in _LISTS:
            found[name] = tuple(text for text, _ in reader.texts(each, where, empty=True))
        elif name in DESCRIBED:
            found[name] = "" if plain(each) == "" else reader.text(each, where)
    return {name: each for name, each in found.items() if each is not None}


def _activities(story: Story) -> Iterator[Activity]:
    for number, step in enumerate(story.steps, 1):
        for turn in range(step.times):
            time_ms = step.at_ms + turn * step.every_ms
            yield _activity({"type": "unspecified", **step.what}, time_ms, f"{number}-{turn}", turn + 1)


def _activity(what: Mapping[str, Any], time_ms: int, event_id: str, turn: int) -> Activity:
    texts = {name: what.get(name, "").replace("{n}", str(turn)) for name in _TEXTS}
    kind, ip, email = what["type"], texts["ip"], what.get("actor", "mara.lindqvist@example.com")
    return Activity(
        connector="acme",
        event_id=event_id,
        time_ms=time_ms,
        received_ms=time_ms,
        type=kind,
        outcome=what.get("outcome", "failure" if kind in FAILURES else "success"),
        administrative=what.get("administrative", False),
        interactive=what.get("interactive", True),
        actor=schema.Person(
            kind=what.get("actor_kind", "person"), email=email, name=what.get("actor_name", email.partition("@")[0])
        ),
        subject=schema.Person(email=what["subject"]) if what.get("subject") else None,
        place=schema.Place(country=what.get("country", ""), city=what.get("city", "")),
        network=schema.Network(
            prefix=f"{ip.rpartition('.')[0]}.0/24" if "." in ip else ip,
            asn=what.get("asn", 0),
            organisation=what.get("isp", ""),
            category=what.get("ip_category", ""),
            tags=what.get("ip_tags", ()),
        ),
        knowledge=schema.Knowledge(**{name: what[name] for name in _NUMBERS[1:] if name in what}),
        account=_account(what),
        flags=what.get("flags", ()),
        **texts,
    )


def _account(what: Mapping[str, Any]) -> schema.Account | None:
    if not any(name in what for name in _ACCOUNT):
        return None
    return schema.Account(
        user_type=what.get("user_type", ""),
        auth_type=what.get("auth_type", ""),
        groups=tuple(sorted(what.get("actor_groups", ()))),
        **{name: what.get(name, False) for name in _ACCOUNT_FLAGS},
    )
