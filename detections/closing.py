"""Findings that end without a policy's doing: closed or opened again by a person, or withdrawn by a replay.

Each is the finding as it stood, with what has changed: so it is whole, like every record of a finding. Pure: the same
finding and verdict give the same bytes.
"""

from typing import Final

from msgspec.structs import replace

from detections.evidence import cut
from detections.finding import MESSAGE_CHARS, identified
from detections.wording import clock, plain
from schemas.finding import Finding, VerdictId
from schemas.verdict import Opinion, Verdict

VERDICT: Final = "verdict"
WITHDRAWN: Final = "withdrawn"
PROFILE: Final = "incident"
"""OCSF's, which has verdicts."""

_VERDICTS: Final[dict[Opinion, tuple[VerdictId, str]]] = {
    "true-positive": (2, "True Positive"),
    "benign": (5, "Benign"),
    "false-positive": (1, "False Positive"),
}
_SAID: Final[dict[Opinion, str]] = {
    "true-positive": "a true positive",
    "benign": "benign",
    "false-positive": "a false positive",
}


def closed(verdict: Verdict, time_ms: int) -> Finding:
    """The Close of the finding that `verdict`, given at `time_ms`, speaks of."""
    if verdict.opinion is None:
        raise ValueError("a close has an opinion")
    found, opinion = verdict.finding, verdict.opinion
    verdict_id, name = _VERDICTS[opinion]
    words = f"Closed as {_SAID[opinion]} by {plain(verdict.by)} at {clock(time_ms)}."
    record = replace(
        _ended(found, words, VERDICT, time_ms),
        verdict_id=verdict_id,
        verdict=name,
        comment=verdict.comment,
        metadata=replace(found.metadata, profiles=(PROFILE,)),
    )
    return identified(replace(record, unmapped=replace(record.unmapped, judged_by=verdict.by)))


def reopened(verdict: Verdict, time_ms: int) -> Finding:
    """The Update that opens the finding again that `verdict`, given at `time_ms`, speaks of."""
    found = verdict.finding
    return identified(
        replace(
            found,
            activity_id=2,
            activity_name="Update",
            type_uid=200402,
            type_name="Detection Finding: Update",
            status_id=1,
            status="New",
            status_detail="",
            verdict_id=None,
            verdict="",
            comment=verdict.comment,
            time=time_ms,
            message=_with(found.message, f"Opened again by {plain(verdict.by)} at {clock(time_ms)}."),
            metadata=replace(found.metadata, profiles=()),
            finding_info=replace(found.finding_info, created_time=None, modified_time=time_ms),
            unmapped=replace(found.unmapped, step="update", judged_by=verdict.by, govern=()),
        )
    )


def withdrawn(found: Finding, set_hash: str) -> Finding:
    """The Close of `found`, which was not raised again when history was judged again by the policies of `set_hash`.

    It carries no time of its own, so that whoever writes it again writes the same.
    """
    words = "Withdrawn: history was judged again, and today's policies do not raise it."
    record = _ended(found, words, WITHDRAWN, found.time)
    labels = tuple(
        f"policy-set:{set_hash}" if label.startswith("policy-set:") else label for label in found.metadata.labels
    )
    return identified(
        replace(
            record,
            metadata=replace(record.metadata, labels=labels),
            unmapped=replace(record.unmapped, policy_set=set_hash),
        )
    )


def _ended(found: Finding, words: str, detail: str, time_ms: int) -> Finding:
    return replace(
        found,
        activity_id=3,
        activity_name="Close",
        type_uid=200403,
        type_name="Detection Finding: Close",
        status_id=4,
        status="Resolved",
        status_detail=detail,
        time=time_ms,
        message=_with(found.message, words),
        finding_info=replace(found.finding_info, created_time=None, modified_time=time_ms),
        unmapped=replace(found.unmapped, step="close", govern=()),
    )


def _with(message: str, words: str) -> str:
    """`message` and then `words`, which stay whole."""
    return f"{cut(message, MESSAGE_CHARS - len(words) - 1)} {words}"
