"""Findings about egnyte-watch itself: no person's doing, raised when it can't do its work and closed when it can again.

They are OCSF findings like all others, on `egnyte.alerts`. Their subject stands where a user stands elsewhere:
`egnyte-watch/policies`, or a connector.
"""

from typing import Final

from msgspec.structs import replace

from detections.finding import finding, identified
from detections.model import Candidate, Metadata
from schemas import finding as schema
from schemas import ocsf
from schemas.activity import Person

ITSELF: Final = "egnyte-watch"
"""Stands where a finding names its connector, for what concerns all of them."""

POLICY_REJECTED: Final = Metadata(
    id="policy_rejected",
    version="1.0",
    title="Policy files rejected",
    description=(
        "The policy files were changed so that they can't be used. The policies that were in force before stay in "
        "force, all of them, until the files are mended."
    ),
    techniques=(),
    severity="medium",
    raises="alert",
    false_positives=("Files that are still being edited, or rolled out to one host after the other.",),
    triage="Read the mistakes: each names file, line, field and what would be right. Ask who changed the files.",
    remediation="Mend the files, or take back the last change. `egnyte-watch policies check` says when they are right.",
    category="configuration_control",
)


def system_finding(
    candidate: Candidate, policy: Metadata, *, connector: str, subject: str, kind: str, set_hash: str, version: str
) -> schema.Finding:
    """The finding that `candidate` of `policy` becomes. `subject`: what is concerned, such as `egnyte-watch/policies`,
    where other findings have their user key; `kind`: what that is, in words. `version`: of egnyte-watch. `set_hash`:
    of the policies in force."""
    record = finding(
        candidate,
        policy,
        connector=connector,
        user_key=subject,
        actor=Person(kind="system", name=ITSELF),
        set_hash=set_hash,
        product_version=version,
    )
    resource = ocsf.Resource(subject, subject.partition("/")[2] or subject, kind, 3, "Affected")
    return identified(replace(record, resources=(resource,)))
