"""`egnyte.alerts` and `egnyte.behaviors`: what is suspicious, as OCSF 1.8.0 Detection Finding (class 2004).

Attributes are OCSF's (https://schema.ocsf.io/1.8.0/classes/detection_finding); what it has no place for is in
`unmapped`. Fields equal to their default are not sent; so what OCSF requires has no default here.
Key: `finding_info.uid`. Record timestamp: event time of the activity that led to the record.
"""

from typing import Final, Literal

import msgspec

from schemas import ocsf

SCHEMA: Final = 1
"""Version of what this project decides within OCSF; sent as `unmapped.schema`."""

CLASS_UID: Final[Literal[2004]] = 2004
CATEGORY_UID: Final[Literal[2]] = 2

ActivityId = Literal[1, 2, 3]
ActivityName = Literal["Create", "Update", "Close"]
TypeUid = Literal[200401, 200402, 200403]
StatusId = Literal[1, 3, 4]
Status = Literal["New", "Suppressed", "Resolved"]
VerdictId = Literal[1, 2, 5]
SeverityId = Literal[1, 2, 3, 4, 5]
Severity = Literal["Informational", "Low", "Medium", "High", "Critical"]


class FindingInfo(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The finding, as distinct from this record about it.

    `uid`: the same in create, update and close. `created_time`: in creates only, `modified_time`: in updates and
    closes only. `first_seen_time`, `last_seen_time`: first and latest activity of the incident.
    """

    uid: str
    title: str
    desc: str
    types: tuple[str, ...]
    analytic: ocsf.Analytic
    first_seen_time: int
    last_seen_time: int
    created_time: int | None = None
    modified_time: int | None = None
    attacks: tuple[ocsf.Attack, ...] = ()


class Unmapped(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What OCSF has no place for.

    `schema`: version of this project's own decisions. `policy_set`: hash of all policies and settings in force.
    `anchor`: event id of the incident's first event. `step`: why this record was written. `suppressed`: reason code.
    `user_key`: whose finding it is; empty where it is about a `network` (its prefix), a `link`, or neither but many
    users and networks, and `resources` has who and what is concerned. `govern`: governance actions that the policy
    asks for. `limited`: no alert any more, for the policy has raised as
    many as it may on that day; governance acts all the same. `judged_by`: who closed it, or opened it again, by hand.
    """

    schema: int
    policy: str
    policy_version: str
    policy_set: str
    connector: str
    user_key: str = ""
    network: str = ""
    link: str = ""
    anchor: str
    step: Literal["create", "update", "close", "suppress"]
    raises: Literal["alert", "behavior"]
    suppressed: str = ""
    govern: tuple[str, ...] = ()
    limited: bool = False
    judged_by: str = ""


class Finding(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One OCSF 1.8.0 Detection Finding record.

    `time`: event time of the incident's latest activity, or of the verdict on it; no clock's, so that a replay writes
    the same bytes.
    `count`: events of the incident so far, between `start_time` and `end_time`.
    `is_alert`: false for behaviors and for what was suppressed; a close of an alert is still true.
    `status_detail`: the reason code of what was suppressed; why it was closed: `verdict` (a person judged it; `comment`
    and `verdict` say how) or `withdrawn` (not raised again when history was judged again). `verdict`, `verdict_id`: of
    OCSF's profile `incident`, which `metadata.profiles` then names.
    `evidences`: oldest first, at most 20. Times: ms since the epoch, UTC.
    """

    activity_id: ActivityId
    activity_name: ActivityName
    category_uid: Literal[2]
    category_name: Literal["Findings"]
    class_uid: Literal[2004]
    class_name: Literal["Detection Finding"]
    type_uid: TypeUid
    type_name: str
    time: int
    severity_id: SeverityId
    severity: Severity
    status_id: StatusId
    status: Status
    status_detail: str = ""
    verdict_id: VerdictId | None = None
    verdict: str = ""
    comment: str = ""
    is_alert: bool
    message: str
    count: int
    start_time: int
    end_time: int
    metadata: ocsf.Metadata
    finding_info: FindingInfo
    resources: tuple[ocsf.Resource, ...]
    evidences: tuple[ocsf.Evidence, ...] = ()
    observables: tuple[ocsf.Observable, ...] = ()
    anomaly_analyses: tuple[ocsf.AnomalyAnalysis, ...] = ()
    remediation: ocsf.Remediation
    unmapped: Unmapped


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Finding)


def encode(finding: Finding) -> bytes:
    """The value of a finding's record (JSON). The same finding gives the same bytes."""
    return _encoder.encode(finding)


def decode(value: bytes) -> Finding:
    """The finding out of its record's value; unknown fields are ignored.

    Raises msgspec.ValidationError, naming the field, or msgspec.DecodeError.
    """
    return _decoder.decode(value)
