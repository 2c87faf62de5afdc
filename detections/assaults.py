"""Attacks on many accounts at once: what their policies share. An incident begins when too many strangers have failed,
is told again at doublings and with each of them who gets in, and is closed when most of them do: then they were people.
"""

import abc
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from detections import crowd
from detections.crowd import Crowd
from detections.logins import is_known
from detections.model import Candidate, Concerned, Evidence, Metadata, Number, Severity, Step
from detections.settings import PolicySettings
from detections.sources import (
    MAX_ENTERED,
    USER_CHARS,
    Assault,
    Logins,
    Mark,
    Source,
    hashed,
)
from detections.state import goes_on
from detections.subject import name_of
from detections.wording import clock, count, plain
from schemas.attempt import Attempt, By

WindowMinutes = Annotated[int, Meta(ge=5, le=60)]
"""Counted by aligned panes of five minutes, so rounded up to those."""
SHOWN_USERS: Final = 20
WHY: Final = {
    "own_network": "the company has listed the network as its own",
    "learning": "which networks are usual is not known yet",
}


class AssaultSettings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    success_severity: Severity = "high"


class MassLogins(abc.ABC):
    """A policy on attempts to log in. It says when there are too many, and in which words."""

    metadata: ClassVar[Metadata]
    by: ClassVar[By]
    settings: AssaultSettings

    def judge(self, attempt: Attempt, source: Source) -> Sequence[Candidate]:
        """Candidates for `attempt`, which `source` has taken in already."""
        kept = source.logins
        if kept is None or attempt.by != self.by:
            return ()
        name = self.metadata.id
        assault = kept.assaults.get(name)
        if assault is not None and not goes_on(assault.first.first_ms, attempt.time_ms):
            del kept.assaults[name]
            assault = None
        if assault is not None:
            return self._grown(attempt, kept, assault)
        if attempt.type == "login":
            return ()
        found = self.too_many(attempt, kept)
        if found is None:
            return ()
        kept.assaults[name] = assault = self._begun(attempt, kept, found)
        assault.reason = self.quiet(attempt, kept)
        return (self._candidate("suppress" if assault.reason else "create", attempt, kept, assault, found),)

    @abc.abstractmethod
    def too_many(self, attempt: Attempt, kept: Logins) -> Crowd | None:
        """The crowd that is too large, None where there is none."""

    @abc.abstractmethod
    def quiet(self, attempt: Attempt, kept: Logins) -> str:
        """Reason code for not raising it, empty where it is raised."""

    @abc.abstractmethod
    def words(self, attempt: Attempt, kept: Logins, found: Crowd) -> str:
        """Where it comes from."""

    @abc.abstractmethod
    def allowed(self, found: Crowd) -> str:
        """What is too many, in words."""

    @abc.abstractmethod
    def concerned(self, attempt: Attempt, kept: Logins) -> tuple[Concerned, ...]:
        """The networks that it comes from."""

    def _begun(self, attempt: Attempt, kept: Logins, found: Crowd) -> Assault:
        marks = [each for each in kept.marks if each.number >= found.first_pane]
        entered = {
            kept.names.get(user, "")
            for user, each in kept.accounts.items()
            if each.entered_s and each.pane >= found.first_pane
        }
        first = marks[0] if marks else Mark(found.first_pane, 1, attempt.time_ms, attempt.event_id, attempt.ip, "")
        return Assault(
            first=structs.replace(first),
            last_ms=max(attempt.time_ms, *(each.first_ms for each in marks)) if marks else attempt.time_ms,
            count=max(1, sum(each.count for each in marks)),
            told=found.users,
            lucky=found.entered,
            entered=sorted(entered - {""})[:MAX_ENTERED],
        )

    def _grown(self, attempt: Attempt, kept: Logins, assault: Assault) -> Sequence[Candidate]:
        if assault.reason:
            return ()
        if attempt.type != "login":
            assault.count += 1
        news = self._newly_entered(attempt, kept, assault)
        if attempt.type != "login" or news:
            assault.last_ms = max(assault.last_ms, attempt.time_ms)
        if attempt.type != "login" and not news and len(kept.accounts) + len(kept.guessed) < 2 * assault.told:
            return ()
        found = crowd.crowd(kept, assault.first.number)
        assault.lucky = max(assault.lucky, found.entered, len(assault.entered))
        step: Step = "update"
        if 2 * found.entered > found.users:
            del kept.assaults[self.metadata.id]  # what comes next is another
            step = "close"
        elif not news and found.users < 2 * assault.told:
            return ()
        assault.told = max(assault.told, found.users)
        return (self._candidate(step, attempt, kept, assault, found),)

    def _newly_entered(self, attempt: Attempt, kept: Logins, assault: Assault) -> bool:
        name = attempt.user[:USER_CHARS]
        if name in assault.entered or len(assault.entered) >= MAX_ENTERED:
            return False
        failing = kept.accounts.get(hashed(attempt.user))
        if failing is not None:
            entered = failing.entered_s * 1000 >= assault.first.first_ms - 1000
        else:  # there was no room for all who failed: a stranger who gets in now may be one of them
            since = attempt.type == "login" and attempt.time_ms >= assault.first.first_ms
            entered = since and crowd.full(kept, assault.first.number) and not is_known(kept, attempt)
        if entered:
            assault.entered.append(name)
        return entered

    def _candidate(self, step: Step, attempt: Attempt, kept: Logins, assault: Assault, found: Crowd) -> Candidate:
        first, here = assault.first, evidence(attempt)
        begun = Evidence(first.first_id, first.first_ms, "failed_login", first.first_ip, user=first.first_user)
        shown = (here,) if here.event_id == begun.event_id else (begun, here)
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=first.first_id,
            severity=self.settings.success_severity if assault.lucky else self.settings.severity,
            raises=self.settings.raises,
            message=self._message(step, attempt, kept, assault, found),
            first_ms=first.first_ms,
            last_ms=assault.last_ms,
            count=assault.count,
            numbers=self._numbers(kept, assault, found),
            evidence=tuple(sorted(shown, key=lambda each: each.time_ms)),
            suppressed=assault.reason,
            concerned=(*self.concerned(attempt, kept), *_users(kept, assault)),
        )

    def _message(self, step: Step, attempt: Attempt, kept: Logins, assault: Assault, found: Crowd) -> str:
        least = "at least " if crowd.full(kept, assault.first.number) else ""
        first_ms = assault.first.first_ms
        text = (
            f"{self.words(attempt, kept, found)}: {least}{count(found.users, 'user')} who were not known there failed "
        )
        text += f"to log in from {clock(first_ms)} to {clock(assault.last_ms, first_ms)}"
        if found.guessed:
            text += f", {found.guessed} of them names that nobody has"
        text += f", {found.tries / max(1, found.users):.1f} tries each"
        if step in ("create", "suppress"):
            text += f"; {self.allowed(found)} are too many"
        if assault.lucky:
            shown = ", ".join(plain(name_of(each)) for each in assault.entered[:3])
            more = assault.lucky - min(3, len(assault.entered))
            others = f" and {more} more" if more and shown else f"{more} of them" if more else ""
            text += f"; then {shown}{others} got in from there"
        if step == "close":
            text += ". Most of them got in since, so they were people"
        if assault.reason:
            text += f". Not raised: {WHY[assault.reason]}"
        return f"{text}."

    def _numbers(self, kept: Logins, assault: Assault, found: Crowd) -> tuple[Number, ...]:
        numbers = [
            Number("users", found.users, None, "users"),
            Number("failed logins", assault.count, None, "logins"),
            Number("names that nobody has", found.guessed, None, "names"),
            Number("networks", found.networks, None, "networks"),
        ]
        if assault.lucky:
            numbers.append(Number("users who got in", assault.lucky, None, "users"))
        return tuple(numbers)


def evidence(attempt: Attempt) -> Evidence:
    """`attempt` as evidence."""
    return Evidence(
        attempt.event_id,
        attempt.time_ms,
        attempt.type,
        attempt.ip,
        attempt.country,
        asn=attempt.asn,
        organisation=attempt.organisation,
        client=attempt.client,
        path=attempt.path,
        user=attempt.user,
    )


def _users(kept: Logins, assault: Assault) -> list[Concerned]:
    """Those who got in, then those who failed most: some of them."""
    shown = [Concerned("user", name, ("got in",)) for name in assault.entered]
    failing = sorted(
        ((-(each.today + each.before), name) for user, name in kept.names.items() if (each := kept.accounts.get(user)))
    )
    for tries, name in failing:
        if name not in assault.entered and len(shown) < SHOWN_USERS:
            shown.append(Concerned("user", name, (count(-tries, "failed login"),)))
    return shown
