"""A policy's cases: short stories as data, beside the policy: what must fire, what must not, and where the line is.

A file has the parts `networks` (where activities come from), `usual` (on how many days before, and from where, the user
logged in), and the three kinds of cases: `fires` with the findings expected, `quiet` with the reason code (`nothing`:
not even a suppressed candidate), `borderline` with a case on either side of a line. Steps are written as
`09:02 login Lisbon`, `+1d 09:05:30 download Oslo x8 every 30s`, `09:10 sync Lisbon unattended`, in the order in which
they come, which need not be that of their times. Where it matters, a step goes on with `on PATH`, `to PATH` (where it
was moved to), `of SUBJECT` (whom it was done to), `by CLIENT` (with `_` for a blank), `as ACCOUNT` (one of `accounts`,
as the directory knew it then) and `learned 10:00`, in this order, and ends with `parent` for the rows that Egnyte
writes for children. `{n}` in them is the number of the repetition. A step of type `directory` is what the account's
`change` says, dated by when it happened.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from detections.history import observe
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS, Candidate, Policy, Severity, Step
from detections.policies import PolicySet
from detections.state import UserState
from schemas import activity as schema
from schemas.activity import Activity

DAY: Final = int(datetime(2025, 11, 26, tzinfo=UTC).timestamp() * 1000)
"""The day that steps begin on: a Wednesday, so that no week turns unless a case wants it."""
MARA: Final = schema.Person(email="mara.lindqvist@example.com", name="Mara Lindqvist")
FAILURES: Final = frozenset({"failed_login", "lockout"})
NOTHING: Final = "nothing"
ADMINISTRATIVE: Final = frozenset(
    f"{change}_{what}"
    for change in ("create", "update", "delete", "suspend", "unsuspend", "change", "add", "remove", "reset")
    for what in ("user", "group", "permission", "setting", "privilege", "password")
) - {"change_password"}  # one's own

_STEP: Final = re.compile(
    r"(?:\+(?P<day>\d+)d )?(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))? (?P<type>[a-z_]+) (?P<network>\S+)"
    r"(?: x(?P<times>\d+)(?: every (?P<every>\d+)(?P<unit>ms|s|min|h))?)?"
    r"(?: on (?P<path>\S+))?(?: to (?P<target_path>\S+))?(?: of (?P<subject>\S+))?(?: by (?P<client>\S+))?"
    r"(?: as (?P<account>\S+))?(?: learned (?P<learned>(?:[+-]\d+d )?\d\d:\d\d))?"
    r"(?P<unattended> unattended)?(?P<parent> parent)?"
)
UNITS: Final = {"ms": 1, "s": 1000, "min": MINUTE_MS, "h": HOUR_MS}


_MOMENT: Final = re.compile(r"(?:(?P<day>[+-]\d+)d )?(?P<hour>\d\d):(?P<minute>\d\d)")


class CasesError(ValueError):
    """A case file that can't be read."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network that steps name. `at`: latitude and longitude in degrees. `providers`, `countries`: see
    `detections.source_cases`."""

    ip: str
    country: str = ""
    city: str = ""
    at: tuple[float, float] = (0.0, 0.0)
    radius_km: float = 0.0
    precision: schema.Precision = "city"
    prefix: str = ""
    asn: int = 0
    organisation: str = ""
    category: schema.IpCategory = ""
    tags: tuple[str, ...] = ()
    users: int = -1
    providers: int = 1
    countries: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that steps name. `deleted`, `disabled`, `leave`: when, such as `08:52` or `-2d 17:00`. The other
    fields as in `schemas.activity.Account`; `change`: as in `schemas.directory.DirectoryChange`."""

    version: int = 1
    deleted: str = ""
    disabled: str = ""
    leave: str = ""
    external: bool = False
    guest: bool = False
    privileged: bool = False
    user_type: str = ""
    groups: tuple[str, ...] = ()
    last_active: str = ""
    change: str = ""

    def account(self) -> schema.Account:
        """As activities are stamped with it. Raises CasesError for a moment that is none."""
        return schema.Account(
            version=self.version,
            deleted=bool(self.deleted),
            deleted_ms=_moment(self.deleted),
            disabled=bool(self.disabled),
            disabled_ms=_moment(self.disabled),
            leave_ms=_moment(self.leave),
            external=self.external,
            guest=self.guest,
            privileged=self.privileged,
            user_type=self.user_type,
            groups=self.groups,
            last_active_ms=_moment(self.last_active),
        )


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding that must come. Empty fields may be anything; `says`: words that its message must have."""

    step: Step
    severity: Severity | None = None
    count: int | None = None
    says: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One story. `usual`, `settings`: instead of the file's."""

    name: str
    steps: tuple[str, ...]
    finds: tuple[Expected, ...] = ()
    reason: str = ""
    usual: dict[str, int] | None = None
    settings: dict[str, Any] = {}


class Borderline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two stories, one on either side of a line."""

    name: str
    quiet: Case
    fires: Case


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All cases of one policy."""

    policy: str
    networks: dict[str, Source]
    usual: dict[str, int]
    fires: tuple[Case, ...]
    quiet: tuple[Case, ...]
    borderline: tuple[Borderline, ...]
    accounts: dict[str, Known] = {}

    def cases(self) -> Iterator[Case]:
        """All of them, also those of the borderline pairs. Each says whether it fires by having `finds`."""
        yield from self.fires
        yield from self.quiet
        for pair in self.borderline:
            yield pair.quiet
            yield pair.fires


def load(text: str, name: str) -> CaseFile:
    """The cases in `text` (YAML) of the file `name`. Raises CasesError, naming the field, for what is wrong."""
    try:
        cases = msgspec.yaml.decode(text, type=CaseFile)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise CasesError(f"{name}: {error}") from None
    for kind in ("fires", "quiet", "borderline"):
        if not getattr(cases, kind):
            raise CasesError(f"{name}: has no case that is {kind!r}; each of the three kinds needs at least one")
    for case in (*cases.fires, *(pair.fires for pair in cases.borderline)):
        if not case.finds or case.reason:
            raise CasesError(f"{name}: {case.name!r} must fire, so it needs 'finds' and no 'reason'")
    for case in (*cases.quiet, *(pair.quiet for pair in cases.borderline)):
        if case.finds or not case.reason:
            raise CasesError(f"{name}: {case.name!r} must be quiet, so it needs a 'reason' and no 'finds'")
    return cases


def play(cases: CaseFile, case: Case) -> list[Candidate]:
    """What the policy says to the steps of `case`, after the days of habit before.

    Raises CasesError for a wrong step, and PoliciesError for a wrong setting.
    """
    chosen = PolicySet.of({cases.policy: case.settings})
    policies = [policy for policy in chosen.policies if policy.metadata.id == cases.policy]
    if not policies:
        raise CasesError(f"policy {cases.policy!r} is unknown, or switched off in {case.name!r}")
    user = UserState()
    for activity in _habit(cases, cases.usual if case.usual is None else case.usual):
        judge(policies, activity, user)
    return [each for activity in _activities(cases, case) for each in judge(policies, activity, user)]


def judge(policies: Sequence[Policy], activity: Activity, user: UserState) -> list[Candidate]:
    """What `policies` say to `activity`, which is then learned: the order that holds everywhere."""
    found = [candidate for policy in policies for candidate in policy.judge(activity, user)]
    observe(activity, user)
    return found


def mismatches(case: Case, found: Sequence[Candidate]) -> list[str]:
    """In what `found` differs from what `case` expects, in words; empty where it is as expected."""
    raised = [each for each in found if each.step != "suppress"]
    reasons = sorted({each.suppressed for each in found if each.step == "suppress"})
    told = [f"{each.step} {each.severity}: {each.message}" for each in raised]
    if case.reason:
        wrong = [f"must be quiet, found {each}" for each in told]
        expected = [] if case.reason == NOTHING else [case.reason]
        return wrong if reasons == expected else [*wrong, f"expected reason {case.reason!r}, found {reasons}"]
    if [each.step for each in raised] != [each.step for each in case.finds]:
        return [f"expected {[each.step for each in case.finds]}, found {told}, suppressed {reasons}"]
    return [
        problem
        for expected, candidate in zip(case.finds, raised, strict=True)
        for problem in _differences(expected, candidate)
    ]


def _differences(expected: Expected, candidate: Candidate) -> Iterator[str]:
    if expected.severity not in (None, candidate.severity):
        yield f"expected severity {expected.severity}, found {candidate.severity}"
    if expected.count not in (None, candidate.count):
        yield f"expected count {expected.count}, found {candidate.count}"
    for words in expected.says:
        if words not in candidate.message:
            yield f"expected {words!r} in {candidate.message!r}"


def _habit(cases: CaseFile, usual: dict[str, int]) -> list[Activity]:
    logins = [
        _activity(cases, name, "login", DAY - day * DAY_MS + (8 + index) * HOUR_MS, f"usual-{name}-{day}")
        for index, (name, days) in enumerate(usual.items())
        for day in range(1, days + 1)
    ]
    return sorted(logins, key=lambda each: each.time_ms)


def _activities(cases: CaseFile, case: Case) -> Iterator[Activity]:
    for number, text in enumerate(case.steps, 1):
        step = _STEP.fullmatch(text)
        if step is None or step["network"] not in cases.networks or step["type"] not in schema.TYPES:
            raise CasesError(
                f"{case.name!r}, step {number}: {text!r} is not like '09:02 login Lisbon', with an activity type "
                f"and one of the networks {', '.join(cases.networks)}"
            )
        start = DAY + int(step["day"] or 0) * DAY_MS + int(step["hour"]) * HOUR_MS + int(step["minute"]) * MINUTE_MS
        start += int(step["second"] or 0) * 1000
        every = int(step["every"] or 1) * UNITS[step["unit"] or "s"]
        for turn in range(int(step["times"] or 1)):
            told: dict[str, Any] = {
                word: (step[word] or "").replace("{n}", str(turn))
                for word in ("path", "target_path", "subject", "client")
            }
            subject = told.pop("subject")
            if step["account"] is not None and step["account"] not in cases.accounts:
                raise CasesError(f"{case.name!r}, step {number}: {step['account']!r} is none of the accounts")
            known = cases.accounts[step["account"]] if step["account"] is not None else None
            if known is not None:
                told["account"] = known.account()
            if step["type"] == "directory":
                told |= {"source": "directory", "action": known.change if known else ""}
                told |= {"actor": schema.Person(kind="system", name="entra"), "subject": MARA, "ip": ""}
            if step["learned"]:
                told["received_ms"] = _moment(step["learned"])
            yield _activity(
                cases,
                step["network"],
                step["type"],
                start + turn * every,
                f"{number}-{turn}",
                interactive=not step["unattended"],
                flags=("parent",) if step["parent"] else (),
                **({"subject": schema.Person(email=subject, name=subject)} if subject else {}),
                **(told | {"client": told["client"].replace("_", " ")}),
            )


def _activity(cases: CaseFile, name: str, kind: str, time_ms: int, event_id: str, **more: Any) -> Activity:
    source = cases.networks[name]
    latitude, longitude = source.at
    given: dict[str, Any] = {"received_ms": time_ms, "actor": MARA, "ip": source.ip} | more
    return Activity(
        connector="acme",
        event_id=event_id,
        time_ms=time_ms,
        type=kind,
        outcome="failure" if kind in FAILURES else "success",
        administrative=kind in ADMINISTRATIVE,
        place=schema.Place(
            country=source.country,
            city=source.city,
            latitude=latitude,
            longitude=longitude,
            radius_km=source.radius_km,
            precision=source.precision,
        ),
        network=schema.Network(
            prefix=source.prefix or prefix_in(source.ip),
            asn=source.asn,
            organisation=source.organisation,
            category=source.category,
            tags=source.tags,
        ),
        knowledge=schema.Knowledge(source.users, source.users, source.users),
        **given,
    )


def _moment(text: str) -> int:
    """Ms since the epoch of `08:52`, `+1d 08:52` or `-2d 17:00`, counted from the day that steps begin on; 0 for none.
    Raises CasesError."""
    if not text:
        return 0
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise CasesError(f"{text!r} is no moment such as 08:52 or -2d 17:00")
    return DAY + int(found["day"] or 0) * DAY_MS + int(found["hour"]) * HOUR_MS + int(found["minute"]) * MINUTE_MS


def prefix_in(ip: str) -> str:
    """The /24 or /48 of `ip`, as text."""
    if ":" in ip:
        return f"{':'.join(ip.split(':')[:3])}::/48"
    return f"{ip.rpartition('.')[0]}.0/24"
