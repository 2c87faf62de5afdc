"""`governance_breaker`: says that policies wanted to lock out more people than they may. Pure."""

from collections.abc import Sequence
from typing import Final

from detections.model import Candidate, Metadata, Number
from detections.system_findings import ITSELF, system_finding
from schemas.finding import Finding
from schemas.governance import GovernanceRecord
from streams.version import VERSION

SUBJECT: Final = f"{ITSELF}/governance"
MOST_NAMED: Final = 10
BREAKER: Final = Metadata(
    id="governance_breaker",
    version="1.0",
    title="Governance stopped itself",
    description=(
        "Policies wanted to lock out more people than they may within 15 minutes or a day (governance.yaml, breaker). "
        "Further ones are held until somebody asks for them."
    ),
    techniques=(),
    severity="high",
    raises="alert",
    false_positives=("A policy that was changed and now finds what everybody does.",),
    triage="`egnyte-watch govern log --held` says whom, and by which policy. Is that an attack, or the policy?",
    remediation="`egnyte-watch govern retry` lets an action go on; mend the policy, or set its mode to off.",
    category="configuration_control",
)


def breaker_finding(held: GovernanceRecord, before: Sequence[GovernanceRecord]) -> Finding:
    """The finding, now that `held` is held as well as those `before` it. One episode lasts while any is held."""
    same = [record for record in before if record.connector == held.connector and record.uid != held.uid]
    first = min(same, key=lambda record: record.at_ms, default=held)
    names = list(dict.fromkeys(record.user for record in (*same, held)))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    candidate = Candidate(
        policy=BREAKER.id,
        step="update" if same else "create",
        anchor=f"{held.connector}-{first.uid}",
        severity=BREAKER.severity,
        raises=BREAKER.raises,
        message=f"Held at {held.connector}: {', '.join(names[:MOST_NAMED])}{more}. {held.detail}.",
        first_ms=first.at_ms,
        last_ms=max(held.at_ms, first.at_ms),
        count=len(same) + 1,
        numbers=(Number("actions held", len(same) + 1),),
    )
    return system_finding(
        candidate, BREAKER, connector=held.connector, subject=SUBJECT, kind="Governance", set_hash="none",
        version=VERSION,
    )  # fmt: skip
