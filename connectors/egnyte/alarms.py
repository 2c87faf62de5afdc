"""The findings of a connector about itself: raised once for each episode, closed when it is over.

What is open stands in the status record, which is written in one transaction with the findings: a process that is
killed at any moment neither doubles one nor loses it. Pure.
"""

from typing import Final

from msgspec.structs import replace

from connectors.egnyte.health import Kind, Trouble, silence_of, troubles, usual_gap_ms
from detections.finding import MESSAGE_CHARS
from detections.model import Candidate, Metadata, Number, Step
from detections.system_findings import system_finding
from detections.wording import clock, duration
from schemas.connector import Episode, StatusRecord, Watch
from schemas.finding import Finding
from streams.sections import DAY_MS, HOUR_MS
from streams.version import VERSION

POLICY_SET: Final = "none"
"""No policy has a say in these."""

DISCONNECTED: Final = Metadata(
    id="connector_disconnected",
    version="1.0",
    title="Egnyte connector disconnected",
    description="No good answer has come from Egnyte for two hours: what happens there is not seen, and not judged.",
    techniques=(),
    severity="high",
    raises="alert",
    false_positives=("The connector's process was stopped on purpose for hours.",),
    triage="`egnyte-watch status` says what Egnyte answered last and what to do about it.",
    remediation=(
        "Mend what `egnyte-watch status` names; `egnyte-watch rotate` for a new token. Events of up to 7 days are "
        "fetched when the connector is back."
    ),
    category="configuration_control",
)
SILENT: Final = Metadata(
    id="connector_silent",
    version="1.0",
    title="No events from Egnyte",
    description=(
        "Egnyte answers, and has told no event for three times as long as the longest usual gap of the last 28 days. "
        "Either nobody works, or audit events are held back."
    ),
    techniques=(),
    severity="medium",
    raises="alert",
    false_positives=("Company holidays longer than any break of the last 28 days.",),
    triage="Look into Egnyte's own audit reports: do they have events of this time?",
    remediation="Where Egnyte's reports have events that did not come, ask Egnyte; where they have none, it is quiet.",
    category="configuration_control",
)
RENEWAL: Final = Metadata(
    id="token_renewal",
    version="1.0",
    title="Egnyte token to be renewed",
    description="The token is older than six months, or ends within 14 days and has not renewed itself.",
    techniques=(),
    severity="low",
    raises="alert",
    false_positives=(),
    triage="`egnyte-watch status` shows the token's age and end.",
    remediation="`egnyte-watch rotate` gets a new token and goes on where it was.",
    category="configuration_control",
)
POLICIES: Final[dict[str, Metadata]] = {each.id: each for each in (DISCONNECTED, SILENT, RENEWAL)}
ENDED: Final = frozenset({"disabled", "disconnected"})
"""States in which nothing is wrong, for nothing is wanted."""


def subject(connector: str) -> str:
    """What stands where other findings have their user key."""
    return f"{connector}/~connector"


def turn(status: StatusRecord, now_ms: int) -> tuple[StatusRecord, list[Finding]]:
    """The status with the episodes that are open by now, and the findings that say what has changed."""
    watch = status.watch
    if watch is None:
        return status, []
    found = [] if status.state in ENDED else [each for each in troubles(status, watch) if each.due_ms <= now_ms]
    wrong: dict[str, Trouble] = {each.kind: each for each in found}
    opened = dict(watch.open)
    findings = []
    for kind, episode in watch.open.items():
        if _over(kind, episode, wrong, status):
            del opened[kind]
            findings.append(_finding("close", kind, episode, status, watch, now_ms))
    for kind, trouble in wrong.items():
        if kind not in opened:
            opened[kind] = Episode(trouble.anchor, trouble.since_ms)
            findings.append(_finding("create", kind, opened[kind], status, watch, now_ms))
    return replace(status, watch=replace(watch, open=opened)), findings


def next_due_ms(status: StatusRecord) -> int | None:
    """When something that is not wrong yet will be, if nothing changes; None where nothing will."""
    if status.watch is None or status.state in ENDED:
        return None
    waiting = (each.due_ms for each in troubles(status, status.watch) if each.kind not in status.watch.open)
    return min(waiting, default=None)


def _over(kind: str, episode: Episode, wrong: dict[str, Trouble], status: StatusRecord) -> bool:
    """Whether what was wrong is not so any more. A silence ends with an event alone: without answers nobody knows."""
    if status.state in ENDED:
        return True
    if kind == "connector_silent":
        return episode.anchor != silence_of(status)
    return kind not in wrong or (kind == "token_renewal" and wrong[kind].anchor != episode.anchor)


def _finding(step: Step, kind: str, episode: Episode, status: StatusRecord, watch: Watch, now_ms: int) -> Finding:
    policy = POLICIES[kind]
    numbers: tuple[Number, ...] = ()
    name, lasted = status.connector, duration(max(0, now_ms - episode.since_ms))
    since = clock(episode.since_ms)
    match kind:
        case "connector_disconnected":
            wrong = f" ({status.error_kind}: {status.error})" if status.error else ""
            said = f"No good answer from Egnyte to connector {name} since {since}, for {lasted}{wrong}."
            over = f"Connector {name} has good answers again. It had none for {lasted}, since {since}."
            numbers = (Number("time without a good answer", round((now_ms - episode.since_ms) / HOUR_MS, 1), 2, "h"),)
        case "connector_silent":
            usual_ms = usual_gap_ms(watch)
            said = (
                f"Egnyte answers connector {name}, and has told no event since {since}, for {lasted}. The longest "
                f"usual gap is {duration(usual_ms)}."
            )
            over = f"Events come to connector {name} again. There had been none since {since}."
            observed_h = round((now_ms - episode.since_ms) / HOUR_MS, 1)
            numbers = (Number("time without events", observed_h, round(usual_ms / HOUR_MS, 1), "h"),)
        case _:
            token = status.token
            ends = f", and ends at {clock(token.expires_ms)}" if token is not None and token.expires_ms else ""
            said = (
                f"The token of connector {name} is of {since}, {(now_ms - episode.since_ms) // DAY_MS} days old{ends}."
            )
            over = f"The token of connector {name} has been renewed. The one before was of {since}."
    if status.state in ENDED:
        over = f"Connector {name} was {status.state}."
    candidate = Candidate(
        policy=kind,
        step=step,
        anchor=episode.anchor,
        severity=policy.severity,
        raises=policy.raises,
        message=(over if step == "close" else said)[:MESSAGE_CHARS],
        first_ms=episode.since_ms,
        last_ms=max(now_ms, episode.since_ms),
        numbers=numbers,
    )
    return system_finding(
        candidate, policy, connector=name, subject=subject(name), kind="Egnyte connector", set_hash=POLICY_SET,
        version=VERSION,
    )  # fmt: skip


__all__ = ["POLICIES", "Kind", "next_due_ms", "subject", "turn"]
