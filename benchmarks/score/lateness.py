"""How findings differ when the same events come in another order, within the allowed lateness."""

from collections.abc import Sequence

import msgspec

from benchmarks.score.findings import Told

NEAR_MS = 2 * 3_600_000
"""Findings of one policy about the same are one incident when they are no further apart."""


class Differences(msgspec.Struct, frozen=True):
    """`told`: all, in words. `failures`: those of them that must not be, for events may come late: what is told, or is
    an alert, in one order only.
    """

    told: tuple[str, ...]
    failures: tuple[str, ...]


def differences(in_order: Sequence[Told], shuffled: Sequence[Told]) -> Differences:
    """What is told only in one order, with another anchor (so under another uid), as something else, or with another
    count.
    """
    raised = [each for each in in_order if not each.suppressed]
    others = [each for each in shuffled if not each.suppressed]
    found, failures = [], []
    for each in raised:
        other = _same(each, others)
        if other is None:
            failures.append(f"{_name(each)}: not told when events come late")
            continue
        others.remove(other)
        found += [f"{_name(each)}: {what}" for what in _unlike(each, other)]
        if each.alert != other.alert:
            failures.append(f"{_name(each)}: an alert only when events come {'late' if other.alert else 'in order'}")
    failures += [f"{_name(each)}: told only when events come late" for each in others]
    return Differences(tuple(sorted([*found, *failures])), tuple(sorted(failures)))


def _same(told: Told, others: Sequence[Told]) -> Told | None:
    """The one of `others` about the same incident: the same uid, or else the nearest in time."""
    alike = [each for each in others if (each.policy, each.user, each.links) == (told.policy, told.user, told.links)]
    alike = [
        each
        for each in alike
        if each.uid == told.uid
        or (
            abs(each.first_ms - told.first_ms) <= NEAR_MS and (told.user or told.links or each.networks & told.networks)
        )
    ]
    return min(alike, key=lambda each: (each.uid != told.uid, abs(each.first_ms - told.first_ms)), default=None)


def _unlike(told: Told, other: Told) -> list[str]:
    unlike = []
    if told.uid != other.uid:
        unlike.append("another anchor")
    if told.severity != other.severity:
        unlike.append(f"{other.severity} instead of {told.severity}")
    if told.count != other.count:
        unlike.append(f"last told with {other.count} events instead of {told.count}")
    return unlike


def _name(told: Told) -> str:
    return f"{told.policy}, {told.user or ', '.join(sorted(told.links or told.networks))}"
