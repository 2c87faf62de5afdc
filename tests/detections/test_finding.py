import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_ocsf_models.events.findings.detection_finding import DetectionFinding

from detections import cases, source_cases
from detections.evidence import MAX_EVIDENCE
from detections.finding import MESSAGE_CHARS, about, finding, finding_uid
from detections.model import Candidate, Concerned, Evidence, Number
from detections.policies import BUILT_IN
from detections.subject import source_subject, user_subject
from schemas import finding as schema
from schemas.activity import Person
from schemas.event import MAX_VALUE_BYTES
from tests.detections.candidates import POLICY, candidates, persons
from tests.schemas.ocsf_rules import problems

CASE_FILES = sorted(Path(cases.__file__).parent.glob("*.cases.yaml"))
JANE = Person(email="jane@example.com", name="Jane Doe", user_id="17")
CREATE = Candidate(
    policy=POLICY.id,
    step="create",
    anchor="e1",
    severity="high",
    raises="alert",
    message="Berlin, then Boston 20 minutes later",
    first_ms=1_700_000_000_000,
    last_ms=1_700_001_200_000,
    count=2,
    numbers=(Number("speed", 18_240.5, 800.0, "km/h"), Number("distance", 6_080.0, unit="km")),
    evidence=(
        Evidence(
            "e1", 1_700_000_000_000, "login", "192.0.2.1", "DE", "Berlin", 52.5, 13.4, 20.0, 64500, "Net", "WebUI"
        ),
        Evidence(
            "e2", 1_700_001_200_000, "download", "2001:db8::1", "US", "Boston", 42.4, -71.1, path="/Shared/a/b.txt"
        ),
    ),
)


def made(candidate: Candidate = CREATE, actor: Person = JANE, *, key: str = "acme/jane@example.com") -> schema.Finding:
    return finding(
        candidate, POLICY, connector="acme", user_key=key, actor=actor, set_hash="abc", product_version="0.1.0"
    )


def sent(value: schema.Finding) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(schema.encode(value))
    return record


def at(record: dict[str, Any], pointer: str) -> Any:
    """The attribute that an observable's name, such as `evidences[0].src_endpoint.ip`, points to."""
    value: Any = record
    for part in re.findall(r"[a-z_]+|\d+", pointer):
        value = value[int(part) if part.isdigit() else part]
    return value


def altered(**changes: Any) -> Candidate:
    return msgspec.structs.replace(CREATE, **changes)


@given(candidates(), persons)
def test_every_finding_keeps_the_rules_of_ocsf(candidate: Candidate, actor: Person) -> None:
    assert problems(sent(made(candidate, actor))) == []


@pytest.mark.parametrize("file", CASE_FILES, ids=lambda file: file.name)
def test_what_the_policies_say_in_their_cases_keeps_the_rules_too(file: Path) -> None:
    stories = cases.load(file.read_text("utf-8"), file.name)
    metadata = {policy.metadata.id: policy.metadata for policy, _ in BUILT_IN}[stories.policy]
    said = [candidate for case in stories.cases() for candidate in source_cases.play(stories, case)]
    assert "create" in {candidate.step for candidate in said}
    for candidate in said:
        subject = user_subject(JANE, "a/b")
        if candidate.concerned:
            subject = source_subject(candidate, "link", "a/link/1", "a", candidate.concerned[0].name)
        value = about(subject, candidate, metadata, connector="a", set_hash="abc", product_version="0.1.0")
        assert problems(sent(value)) == []
        assert value.message == candidate.message, "messages are meant to fit"


@given(candidates(), persons)
def test_py_ocsf_models_accepts_every_finding(candidate: Candidate, actor: Person) -> None:
    """py-ocsf-models 0.10 follows OCSF 1.5.0 and ignores what it does not know.

    So what it says nothing about (actor, endpoint and file of an evidence, anomaly analyses, `is_alert`, the metadata's
    tenant) is judged by the rules of 1.8.0 alone; what it knows must come out of it as it went in.
    """
    record = sent(made(candidate, actor))
    model = DetectionFinding.model_validate(record)
    kept = model.model_dump(mode="json", exclude_unset=True)
    known = ("activity_id", "type_uid", "time", "severity_id", "severity", "status_id", "status", "message", "count")
    assert {name: kept[name] for name in known} == {name: record[name] for name in known}
    assert kept["finding_info"]["uid"] == record["finding_info"]["uid"]
    assert kept["metadata"]["version"] == "1.8.0"
    assert kept.get("observables", []) == record.get("observables", [])


@given(candidates(), persons)
def test_the_same_candidate_gives_the_same_bytes_and_they_decode(candidate: Candidate, actor: Person) -> None:
    value = schema.encode(made(candidate, actor))
    assert schema.encode(made(candidate, actor)) == value
    assert schema.encode(schema.decode(value)) == value


@given(candidates(), persons)
def test_a_finding_is_bounded(candidate: Candidate, actor: Person) -> None:
    value = made(candidate, actor)
    assert len(value.evidences) == min(len(candidate.evidence), MAX_EVIDENCE)
    assert len(value.message) <= MESSAGE_CHARS
    assert len(schema.encode(value)) < MAX_VALUE_BYTES


def test_the_largest_finding_still_fits_in_a_record() -> None:
    long = "\x00" * 100_000  # six bytes each in JSON
    evidence = tuple(
        Evidence(f"e{i}", i, "upload", f"192.0.2.{i}", "DE", long, 1.0, 2.0, 3.0, 1, long, long, long)
        for i in range(200)
    )
    numbers = tuple(Number(f"n{i}", 1.0, 2.0) for i in range(1_000))
    value = made(altered(message=long, evidence=evidence, numbers=numbers), Person(email=long, name=long, user_id=long))
    assert len(schema.encode(value)) < MAX_VALUE_BYTES
    assert problems(sent(value)) == []


def test_the_largest_finding_about_a_source_fits_in_a_record_too() -> None:
    long = "\x00" * 100_000
    evidence = tuple(
        Evidence(f"e{i}", i, "login", f"192.0.2.{i}", client=long, path=long, user=long) for i in range(200)
    )
    users = tuple(Concerned("user", f"acme/{i}{'x' * 120}@b.c", (long,)) for i in range(40))
    whole = (*users, Concerned("network", long), Concerned("link", f"https://{long}"))
    candidate = altered(message=long, evidence=evidence, concerned=whole)
    value = about(
        source_subject(candidate, "link", "acme/link/1", "acme", long), candidate, POLICY, connector="acme",
        set_hash="abc", product_version="0.1.0",
    )  # fmt: skip
    assert len(schema.encode(value)) < MAX_VALUE_BYTES
    assert problems(sent(value)) == []


def test_a_finding_about_a_source_says_whom_it_concerns_and_what_to_search_for() -> None:
    concerned = (
        Concerned("network", "203.0.113.0/24"), Concerned("user", "acme/jane@example.com", ("got in",)),
        Concerned("user", "acme/~unknown-7"),
    )  # fmt: skip
    evidence = tuple(Evidence(f"e{i}", i, "login", "203.0.113.9", user="acme/jane@example.com") for i in range(2))
    candidate = altered(evidence=evidence, concerned=concerned)
    subject = source_subject(candidate, "network", "acme/203.0.113.0/24", "acme", "203.0.113.0/24")
    record = sent(about(subject, candidate, POLICY, connector="acme", set_hash="abc", product_version="0.1.0"))
    assert "user_key" not in record["unmapped"]
    assert record["unmapped"]["network"] == "203.0.113.0/24"
    assert [(each["uid"], each["role"], each.get("labels")) for each in record["resources"]] == [
        ("acme/203.0.113.0/24", "Actor", None),
        ("acme/jane@example.com", "Affected", ["got in"]),
        ("acme/~unknown-7", "Affected", None),
    ]
    assert [(each["type"], each.get("value")) for each in record["observables"]] == [
        ("User Name", "jane@example.com"), ("Email Address", "jane@example.com"), ("IP Address", "203.0.113.9"),
        ("Subnet", "203.0.113.0/24"),
    ]  # fmt: skip
    for each in record["observables"]:
        assert at(record, each["name"]) == each["value"]


@given(candidates(), persons)
def test_observables_point_at_what_they_name(candidate: Candidate, actor: Person) -> None:
    record = sent(made(candidate, actor))
    observables = record.get("observables", [])
    for observable in observables:
        target = at(record, observable["name"])
        assert isinstance(target, dict) if "value" not in observable else target == observable["value"]
    assert len({(each["type_id"], json.dumps(at(record, each["name"]))) for each in observables}) == len(observables)
    seen = {each["src_endpoint"]["ip"] for each in record.get("evidences", []) if "src_endpoint" in each}
    assert {each["value"] for each in observables if each["type_id"] == 2} == seen


@pytest.mark.parametrize(
    ("step", "activity", "status"),
    [("create", "Create", "New"), ("update", "Update", "New"), ("close", "Close", "Resolved")],
)
def test_the_steps_of_an_incident_share_a_uid(step: str, activity: str, status: str) -> None:
    value = made(altered(step=step))
    assert value.finding_info.uid == made().finding_info.uid == finding_uid(POLICY.id, "acme/jane@example.com", "e1")
    assert (value.activity_name, value.status) == (activity, status)
    assert value.is_alert
    assert (value.metadata.uid == made().metadata.uid) == (step == "create")
    assert (value.finding_info.created_time is None) == (step != "create")
    assert (value.finding_info.modified_time is None) == (step == "create")


def test_a_suppressed_candidate_is_kept_with_its_reason_and_apart_from_the_incident() -> None:
    value = made(altered(step="suppress", suppressed="learning"))
    assert not value.is_alert
    assert (value.activity_name, value.status, value.status_detail) == ("Create", "Suppressed", "learning")
    assert value.unmapped.suppressed == "learning"
    other = made(altered(step="suppress", suppressed="same_country"))
    assert len({made().finding_info.uid, value.finding_info.uid, other.finding_info.uid}) == 3


def test_a_behavior_is_no_alert() -> None:
    value = made(altered(raises="behavior"))
    assert not value.is_alert
    assert value.unmapped.raises == "behavior"


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), unique=True, min_size=2, max_size=2))
def test_uids_differ_by_policy_user_and_anchor(names: list[tuple[str, str, str]]) -> None:
    one, other = names
    if not any("\x00" in part for part in (*one, *other)):
        assert finding_uid(*one) != finding_uid(*other)


def test_the_uid_never_changes() -> None:
    """A changed namespace or recipe would show all findings of a log twice to its consumers."""
    assert finding_uid("impossible_travel", "acme/jane@example.com", "e1") == "55f6c4a0-c241-50f3-b014-3e196426a6a3"


def test_the_numbers_are_told_with_their_baseline_and_unit() -> None:
    (analysis,) = made().anomaly_analyses
    assert [(each.observation_parameter, each.observations[0].value) for each in analysis.anomalies] == [
        ("speed in km/h", "18240.5"),
        ("distance in km", "6080"),
    ]
    assert [(each.observation_parameter, each.observations[0].value) for each in analysis.baselines] == [
        ("speed in km/h", "800")
    ]


def test_evidence_says_who_where_and_what() -> None:
    first, second = sent(made())["evidences"]
    assert first["actor"]["user"]["email_addr"] == "jane@example.com"
    assert first["actor"]["app_name"] == "WebUI"
    assert first["src_endpoint"] == {
        "ip": "192.0.2.1",
        "location": {"city": "Berlin", "country": "DE", "lat": 52.5, "long": 13.4, "horizontal_accuracy": "20000"},
        "autonomous_system": {"number": 64500, "name": "Net"},
    }
    assert second["file"] == {"name": "b.txt", "path": "/Shared/a/b.txt", "type_id": 0}
    assert second["data"] == {"time": 1_700_001_200_000, "activity_type": "download"}


def test_of_much_evidence_the_oldest_and_the_newest_are_kept() -> None:
    evidence = tuple(Evidence(f"e{i}", i, "download") for i in range(50))
    kept = [each.uid for each in made(altered(evidence=evidence)).evidences]
    assert kept == [f"e{i}" for i in (*range(10), *range(40, 50))]


def test_long_texts_are_cut_with_an_ellipsis() -> None:
    path = "/Shared/" + "x" * 2_000
    value = made(altered(message="m" * 3_000, evidence=(Evidence("e1", 1, "download", path=path),)))
    assert value.message == "m" * 1_999 + "…"
    file = value.evidences[0].file
    assert file is not None
    assert file.path == path[:1_023] + "…"


def test_techniques_are_told_from_sub_techniques() -> None:
    sub, whole = sent(made())["finding_info"]["attacks"]
    assert sub["sub_technique"] == {"uid": "T1078.004", "name": "Cloud Accounts"}
    assert whole["technique"] == {"uid": "T1530", "name": "Data from Cloud Storage"}
    assert sub["tactic"]["uid"] == "TA0001"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": "mass_download"}, "of policy 'mass_download', the metadata of 'impossible_travel'"),
        ({"step": "suppress"}, "a reason code goes with step 'suppress'"),
        ({"suppressed": "learning"}, "a reason code goes with step 'suppress'"),
    ],
)
def test_a_candidate_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        made(altered(**changes))
