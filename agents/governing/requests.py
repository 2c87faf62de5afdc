"""From findings and people's wishes to requests. Pure: the same finding gives the same requests."""

import uuid
from typing import Final

from msgspec.structs import replace

from agents.governing.kinds import KINDS, Where, strongest_first
from schemas.finding import Finding
from schemas.governance import WHY_CHARS, Action, GovernanceRecord, State, action_uid

NOBODY: Final = frozenset({"~system", "~anonymous", "~unknown"})
"""How user keys of those begin who have no account."""
FIRST_RETRY_MS: Final = 5_000
LONGEST_RETRY_MS: Final = 600_000
RETRY_FOR_MS: Final = 3_600_000
"""After an hour somebody else has acted, or should."""


def requests_of(finding: Finding, now_ms: int) -> list[GovernanceRecord]:
    """What `finding` asks for: one request for each action, the strongest first.

    Nothing for closes and for what was suppressed; and, where it is about a network or a link, no more than `notify`:
    whoever else it names may have nothing to do with it. `now_ms`: ms since the epoch.
    """
    more = finding.unmapped
    if more.step not in {"create", "update"}:
        return []
    asked = [action for action in KINDS if action in more.govern]
    user = more.user_key.removeprefix(f"{more.connector}/")
    if not user or user.partition("-")[0] in NOBODY:
        asked, user = [action for action in asked if action == "notify"], ""
    origin = finding.finding_info.uid
    request = GovernanceRecord(
        uid="", connector=more.connector, action="notify", state="requested", user=user, origin=origin, at_ms=now_ms,
        requested_ms=now_ms, policy=more.policy, why=finding.finding_info.title[:WHY_CHARS], found_ms=finding.time,
    )  # fmt: skip
    return [
        replace(request, uid=action_uid(origin, action, user, more.connector), action=action)
        for action in strongest_first(asked)
    ]


def asked_by(
    person: str, action: Action, user: str, connector: str, now_ms: int, why: str = "", request: str = ""
) -> GovernanceRecord:
    """What `person` asks for by hand. `request`: names this wish; made up where it is not given."""
    origin = request or str(uuid.uuid4())
    return GovernanceRecord(
        uid=action_uid(origin, action, user, connector), connector=connector, action=action, state="requested",
        user=user, origin=origin, at_ms=now_ms, requested_ms=now_ms, by=person, why=why[:WHY_CHARS],
    )  # fmt: skip


def again(record: GovernanceRecord, person: str, now_ms: int, why: str = "") -> GovernanceRecord:
    """`record`'s action, asked for once more by a person. Raises ValueError for one that is under way or done."""
    if record.state not in {"failed", "skipped", "uncertain"} and not is_held(record):
        raise ValueError(f"action {record.uid} is {record.state}: only what failed, was skipped, is held or uncertain")
    return outcome(record, "requested", now_ms, by=person, why=why[:WHY_CHARS] or record.why)


def undo(record: GovernanceRecord, person: str, now_ms: int, why: str = "") -> GovernanceRecord:
    """A request that undoes `record`'s action. Raises ValueError for one that was not done, or can't be undone."""
    kind = KINDS[record.action]
    if record.state not in {"succeeded", "uncertain"}:
        raise ValueError(f"action {record.uid} is {record.state}: there is nothing to undo")
    if kind.undone_by is None:
        raise ValueError(f"{record.action} can't be undone")
    # Named after what it undoes: asked for twice, it is one action.
    opposite = asked_by(person, kind.undone_by, record.user, record.connector, now_ms, why, request=record.uid)
    return replace(opposite, reverts=record.uid)


def resumed(record: GovernanceRecord, now_ms: int) -> GovernanceRecord:
    """The next attempt at what a process that has ended had started; what was before is still what was before."""
    return outcome(record, "started", now_ms, attempt=record.attempt + 1)


def reverted(record: GovernanceRecord, now_ms: int, by: str = "") -> GovernanceRecord:
    """`record`'s action, undone."""
    return outcome(record, "reverted", now_ms, by=by or record.by)


def instead(record: GovernanceRecord, action: Action, now_ms: int) -> GovernanceRecord:
    """The request for `action` in place of `record`'s, which has no effect on this user."""
    return replace(
        record, uid=action_uid(record.origin, action, record.user, record.connector), action=action, state="requested",
        at_ms=now_ms, requested_ms=now_ms, reason="", detail=f"in place of {record.action}, which has no effect here",
        advice="", warnings=(), attempt=0, took_ms=0,
    )  # fmt: skip


def outcome(record: GovernanceRecord, state: State, now_ms: int, **facts: object) -> GovernanceRecord:
    """`record`'s action in `state`, with nothing left of what stood in its way before, but `facts`."""
    since_ms = now_ms - record.at_ms if record.state == "started" else 0
    cleared = {"reason": "", "detail": "", "advice": "", "took_ms": max(0, since_ms)}
    return replace(record, **(cleared | facts | {"state": state, "at_ms": now_ms}))


def is_held(record: GovernanceRecord) -> bool:
    """Whether the breaker holds it, until a person asks for it."""
    return record.state == "requested" and record.reason == "breaker"


def is_passing(record: GovernanceRecord) -> bool:
    """Whether what stood in its way passes by itself."""
    return record.reason in {"throttled", "unavailable"}


def retry_ms(record: GovernanceRecord) -> int:
    """When what has `failed` is tried again by itself (ms since the epoch); 0 for never.

    It waits as long again as it has been since it was asked for, within `FIRST_RETRY_MS` and `LONGEST_RETRY_MS`: so the
    pauses double, and nothing has to be counted.
    """
    passed_ms = record.at_ms - record.requested_ms
    if record.state != "failed" or not is_passing(record) or passed_ms >= RETRY_FOR_MS:
        return 0
    return record.at_ms + min(max(passed_ms, FIRST_RETRY_MS), LONGEST_RETRY_MS)


def retried(record: GovernanceRecord, now_ms: int) -> GovernanceRecord:
    """The request by which `record`, which has failed, is tried again by itself."""
    return outcome(record, "requested", now_ms, reason=record.reason, detail="tried again by itself")


def unconnected(record: GovernanceRecord, now_ms: int) -> GovernanceRecord:
    """The outcome of `record` where nothing is connected that could do it."""
    names: dict[Where, str] = {"entra": "Entra ID", "egnyte": "Egnyte", "mail": "Entra ID, which sends mail,"}
    where = KINDS[record.action].where
    return outcome(
        record, "failed", now_ms, reason="login", detail=f"{names[where]} is not connected",
        advice=f"set the {'egnyte' if where == 'egnyte' else 'entra'} settings of the worker",
    )  # fmt: skip
