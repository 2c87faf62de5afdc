"""Which finding belongs to which incident. Exact rules, in this order:

1. *Whose*: a finding is about an incident where its user is the incident's or of its company; or where an address of
   its evidence, or its network, is in one of the incident's networks; or where its link is the incident's.
2. *When*: its first to last activity meets the incident's time, or begins within `AFTER_MS` of its end: what the user
   does next may be what shows the theft.
3. *What*: a finding of an attack is right where the label names its policy, as the one that must fire or as one that
   may. Of a confuser it is benign (suspicious, but allowed: Defender's B-TP) where the label names its policy and it
   is a behavior; an alert never is. Everything else is wrong.

An incident is found where a right finding of the policy that must fire belongs to it.
"""

import ipaddress
from collections.abc import Sequence
from functools import cache
from typing import Final, Literal

import msgspec

from benchmarks.score.findings import Told
from simulators.scenario import Label

AFTER_MS: Final = 24 * 3_600_000
"""Impossible travel looks back so far, and incidents end after it."""

Verdict = Literal["right", "benign", "wrong"]


class Judged(msgspec.Struct, frozen=True):
    """A finding, what it is worth, and the incident that it belongs to, if any."""

    told: Told
    verdict: Verdict
    label: Label | None


def judge(told: Sequence[Told], labels: Sequence[Label]) -> list[Judged]:
    """Every finding that was raised, judged."""
    return [_judged(each, [label for label in labels if _meets(each, label)]) for each in told if not each.suppressed]


def kept_quiet(told: Sequence[Told], labels: Sequence[Label]) -> list[tuple[Told, Label]]:
    """What was weighed and not raised about confusers, with the confuser."""
    return [
        (each, label)
        for each in told
        if each.suppressed
        for label in labels
        if not label.malicious and _meets(each, label)
    ]


def found(label: Label, judged: Sequence[Judged]) -> list[Told]:
    """The findings that show that `label` was found, the earliest first."""
    return sorted(
        (
            each.told
            for each in judged
            if each.label is not None and each.label.incident == label.incident and each.told.policy == label.policy
        ),
        key=lambda each: each.told_ms,
    )


def _judged(told: Told, labels: Sequence[Label]) -> Judged:
    named = [label for label in labels if told.policy == label.policy or told.policy in label.also]
    attacks = [label for label in named if label.malicious]
    if attacks:
        return Judged(told, "right", min(attacks, key=lambda label: (label.policy != told.policy, label.incident)))
    allowed = [label for label in labels if not label.malicious and told.policy in label.also]
    if allowed and not told.alert:
        return Judged(told, "benign", allowed[0])
    return Judged(told, "wrong", labels[0] if labels else None)


def _meets(told: Told, label: Label) -> bool:
    if told.last_ms < label.start_ms or told.first_ms > label.end_ms + AFTER_MS:
        return False
    if told.user and told.user in (label.user, *label.company):
        return not label.link
    if label.link and told.links:
        return any(label.link == link for link in told.links)
    return any(_within(network, label.networks) for network in told.networks)


@cache
def _within(text: str, networks: tuple[str, ...]) -> bool:
    one = ipaddress.ip_network(text, strict=False)
    return any(_overlaps(one, ipaddress.ip_network(each)) for each in networks)


def _overlaps(
    one: ipaddress.IPv4Network | ipaddress.IPv6Network, other: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return one.version == other.version and one.overlaps(other)
