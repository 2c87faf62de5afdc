"""What other policies would have raised, beside what was raised: the same, added, gone, by policy."""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas import finding as findings
from schemas.finding import Finding

MOST_EXAMPLES: Final = 5


class Brief(msgspec.Struct, frozen=True, gc=False):
    """A finding in short. `about`: the user key, the network, the link, or the connector. Times: ms, UTC."""

    uid: str
    policy: str
    raises: str
    severity: str
    about: str
    time_ms: int
    message: str


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One policy. `live`, `backtest`: findings raised. `same`: by both; `changed`: of these, those that differ in
    severity, or are an alert here and a behavior there. `added`, `gone`: with a few examples each."""

    policy: str
    live: int
    backtest: int
    same: int
    changed: int
    added: int
    gone: int
    examples_added: tuple[Brief, ...] = ()
    examples_gone: tuple[Brief, ...] = ()


class Raised:
    """Findings that were raised, and not withdrawn since: the latest word of each."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._latest: dict[str, Brief] = {}
        self._on: dict[str, set[str]] = {}

    def add(self, topic: str, value: bytes) -> None:
        """Takes a record of a finding, as published on `topic`. What is none, or was suppressed, is left out."""
        try:
            found = findings.decode(value)
        except msgspec.MsgspecError:
            return
        uid, step = found.finding_info.uid, found.unmapped.step
        if step == "suppress":
            return
        if step == "close":
            if found.status_detail == "withdrawn":
                self._on.get(uid, set()).discard(topic)
            return
        self._on.setdefault(uid, set()).add(topic)
        if step == "create":
            self._begun.add(uid)
        self._latest[uid] = _brief(found)

    @property
    def findings(self) -> dict[str, Brief]:
        """Those that began in the stretch and stand, by uid."""
        return {uid: self._latest[uid] for uid in self._begun if self._on.get(uid)}


def compare(live: Raised, other: Raised) -> tuple[Compared, ...]:
    """By policy, in the order of the alphabet."""
    before, after = live.findings, other.findings
    policies = sorted({each.policy for each in (*before.values(), *after.values())})
    return tuple(_compared(policy, _of(policy, before), _of(policy, after)) for policy in policies)


def _of(policy: str, found: dict[str, Brief]) -> dict[str, Brief]:
    return {uid: each for uid, each in found.items() if each.policy == policy}


def _compared(policy: str, before: dict[str, Brief], after: dict[str, Brief]) -> Compared:
    both = before.keys() & after.keys()
    added, gone = after.keys() - both, before.keys() - both
    return Compared(
        policy=policy,
        live=len(before),
        backtest=len(after),
        same=len(both),
        changed=sum(_weight(before[uid]) != _weight(after[uid]) for uid in both),
        added=len(added),
        gone=len(gone),
        examples_added=_examples(after[uid] for uid in added),
        examples_gone=_examples(before[uid] for uid in gone),
    )


def _weight(brief: Brief) -> tuple[str, str]:
    return brief.raises, brief.severity


def _examples(found: Iterable[Brief]) -> tuple[Brief, ...]:
    """The latest few."""
    return tuple(sorted(found, key=lambda each: (-each.time_ms, each.uid))[:MOST_EXAMPLES])


def _brief(found: Finding) -> Brief:
    unmapped = found.unmapped
    return Brief(
        uid=found.finding_info.uid,
        policy=unmapped.policy,
        raises="alert" if found.is_alert else "behavior",
        severity=found.severity.lower(),
        about=unmapped.user_key or unmapped.network or unmapped.link or unmapped.connector,
        time_ms=found.time,
        message=found.message,
    )
