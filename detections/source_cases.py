"""Cases of policies on networks and links: as in `detections.cases`, but many people from many places.

Steps are written as `09:00 failed_login Attacker x40 every 10s as user{n}` or `10:00 link_access Readers x30 every 1min
on /Shared/a.pdf`; where it matters with `by ACTION` (with `_` for a blank) at the end. `{n}` is the number of the
repetition, also in the address of a network, its provider (`providers`: how many there are) and its country
(`countries`, in turn). Names that begin with `~` belong to nobody. `usual` says how many people (`user0`, `user1`, ...)
logged in from a network on each of the days before.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from detections import cases as by_user
from detections import logins
from detections.attempts import attempts_of
from detections.cases import Case, CaseFile
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS, Candidate, SourcePolicy
from detections.policies import BY_SOURCE, PolicySet
from detections.sources import Logins, Source
from detections.steps import DAY, FAILURES, UNITS, CasesError, prefix_in
from schemas import activity as schema
from schemas.activity import Activity
from schemas.attempt import Attempt

USUAL_DAYS: Final = 10
IDS: Final = frozenset(policy.metadata.id for policy, _ in BY_SOURCE)
_STEP: Final = re.compile(
    r"(?:\+(?P<day>\d+)d )?(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))? (?P<type>[a-z_]+) (?P<network>\S+)"
    r"(?: x(?P<times>\d+)(?: every (?P<every>\d+)(?P<unit>ms|s|min|h))?)?"
    r"(?: as (?P<user>\S+))?(?: on (?P<link>\S+))?(?: by (?P<action>\S+))?"
)


def play(cases: CaseFile, case: Case) -> list[Candidate]:
    """What the policy says to the steps of `case`, whichever kind of policy it is. Raises as `cases.play` does."""
    if cases.policy not in IDS:
        return by_user.play(cases, case)
    policies = [each for each in PolicySet.of({cases.policy: case.settings}).by_source if _is(each, cases.policy)]
    if not policies:
        raise CasesError(f"policy {cases.policy!r} is switched off in {case.name!r}")
    kept: dict[bytes, Source] = {}
    for activity in _habit(cases, cases.usual if case.usual is None else case.usual):
        _judged(policies[0], activity, kept)
    return [each for activity in _activities(cases, case) for each in _judged(policies[0], activity, kept)]


def judge(policy: SourcePolicy, attempt: Attempt, source: Source) -> list[Candidate]:
    """What `policy` says to `attempt`, once `source` has taken it in: the order that holds everywhere."""
    if attempt.by != "link":
        if source.logins is None:
            source.logins = Logins()
        if not logins.observe(source.logins, attempt):
            return []
    return list(policy.judge(attempt, source))


def _judged(policy: SourcePolicy, activity: Activity, kept: dict[bytes, Source]) -> list[Candidate]:
    attempts = attempts_of(activity, _key(activity.actor))
    return [each for key, attempt in attempts for each in judge(policy, attempt, kept.setdefault(key, Source()))]


def _is(policy: SourcePolicy, name: str) -> bool:
    return policy.metadata.id == name


def _key(person: schema.Person) -> str:
    if person.kind == "person":
        return f"acme/{person.email}"
    return f"acme/~{person.kind}-{person.name.removeprefix('~')}"


def _habit(cases: CaseFile, usual: dict[str, int]) -> list[Activity]:
    found = [
        _activity(
            cases, name, "login", DAY - day * DAY_MS + 8 * HOUR_MS + n * 1_000, n, f"user{n}", f"{name}-{day}-{n}"
        )
        for name, people in usual.items()
        for day in range(1, USUAL_DAYS + 1)
        for n in range(people)
    ]
    return sorted(found, key=lambda each: each.time_ms)


def _activities(cases: CaseFile, case: Case) -> Iterator[Activity]:
    for number, text in enumerate(case.steps, 1):
        step = _STEP.fullmatch(text)
        if step is None or step["network"] not in cases.networks or step["type"] not in schema.TYPES:
            raise CasesError(
                f"{case.name!r}, step {number}: {text!r} is not like '09:00 failed_login Attacker as user1', with an "
                f"activity type and one of the networks {', '.join(cases.networks)}"
            )
        start = DAY + int(step["day"] or 0) * DAY_MS + int(step["hour"]) * HOUR_MS + int(step["minute"]) * MINUTE_MS
        start += int(step["second"] or 0) * 1000
        every = int(step["every"] or 1) * UNITS[step["unit"] or "s"]
        for n in range(int(step["times"] or 1)):
            user = (step["user"] or "").replace("{n}", str(n))
            path = (step["link"] or "").replace("{n}", str(n))
            action = (step["action"] or "").replace("_", " ")
            yield _activity(
                cases, step["network"], step["type"], start + n * every, n, user, f"{number}-{n}", path=path,
                action=action,
            )  # fmt: skip


def _activity(
    cases: CaseFile, name: str, kind: str, time_ms: int, n: int, user: str, event_id: str, **more: Any
) -> Activity:
    source = cases.networks[name]
    ip = source.ip.replace("{n}", str(n))
    country = source.countries[n % len(source.countries)] if source.countries else source.country
    return Activity(
        connector="acme",
        event_id=event_id,
        time_ms=time_ms,
        received_ms=time_ms,
        type=kind,
        outcome="failure" if kind in FAILURES else "success",
        actor=_person(user),
        ip=ip,
        place=schema.Place(country=country, precision="country" if country else "none"),
        network=schema.Network(
            prefix=source.prefix or prefix_in(ip),
            asn=source.asn and source.asn + n % source.providers,
            organisation=source.organisation,
            category=source.category,
            tags=source.tags,
        ),
        **more,
    )


def _person(user: str) -> schema.Person:
    if not user:
        return schema.Person(kind="anonymous", name="Anonymous")
    if user.startswith("~"):
        return schema.Person(kind="unknown", name=user)
    return schema.Person(email=f"{user}@example.com", name=user)
