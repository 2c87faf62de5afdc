"""`governance_breaker`: policies wanted to lock out more people than they may; and when that is over. Pure."""

from typing import Final

from agents.governing.ledger import Episode
from agents.governing.requests import is_held
from detections.model import Candidate, Metadata, Number
from detections.system_findings import ITSELF, system_finding
from schemas.finding import Finding
from schemas.governance import GovernanceRecord
from streams.version import VERSION

SUBJECT: Final = f"{ITSELF}/governance"
MOST_NAMED: Final = 10
BREAKER: Final = Metadata(
    id="governance_breaker",
    version="1.1",
    title="Governance stopped itself",
    description=(
        "Policies wanted to lock out more people than they may within 15 minutes or a day (governance.yaml, breaker). "
        "Further ones are held until somebody asks for them, for a day at most; then the finding is closed."
    ),
    techniques=(),
    severity="high",
    raises="alert",
    false_positives=("A policy that was changed and now finds what everybody does.",),
    triage="`egnyte-watch govern log --held` says whom, and by which policy. Is that an attack, or the policy?",
    remediation="`egnyte-watch govern retry` lets an action go on; mend the policy, or set its mode to off.",
    category="configuration_control",
)


def breaker_finding(record: GovernanceRecord, episode: Episode | None) -> Finding | None:
    """What is to be said now that `record` is held in `episode` (None: it begins one), or that with `record` nothing is
    held any more. None where nothing is: of many that are held, it is told at doublings.
    """
    first = episode.first if episode else record
    users = dict(episode.users) if episode else {}
    if is_held(record):
        users[record.uid] = record.user
        if len(users) & (len(users) - 1):
            return None
    names = list(dict.fromkeys(users.values()))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    told = f"{', '.join(names[:MOST_NAMED])}{more}"
    over = f"Nothing is held any more at {record.connector}: what was about {told} was let go, or has expired."
    candidate = Candidate(
        policy=BREAKER.id,
        step="close" if not is_held(record) else "update" if episode else "create",
        anchor=f"{record.connector}-{first.uid}",
        severity=BREAKER.severity,
        raises=BREAKER.raises,
        message=f"Held at {record.connector}: {told}. {record.detail}." if is_held(record) else over,
        first_ms=first.at_ms,
        last_ms=max(record.at_ms, first.at_ms),
        count=len(users),
        numbers=(Number("actions held", len(users)),),
    )
    return system_finding(
        candidate, BREAKER, connector=record.connector, subject=SUBJECT, kind="Governance", set_hash="none",
        version=VERSION,
    )  # fmt: skip
