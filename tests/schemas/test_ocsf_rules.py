"""The validator of findings must itself refuse what OCSF 1.8.0 refuses."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas import finding as schema
from tests.detections.test_finding import made
from tests.schemas.ocsf_rules import problems

Record = dict[str, Any]


@pytest.fixture
def record() -> Record:
    value: Record = json.loads(schema.encode(made()))
    return value


def test_a_whole_finding_has_no_problems(record: Record) -> None:
    assert problems(record) == []


def put(**changes: Any) -> Callable[[Record], None]:
    return lambda record: record.update(changes)


def drop(*path: Any) -> Callable[[Record], None]:
    def breaks(record: Record) -> None:
        value: Any = record
        for part in path[:-1]:
            value = value[part]
        del value[path[-1]]

    return breaks


def set_at(*path_and_value: Any) -> Callable[[Record], None]:
    *path, last, new = path_and_value

    def breaks(record: Record) -> None:
        value: Any = record
        for part in path:
            value = value[part]
        value[last] = new

    return breaks


SOURCE = ("evidences", 0, "src_endpoint")
BROKEN: list[tuple[str, Callable[[Record], None], str]] = [
    ("required of the class", drop("severity_id"), "severity_id: is required"),
    ("required of an object", drop("finding_info", "uid"), "finding_info.uid: is required"),
    ("required deep down", drop("anomaly_analyses", 0, "anomalies", 0, "observations"), "observations: is required"),
    ("unknown in the class", put(colour="red"), "colour: is unknown"),
    ("unknown in an object", set_at("metadata", "policy_set", "abc"), "metadata.policy_set: is unknown"),
    ("not in the enum", put(severity_id=7), "severity_id: 7 is not in the enum"),
    ("another's caption", put(severity="Low"), "severity: is 'Low', but severity_id says 'High'"),
    ("wrong class", put(class_uid=2002), "class_uid: 2002 is not in the enum"),
    ("type of another activity", put(type_uid=200402), "type_uid: is not class_uid * 100 + activity_id"),
    ("seconds as text", put(time="2024-01-01"), "time: '2024-01-01' is no timestamp_t"),
    ("fractions of ms", put(time=1.5), "time: 1.5 is no timestamp_t"),
    ("a flag as number", put(is_alert=1), "is_alert: 1 is no boolean_t"),
    ("a number as flag", put(count=True), "count: True is no integer_t"),
    ("no address", set_at(*SOURCE, "ip", "192.0.2.300"), "is no ip_t"),
    ("no e-mail", set_at("evidences", 0, "actor", "user", "email_addr", "jane"), "is no email_t"),
    ("one for many", put(evidences={}), "evidences: is not an array"),
    ("many for one", put(metadata={"profiles": [], "version": "1.8.0", "product": []}), "product.: is not an object"),
    ("at_least_one", set_at(*SOURCE, "location", {"lat": 1.0, "long": 2.0}), "at_least_one of city"),
    ("deprecated", set_at(*SOURCE, "location", "coordinates", [1.0, 2.0]), "deprecated since 1.2.0"),
    ("of a profile", put(is_suspected_breach=True), "belongs to profile incident"),
    ("not in the table", set_at("evidences", 0, "device", {"type_id": 1}), "type device is not in the rules"),
]  # fmt: skip


@pytest.mark.parametrize(("breaks", "expected"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_a_broken_finding_is_refused(record: Record, breaks: Callable[[Record], None], expected: str) -> None:
    before = json.dumps(record)
    breaks(record)
    assert json.dumps(record) != before
    assert any(expected in problem for problem in problems(record)), problems(record)


def test_a_profile_that_is_named_allows_its_attributes(record: Record) -> None:
    record["is_suspected_breach"] = True
    record["metadata"]["profiles"] = ["incident"]
    assert problems(record) == []


def test_other_wants_a_caption_of_its_own(record: Record) -> None:
    user = record["evidences"][0]["actor"]["user"]
    user["type_id"] = 99
    user["type"] = "Robot"
    assert problems(record) == []
    del user["type"]
    assert problems(record) == ["evidences[0].actor.user.type: is required where type_id is 99"]
