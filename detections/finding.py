"""From what a policy says to what travels: a candidate becomes an OCSF finding.

Pure and deterministic: no clock, no randomness, so the same history gives the same findings, byte for byte.
"""

import uuid
from typing import Final

from msgspec.structs import replace

from detections.evidence import cut, evidences, number_text, observables
from detections.model import Candidate, Metadata, Number, Severity, Step, Technique
from detections.subject import Subject, user_subject
from schemas import finding as schema
from schemas import ocsf
from schemas.activity import Person

NAMESPACE: Final = uuid.UUID("2f982f58-72f7-41a5-9a83-151ba6f76d21")
"""Made once at random. A change of it gives every finding a new uid: consumers would see all of them twice."""

PRODUCT: Final = "egnyte-watch"
ATTACK_VERSION: Final = "17.1"
"""Release of MITRE ATT&CK Enterprise that the policies' techniques are named after."""

MAX_NUMBERS: Final = 20
MESSAGE_CHARS: Final = 2_000

_ACTIVITIES: Final[dict[Step, tuple[schema.ActivityId, schema.ActivityName, schema.TypeUid]]] = {
    "create": (1, "Create", 200401),
    "update": (2, "Update", 200402),
    "close": (3, "Close", 200403),
    "suppress": (1, "Create", 200401),
}
_STATUSES: Final[dict[Step, tuple[schema.StatusId, schema.Status]]] = {
    "create": (1, "New"),
    "update": (1, "New"),  # new evidence; nobody has looked at it yet, so not "In Progress"
    "close": (4, "Resolved"),
    "suppress": (3, "Suppressed"),
}
_SEVERITIES: Final[dict[Severity, tuple[schema.SeverityId, schema.Severity]]] = {
    "informational": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_BEHAVIORAL: Final = (2, "Behavioral")
"""OCSF analytic type: deviations of people's actions from established patterns."""


def finding_uid(policy_id: str, user_key: str, anchor: str, *, reason: str = "") -> str:
    """The finding's uid: the same for all records of one incident.

    `anchor`: event id of the incident's first event. `reason`: reason code of a suppressed candidate, so that it can
    never overwrite the incident that later grows from the same event.
    """
    parts = (policy_id, user_key, anchor, reason) if reason else (policy_id, user_key, anchor)
    return str(uuid.uuid5(NAMESPACE, "\x00".join(parts)))


def finding(
    candidate: Candidate,
    policy: Metadata,
    *,
    connector: str,
    user_key: str,
    actor: Person,
    set_hash: str,
    product_version: str,
) -> schema.Finding:
    """The finding that `candidate` of `policy` becomes, for `actor`, who is `user_key` at `connector`. See `about`."""
    subject = user_subject(actor, user_key)
    return about(subject, candidate, policy, connector=connector, set_hash=set_hash, product_version=product_version)


def about(
    subject: Subject,
    candidate: Candidate,
    policy: Metadata,
    *,
    connector: str,
    set_hash: str,
    product_version: str,
) -> schema.Finding:
    """The finding about `subject` that `candidate` of `policy` becomes.

    `set_hash`: of all policies and settings in force. `product_version`: of egnyte-watch. Long texts are cut with an
    ellipsis; of more than `detections.evidence.MAX_EVIDENCE` pieces of evidence the oldest and the newest are kept.
    Raises ValueError where `candidate` is not of `policy`, or where it has a reason code without being suppressed or is
    suppressed without one.
    """
    if candidate.policy != policy.id:
        raise ValueError(f"the candidate is of policy {candidate.policy!r}, the metadata of {policy.id!r}")
    if (candidate.step == "suppress") != bool(candidate.suppressed):
        raise ValueError(
            f"policy {policy.id!r}: step {candidate.step!r} with reason code {candidate.suppressed!r}: "
            "a reason code goes with step 'suppress', and only with it"
        )
    activity_id, activity_name, type_uid = _ACTIVITIES[candidate.step]
    status_id, status = _STATUSES[candidate.step]
    severity_id, severity = _SEVERITIES[candidate.severity]
    shown = evidences(candidate.evidence, subject.user)
    uid = finding_uid(policy.id, subject.key, candidate.anchor, reason=candidate.suppressed)
    record = schema.Finding(
        activity_id=activity_id,
        activity_name=activity_name,
        category_uid=schema.CATEGORY_UID,
        category_name="Findings",
        class_uid=schema.CLASS_UID,
        class_name="Detection Finding",
        type_uid=type_uid,
        type_name=f"Detection Finding: {activity_name}",
        time=candidate.last_ms,
        severity_id=severity_id,
        severity=severity,
        status_id=status_id,
        status=status,
        status_detail=candidate.suppressed,
        is_alert=candidate.raises == "alert" and candidate.step != "suppress" and not candidate.limited,
        message=cut(candidate.message, MESSAGE_CHARS),
        count=candidate.count,
        start_time=candidate.first_ms,
        end_time=candidate.last_ms,
        metadata=ocsf.Metadata(
            version=ocsf.VERSION,
            product=ocsf.Product(PRODUCT, PRODUCT, product_version),
            uid="",
            tenant_uid=connector,
            labels=(f"policy-set:{set_hash}", f"policy-version:{policy.version}"),
        ),
        finding_info=_finding_info(uid, candidate, policy),
        resources=subject.resources,
        evidences=shown,
        observables=_once((*observables(shown), *subject.observables)),
        anomaly_analyses=_analyses(candidate.numbers[:MAX_NUMBERS], subject),
        remediation=ocsf.Remediation(policy.remediation),
        unmapped=_unmapped(candidate, policy, connector, subject, set_hash),
    )
    return identified(record)


def _once(found: tuple[ocsf.Observable, ...]) -> tuple[ocsf.Observable, ...]:
    """`found`, each value where it appears first; those without one (places) are different already."""
    seen = {(each.type_id, each.value or each.name): each for each in reversed(found)}
    return tuple(each for each in found if seen[each.type_id, each.value or each.name] is each)


def identified(record: schema.Finding) -> schema.Finding:
    """`record` with a `metadata.uid` made of all the rest: new for each update, the same when a replay repeats it."""
    content = schema.encode(replace(record, metadata=replace(record.metadata, uid=""))).decode()
    uid = str(uuid.uuid5(uuid.UUID(record.finding_info.uid), content))
    return replace(record, metadata=replace(record.metadata, uid=uid))


def _finding_info(uid: str, candidate: Candidate, policy: Metadata) -> schema.FindingInfo:
    created = candidate.step in ("create", "suppress")
    type_id, type_name = _BEHAVIORAL
    return schema.FindingInfo(
        uid=uid,
        title=policy.title,
        desc=policy.description,
        types=(policy.id,),
        analytic=ocsf.Analytic(
            uid=policy.id, name=policy.title, type_id=type_id, type=type_name, version=policy.version
        ),
        first_seen_time=candidate.first_ms,
        last_seen_time=candidate.last_ms,
        created_time=candidate.last_ms if created else None,
        modified_time=None if created else candidate.last_ms,
        attacks=tuple(_attack(technique) for technique in policy.techniques),
    )


def _attack(technique: Technique) -> ocsf.Attack:
    mapped = ocsf.Technique(technique.uid, technique.name)
    sub = "." in technique.uid  # T1078.004
    return ocsf.Attack(
        tactic=ocsf.Tactic(technique.tactic_uid, technique.tactic),
        technique=None if sub else mapped,
        sub_technique=mapped if sub else None,
        version=ATTACK_VERSION,
    )


def _unmapped(
    candidate: Candidate, policy: Metadata, connector: str, subject: Subject, set_hash: str
) -> schema.Unmapped:
    return schema.Unmapped(
        schema=schema.SCHEMA,
        policy=policy.id,
        policy_version=policy.version,
        policy_set=set_hash,
        connector=connector,
        user_key=subject.user_key,
        network=subject.network,
        link=subject.link,
        anchor=candidate.anchor,
        step=candidate.step,
        raises=candidate.raises,
        suppressed=candidate.suppressed,
        govern=() if candidate.step == "suppress" else policy.govern,
        limited=candidate.limited,
    )


def _analyses(numbers: tuple[Number, ...], subject: Subject) -> tuple[ocsf.AnomalyAnalysis, ...]:
    if not numbers:
        return ()
    return (
        ocsf.AnomalyAnalysis(
            analysis_targets=(ocsf.AnalysisTarget(subject.key, subject.kind),),
            anomalies=tuple(_measure(number, number.observed) for number in numbers),
            baselines=tuple(_measure(number, number.baseline) for number in numbers if number.baseline is not None),
        ),
    )


def _measure(number: Number, value: float) -> ocsf.Measure:
    parameter = f"{number.name} in {number.unit}" if number.unit else number.name
    return ocsf.Measure(parameter, (ocsf.Observation(number_text(value)),))
