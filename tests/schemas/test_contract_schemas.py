"""What the Structs really encode to is what the JSON Schemas say, in both dialects that tools read."""

import json
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError

from detections.closing import closed
from detections.model import Candidate
from schemas import finding as findings
from schemas import mark as marks
from schemas import meta as metas
from schemas import verdict as verdicts
from schemas.activity import Account, Activity, Person
from schemas.attempt import Attempt
from schemas.attempt import encode as encode_attempt
from schemas.connector import CursorRecord, HistoryRequest, StatusRecord
from schemas.contract.json_schemas import json_schemas
from schemas.dead_letter import DeadLetter
from schemas.directory import DirectoryChange, DirectoryRecord, SourceRecord
from schemas.event import SOURCES, Envelope
from schemas.governance import GovernanceRecord
from schemas.governance import encode as encode_governance
from schemas.mark import Mark
from schemas.meta import Meta
from schemas.profile import ProfileRecord
from schemas.profile import encode as encode_profile
from schemas.rejection import RejectionRecord
from schemas.verdict import Verdict
from tests.detections.candidates import candidates, persons
from tests.detections.test_finding import altered, made
from tests.schemas.struct_strategies import values

SCHEMAS: Final = json_schemas()
TOPICS: Final = {
    "connectors": ("CursorRecord", "StatusRecord", "HistoryRequest", "RejectionRecord"),
    "directory": ("DirectoryRecord", "SourceRecord"),
}
RECORDS: Final = {
    record: SCHEMAS[topic] | {"anyOf": [{"$ref": f"#/$defs/{record}"}]}
    for topic, records in TOPICS.items()
    for record in records
}
"""The records on topics that have several kinds, each by itself: the topic's schema allows any."""
VALIDATORS: Final = {
    name: (Draft202012Validator(schema), Draft7Validator(schema)) for name, schema in (SCHEMAS | RECORDS).items()
}


def check(name: str, value: Any) -> None:
    """Raises ValidationError where `value` is not what the schema `name` says."""
    for validator in VALIDATORS[name]:
        validator.validate(value)


def text(headers: tuple[tuple[str, bytes], ...]) -> dict[str, str]:
    return {name: value.decode() for name, value in headers}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_in_both_dialects(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    Draft7Validator.check_schema(SCHEMAS[name])
    assert "prefixItems" not in json.dumps(SCHEMAS[name]), "draft-07 has no such keyword"


@given(values(Envelope))
def test_envelopes(envelope: Envelope) -> None:
    check("events", text(envelope.to_headers()))


def test_the_headers_of_an_event_are_named_as_they_travel() -> None:
    assert SCHEMAS["events"]["required"] == ["connector", "event-id", "source", "schema"]
    whole = text(Envelope("acme", "e1").to_headers())
    assert Envelope.from_headers((name, value.encode()) for name, value in whole.items()).source in SOURCES


@given(values(DeadLetter))
def test_dead_letters(letter: DeadLetter) -> None:
    check("dead-letters", text(letter.to_headers()))


@given(values(Activity))
def test_activities(activity: Activity) -> None:
    check("activities", json.loads(msgspec.json.encode(activity)))


@given(values(Attempt))
def test_attempts(attempt: Attempt) -> None:
    check("attempts", json.loads(encode_attempt(attempt)))


@given(candidates(), persons)
def test_findings(candidate: Candidate, actor: Person) -> None:
    finding = made(candidate, actor)
    check("alerts" if finding.is_alert else "behaviors", json.loads(findings.encode(finding)))


@given(values(CursorRecord))
def test_cursors(record: CursorRecord) -> None:
    for name in ("connectors", "CursorRecord"):
        check(name, json.loads(msgspec.json.encode(record)))


@given(values(StatusRecord))
def test_statuses(record: StatusRecord) -> None:
    for name in ("connectors", "StatusRecord"):
        check(name, json.loads(msgspec.json.encode(record)))


@given(values(HistoryRequest))
def test_requests(record: HistoryRequest) -> None:
    for name in ("connectors", "HistoryRequest"):
        check(name, json.loads(msgspec.json.encode(record)))


@given(values(DirectoryRecord))
def test_people(record: DirectoryRecord) -> None:
    for name in ("directory", "DirectoryRecord"):
        check(name, json.loads(msgspec.json.encode(record)))


@given(values(SourceRecord))
def test_sources_of_people(record: SourceRecord) -> None:
    for name in ("directory", "SourceRecord"):
        check(name, json.loads(msgspec.json.encode(record)))


@given(values(DirectoryChange))
def test_changes_of_people(change: DirectoryChange) -> None:
    check("directory-change", json.loads(msgspec.json.encode(change)))


@given(values(GovernanceRecord))
def test_governance(record: GovernanceRecord) -> None:
    check("governance", json.loads(encode_governance(record)))


@given(values(RejectionRecord))
def test_rejections(record: RejectionRecord) -> None:
    for name in ("connectors", "RejectionRecord"):
        check(name, json.loads(msgspec.json.encode(record)))


@given(candidates(), persons)
def test_verdicts_and_what_they_lead_to(candidate: Candidate, actor: Person) -> None:
    verdict = Verdict(said="close", opinion="benign", by="ann", comment="Known.", finding=made(candidate, actor))
    check("verdict", json.loads(verdicts.encode(verdict)))
    check("alerts" if verdict.finding.is_alert else "behaviors", json.loads(findings.encode(closed(verdict, 1))))


@given(values(ProfileRecord))
def test_profiles(record: ProfileRecord) -> None:
    check("profile", json.loads(encode_profile(record)))


@given(values(Meta))
def test_meta_records(meta: Meta) -> None:
    check("meta", msgspec.msgpack.decode(metas.encode(meta)))


ACTIVITY: Final = Activity(connector="acme", event_id="e1", time_ms=1, received_ms=2)
ATTEMPT: Final = Attempt(
    connector="acme", event_id="e1", time_ms=1, received_ms=2, by="network", type="login", user="acme/a@b.c"
)
STATUS: Final = StatusRecord(connector="acme", instance="i", state="following", started_ms=1, written_ms=2)
CHANGE: Final = DirectoryChange(change="removed", at_ms=1, seen_ms=2, source="entra", account=Account())
PERSON: Final = DirectoryRecord(connector="acme", alias="a@b", kind="email", user="a@b", account=Account())
PROFILE: Final = ProfileRecord(
    connector="acme", kind="country", value="PT", partition=0, day=2, first_day=1, days=(1,), users=(1, 1)
)
ACTION: Final = GovernanceRecord(
    uid="u", connector="acme", action="suspend_user", state="requested", user="jane@acme.example", origin="f", at_ms=1,
    requested_ms=1,
)  # fmt: skip
WHOLE: Final[list[tuple[str, dict[str, Any]]]] = [
    ("events", text(Envelope("acme", "e1").to_headers())),
    ("dead-letters", text(DeadLetter.of(b"", topic="t", partition=0, offset=1, stage="s", error="e").to_headers())),
    ("activities", json.loads(msgspec.json.encode(ACTIVITY))),
    ("attempts", json.loads(encode_attempt(ATTEMPT))),
    ("alerts", json.loads(findings.encode(made()))),
    ("behaviors", json.loads(findings.encode(made(altered(raises="behavior"))))),
    ("StatusRecord", json.loads(msgspec.json.encode(STATUS))),
    ("CursorRecord", json.loads(msgspec.json.encode(CursorRecord(connector="acme", instance="i")))),
    ("HistoryRequest", json.loads(msgspec.json.encode(HistoryRequest(connector="acme", from_ms=1, asked_ms=2)))),
    ("DirectoryRecord", json.loads(msgspec.json.encode(PERSON))),
    ("SourceRecord", json.loads(msgspec.json.encode(SourceRecord(connector="acme", source="egnyte")))),
    ("directory-change", json.loads(msgspec.json.encode(CHANGE))),
    ("RejectionRecord", json.loads(msgspec.json.encode(RejectionRecord(episode=1)))),
    ("verdict", json.loads(verdicts.encode(Verdict(said="reopen", by="ann", finding=made())))),
    ("mark", json.loads(marks.encode(Mark(block="198.51.100.7", category="vpn", by="ann", why="Ours.")))),
    ("governance", json.loads(encode_governance(ACTION))),
    ("profile", json.loads(encode_profile(PROFILE))),
    ("meta", msgspec.msgpack.decode(metas.encode(Meta(next=1, schema=1, epoch=0)))),
]


def test_there_is_a_whole_value_of_every_schema() -> None:
    assert {name for name, _ in WHOLE} == set(SCHEMAS) - set(TOPICS) | set(RECORDS)


@pytest.mark.parametrize(("name", "value"), WHOLE, ids=[name for name, _ in WHOLE])
def test_what_is_missing_or_of_another_type_is_refused(name: str, value: dict[str, Any]) -> None:
    check(name, value)
    required = (SCHEMAS | SCHEMAS["connectors"]["$defs"] | SCHEMAS["directory"]["$defs"])[name]["required"]
    for field in required:
        with pytest.raises(ValidationError):
            check(name, {key: each for key, each in value.items() if key != field})
        with pytest.raises(ValidationError):
            check(name, value | {field: None})


@pytest.mark.parametrize(("name", "value"), WHOLE, ids=[name for name, _ in WHOLE])
def test_unknown_fields_are_allowed(name: str, value: dict[str, Any]) -> None:
    check(name, value | {"a_field_of_tomorrow": 1})


def test_alerts_and_behaviors_are_kept_apart() -> None:
    alert = json.loads(findings.encode(made()))
    with pytest.raises(ValidationError):
        check("behaviors", alert)
    with pytest.raises(ValidationError):
        check("alerts", alert | {"is_alert": False})
