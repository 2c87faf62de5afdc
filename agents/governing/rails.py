"""Whether a request may act now. Pure; asked when it is about to start, not when it was asked for."""

from collections.abc import Callable
from typing import Final

import msgspec

from agents.governing.kinds import CONTAINED, INSTEAD, KINDS
from agents.governing.ledger import Ledger
from agents.governing.requests import RETRY_FOR_MS, is_held, is_passing
from agents.governing.rules import DAY_MS, MINUTE_MS, Rules
from agents.governing.standing import Standing
from schemas.governance import Action, GovernanceRecord, Reason

WONT_LAST: Final = "the account comes from an on-premises directory, which enables it again within half an hour"
UNKNOWN_SIGN_IN: Final = "it is not known how the user signs in to Egnyte: this may have no effect there"
EGNYTE_GOES_ON: Final = "sessions and tokens of Egnyte itself go on until they end"


class Go(msgspec.Struct, frozen=True):
    """It may start. `warnings`: what it will not do."""

    warnings: tuple[str, ...] = ()


class Skip(msgspec.Struct, frozen=True):
    """It is not to be done. `instead`: what does the same where this has no effect."""

    reason: Reason
    detail: str
    advice: str = ""
    instead: Action | None = None


class Hold(msgspec.Struct, frozen=True):
    """The breaker holds it until a person asks for it."""

    detail: str


Decision = Go | Skip | Hold


def decide(
    request: GovernanceRecord, standing: Standing, rules: Rules, ledger: Ledger, *, people: int, now_ms: int
) -> Decision:
    """Whether `request`, which is due, may start. `people`: how many the directory knows; `now_ms`: ms since the epoch.

    What a person asks for passes all rails but the mode `off` and the protected accounts: they know what they do.
    """
    mode = rules.mode_of(request.connector, request.policy)
    by_policy = not request.by
    if mode == "off":
        return Skip("off", f"governance is off for {request.policy or request.connector}")
    if by_policy and (old := _too_old(request, rules, now_ms)):
        return old
    if is_passing(request) and now_ms - request.at_ms >= RETRY_FOR_MS:
        return Skip("too_old", "it was to be tried again by itself an hour ago", "ask for it again")
    if not request.user:  # `notify`: about nobody, so of no danger to anybody
        return Skip("dry_run", "would have been done") if by_policy and mode == "dry-run" else Go()
    if entry := rules.protects(standing.names):
        return Skip("protected", f"the account is protected by {entry!r}", "act by hand, outside of this program")
    kind = KINDS[request.action]
    if by_policy and (refusal := _left_alone(request, standing, rules)):
        return refusal

    def may(other: GovernanceRecord) -> bool:
        return isinstance(decide(other, standing, rules, ledger, people=people, now_ms=now_ms), Go)

    if by_policy and (stronger := _stronger(request, ledger, may)):
        return Skip("stronger", f"{stronger.action} ({stronger.uid}) does that as well")
    if kind.where == "entra" and not standing.by_entra:
        return Skip(
            "no_effect", "no effect at Egnyte: the user signs in with a password of Egnyte's", "",
            INSTEAD.get(request.action),
        )  # fmt: skip
    if not (standing.entra_ids if kind.where == "entra" else standing.egnyte_ids) and kind.where != "mail":
        name = "Entra ID" if kind.where == "entra" else "Egnyte"
        return Skip("unknown_user", f"no account of the user is known in {name}", f"connect {name}, or act by hand")
    if by_policy and mode == "dry-run":
        return Skip("dry_run", "would have been done", "set the mode to on to let it act")
    if by_policy and kind.locks and (full := _breaker(request, rules, ledger, people, now_ms)):
        return Hold(full)
    return Go(_warnings(request, standing))


def forbids_more(request: GovernanceRecord, standing: Standing, rules: Rules, now_ms: int) -> Skip | None:
    """Why what had been `started` by a process that has ended is not to be gone on with; None where it is."""
    mode = rules.mode_of(request.connector, request.policy)
    if mode == "off" or (mode == "dry-run" and not request.by):
        return Skip(
            "off" if mode == "off" else "dry_run", f"governance is {mode} for {request.policy or request.connector} now"
        )
    if request.user and (entry := rules.protects(standing.names)):
        return Skip("protected", f"the account is protected by {entry!r} now", "act by hand, outside of this program")
    if now_ms - request.at_ms >= RETRY_FOR_MS:
        return Skip(
            "too_old", "it was begun more than an hour ago", "look whether it is still wanted; ask for it again"
        )
    return None


def _too_old(request: GovernanceRecord, rules: Rules, now_ms: int) -> Skip | None:
    if now_ms - request.found_ms <= rules.max_age_minutes * MINUTE_MS:
        return None
    minutes = (now_ms - request.found_ms) // MINUTE_MS
    return Skip("too_old", f"the finding is {minutes} minutes old, and acts no longer by itself", "ask for it by hand")


def _left_alone(request: GovernanceRecord, standing: Standing, rules: Rules) -> Skip | None:
    """Whom policies leave alone. Mail harms nobody."""
    if KINDS[request.action].where == "mail":
        return None
    if standing.privileged and not rules.act_on_privileged:
        return Skip("privileged", "the user is an administrator", "ask for it by hand, or set act_on_privileged")
    if standing.guest and not rules.act_on_guests:
        return Skip("guest", "the user is a guest, whose sessions live in another tenant", "ask for it by hand")
    return None


def _stronger(
    request: GovernanceRecord, ledger: Ledger, may: Callable[[GovernanceRecord], bool]
) -> GovernanceRecord | None:
    """An action that contains this one, on the same user, that is due and `may` act, is under way, or holds."""
    wanted = CONTAINED.get(request.action)
    if wanted is None:
        return None
    known = list(ledger.of_user(request.connector, request.user))
    opposite = KINDS[wanted].undone_by
    undone_ms = max((each.at_ms for each in known if each.action == opposite and each.state == "succeeded"), default=0)
    for other in known:
        if other.action != wanted:
            continue
        if other.state == "succeeded" and other.at_ms > undone_ms and request.requested_ms - other.at_ms < DAY_MS:
            return other
        if other.state == "started" or (other.state == "requested" and not is_held(other) and may(other)):
            return other
    return None


def _breaker(request: GovernanceRecord, rules: Rules, ledger: Ledger, people: int, now_ms: int) -> str:
    """Why nobody may be locked out now; empty where somebody may."""
    breaker = rules.breaker
    users = set(ledger.locks_since(request.connector, now_ms - DAY_MS))
    if request.user in users:
        return ""
    lately = set(ledger.locks_since(request.connector, now_ms - breaker.minutes * MINUTE_MS))
    if len(lately) >= breaker.locks:
        return f"{len(lately)} people were locked out in the last {breaker.minutes} minutes, and {breaker.locks} may be"
    if len(users) >= (most := breaker.a_day(people)):
        return f"{len(users)} of {people} people were locked out within a day, and {most} may be"
    return ""


def _warnings(request: GovernanceRecord, standing: Standing) -> tuple[str, ...]:
    kind = KINDS[request.action]
    found = []
    if kind.where == "entra" and (kind.locks or kind.opens) and standing.synced:
        found.append(WONT_LAST)
    if kind.where == "entra" and not kind.opens:
        found.append(EGNYTE_GOES_ON if standing.auth_type else UNKNOWN_SIGN_IN)
    return tuple(found)
