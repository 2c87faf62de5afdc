"""What the score must be, and whether it is."""

from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec

from benchmarks.score.findings import Told
from benchmarks.score.matching import Judged, found, judge, kept_quiet
from simulators.scenario import Label
from simulators.scenario.attacks import ATTACKS

BUILT_IN: Final = (
    "impossible_travel",
    "failed_logins",
    "infrequent_country",
    "anonymous_ip",
    "suspicious_ip",
    "terminated_user",
)
"""Defender's six policies for Egnyte: for them the bar is higher."""
BUILT_IN_BAR: Final = 0.95
OTHER_BAR: Final = 0.9
MOST_FALSE_ALERTS: Final = 0.5
"""Per 1,000 users and day, over all policies."""


class PolicyScore(msgspec.Struct, frozen=True, kw_only=True):
    """One policy. `right`, `benign`, `wrong`: findings (see `benchmarks.score.matching`), `alerts` of them all alerts,
    `false_alerts` of the wrong ones. `precision`: right ones of right and wrong ones. `delay_s`, `delay_p99_s`: event
    time from the incident's first event to the one that led to the finding. None where there is nothing to count.
    """

    policy: str
    incidents: int
    found: int
    missed: tuple[str, ...]
    right: int
    benign: int
    wrong: int
    alerts: int
    false_alerts: int
    recall: float | None
    precision: float | None
    delay_s: float | None
    delay_p99_s: float | None
    bar: float
    ok: bool


class Fired(msgspec.Struct, frozen=True, kw_only=True):
    """A confuser that was told of. `verdict`: benign or wrong."""

    incident: str
    about: str
    policy: str
    as_what: str
    verdict: str
    user: str
    why: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `confusers`: of each kind, how many were staged, how many of them led to alerts and to behaviors, and
    why others were kept quiet, by policy and reason. `unlabelled`: wrong findings on ordinary people. `missing`: kinds
    that were not staged. `wall_s`: of each day, its events, and the seconds from its publication to all of it being
    judged. `repeated`: what judging the same log again came to. `order`: what is told otherwise when events come late.
    `failures`: the bars that are not met, in words.
    """

    seed: int
    users: int
    days: int
    events: int
    policies: tuple[PolicyScore, ...]
    confusers: dict[str, dict[str, int]]
    fired: tuple[Fired, ...]
    quiet: dict[str, int]
    unlabelled: tuple[Fired, ...]
    false_alerts: int
    false_alerts_rate: float
    missing: tuple[str, ...] = ()
    wall_s: tuple[tuple[int, float], ...] = ()
    repeated: str = ""
    order: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def score(told: Sequence[Told], labels: Sequence[Label], *, seed: int, users: int, days: int, events: int) -> Score:
    """The score of `told` against `labels`. `failures`: the bars that are not met, in words."""
    judged = judge(told, labels)
    names = sorted({label.policy for label in labels if label.malicious} | {each.told.policy for each in judged})
    policies = tuple(_policy(name, judged, labels) for name in names)
    wrong = [each for each in judged if each.verdict == "wrong"]
    false_alerts = sum(each.told.alert for each in wrong)
    rate = false_alerts / users / days * 1_000
    fired = tuple(_fired(each) for each in judged if each.label is not None and not each.label.malicious)
    unlabelled = tuple(_fired(each) for each in wrong if each.label is None or each.label.malicious)
    quiet: dict[str, int] = {}
    for each, label in kept_quiet(told, labels):
        word = f"{label.kind}: {each.policy}, {each.suppressed}"
        quiet[word] = quiet.get(word, 0) + 1
    failures = [_failure(each) for each in policies if not each.ok]
    failures += [f"{each.incident} raised an alert of {each.policy}" for each in fired if each.as_what == "alert"]
    if rate > MOST_FALSE_ALERTS:
        failures.append(f"{rate:.2f} false alerts per 1,000 users and day, at most {MOST_FALSE_ALERTS} are allowed")
    return Score(
        seed=seed,
        users=users,
        days=days,
        events=events,
        policies=policies,
        confusers=_confusers(labels, fired),
        fired=fired,
        quiet=dict(sorted(quiet.items())),
        unlabelled=unlabelled,
        false_alerts=false_alerts,
        false_alerts_rate=round(rate, 3),
        failures=tuple(failures),
    )


def not_asked(found: Score, missing: Sequence[str]) -> tuple[str, ...]:
    """In words: kinds that were not staged, and policies of which nothing was: bars that nobody has tried."""
    asked = {policy.policy for policy in found.policies if policy.incidents}
    policies = {attack.policy for attack in ATTACKS} | {policy.policy for policy in found.policies}
    return (
        *(f"{kind} was not staged: give more users or days, or --partly" for kind in missing),
        *(f"{policy}: no incident was staged, so its recall is not known" for policy in sorted(policies - asked)),
    )


def _policy(name: str, judged: Sequence[Judged], labels: Sequence[Label]) -> PolicyScore:
    mine = [each for each in judged if each.told.policy == name]
    incidents = [label for label in labels if label.malicious and label.policy == name]
    hits = {label.incident: hit for label in incidents if (hit := found(label, judged))}
    delays = sorted(
        max(0, hits[label.incident][0].told_ms - label.start_ms) / 1_000
        for label in incidents
        if label.incident in hits
    )
    verdicts = [each.verdict for each in mine]
    right, wrong = verdicts.count("right"), verdicts.count("wrong")
    recall = len(hits) / len(incidents) if incidents else None
    precision = right / (right + wrong) if right + wrong else None
    bar = BUILT_IN_BAR if name in BUILT_IN else OTHER_BAR
    return PolicyScore(
        policy=name,
        incidents=len(incidents),
        found=len(hits),
        missed=tuple(f"{label.incident}: {label.about}" for label in incidents if label.incident not in hits),
        right=right,
        benign=verdicts.count("benign"),
        wrong=wrong,
        alerts=sum(each.told.alert for each in mine),
        false_alerts=sum(each.told.alert for each in mine if each.verdict == "wrong"),
        recall=recall,
        precision=precision,
        delay_s=median(delays) if delays else None,
        delay_p99_s=delays[min(len(delays) - 1, int(len(delays) * 0.99))] if delays else None,
        bar=bar,
        ok=all(value is None or value >= bar for value in (recall, precision)),
    )


def _failure(policy: PolicyScore) -> str:
    values = [
        f"{name} {value:.3f}"
        for name, value in (("recall", policy.recall), ("precision", policy.precision))
        if value is not None and value < policy.bar
    ]
    return f"{policy.policy}: {' and '.join(values)}, {policy.bar} is the bar"


def _fired(judged: Judged) -> Fired:
    told, label = judged.told, judged.label
    return Fired(
        incident=label.incident if label else "",
        about=label.about if label else "",
        policy=told.policy,
        as_what="alert" if told.alert else "behavior",
        verdict=judged.verdict,
        user=told.user or ", ".join(sorted(told.networks | told.links)),
        why=told.message,
    )


def _confusers(labels: Sequence[Label], fired: Sequence[Fired]) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {}
    for label in labels:
        if not label.malicious:
            row = counted.setdefault(label.kind, {"staged": 0, "alerts": 0, "behaviors": 0})
            row["staged"] += 1
            row["alerts"] += sum(each.incident == label.incident and each.as_what == "alert" for each in fired)
            row["behaviors"] += sum(each.incident == label.incident and each.as_what == "behavior" for each in fired)
    return dict(sorted(counted.items()))
