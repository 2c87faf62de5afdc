"""A policy's cases: short stories as data, beside the policy: what must fire, what must not, and where the line is.

A file has the parts `networks` (where activities come from), `usual` (on how many days before, and from where, the user
logged in), and the three kinds of cases: `fires` with the findings expected, `quiet` with the reason code (`nothing`:
not even a suppressed candidate), `borderline` with a case on either side of a line. How steps are written:
`detections.steps`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from detections.history import observe
from detections.model import DAY_MS, HOUR_MS, Candidate, Policy, Severity, Step
from detections.policies import PolicySet
from detections.state import UserState
from detections.steps import DAY, CasesError, Known, Source, activities, activity
from schemas.activity import Activity

NOTHING: Final = "nothing"


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
    for habit in _habit(cases, cases.usual if case.usual is None else case.usual):
        judge(policies, habit, user)
    happening = activities(cases, case.name, case.steps)
    return [found for each in happening for found in judge(policies, each, user)]


def judge(policies: Sequence[Policy], happened: Activity, user: UserState) -> list[Candidate]:
    """What `policies` say to what `happened`, which is then learned: the order that holds everywhere."""
    found = [candidate for policy in policies for candidate in policy.judge(happened, user)]
    observe(happened, user)
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
        activity(cases, name, "login", DAY - day * DAY_MS + (8 + index) * HOUR_MS, f"usual-{name}-{day}")
        for index, (name, days) in enumerate(usual.items())
        for day in range(1, days + 1)
    ]
    return sorted(logins, key=lambda each: each.time_ms)
