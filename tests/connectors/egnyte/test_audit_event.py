"""Every known shape of an audit event says what it should; whatever else comes passes through, or says why it can't."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egnyte import audit_event, people, rows, vocabulary
from connectors.egnyte.audit_event import AuditEvent, NotAnEvent, parse
from schemas.activity import FLAGS, TYPES, Person

SAMPLES = [json.loads(line) for line in (Path(__file__).parent / "samples.jsonl").read_text().splitlines()]

# Type, actor's e-mail (or kind), by position in the samples file; the rest of the file are pages and refusals.
EXPECTED = {
    0: ("view", "mara.lindqvist@example.com"), 1: ("download", "mara.lindqvist@example.com"),
    2: ("upload", "tomas.okafor@example.com"), 3: ("move", "tomas.okafor@example.com"),
    4: ("move", "tomas.okafor@example.com"), 5: ("lock", "irene.vasquez@example.com"),
    6: ("share", "irene.vasquez@example.com"), 7: ("link_access", "anonymous"),
    8: ("delete", "devika.rao@example.org"), 9: ("login", "mara.lindqvist@example.com"),
    10: ("failed_login", "devika.rao@example.org"), 11: ("failed_login", "devika.rao@example.org"),
    12: ("lockout", "devika.rao@example.org"), 13: ("failed_login", "unknown"),
    14: ("login", "tomas.okafor@example.com"), 15: ("logout", "mara.lindqvist@example.com"),
    16: ("login", "irene.vasquez@example.com"), 17: ("change_permission", "irene.vasquez@example.com"),
    18: ("change_permission", "irene.vasquez@example.com"), 19: ("change_permission", "irene.vasquez@example.com"),
    20: ("create_user", "irene.vasquez@example.com"), 21: ("update_user", "irene.vasquez@example.com"),
    22: ("add_privilege", "irene.vasquez@example.com"), 23: ("update_user", "irene.vasquez@example.com"),
    24: ("reset_password", "irene.vasquez@example.com"), 25: ("suspend_user", "irene.vasquez@example.com"),
    26: ("delete_user", "system"), 27: ("create_group", "irene.vasquez@example.com"),
    28: ("update_group", "irene.vasquez@example.com"), 29: ("update_group", "irene.vasquez@example.com"),
    30: ("delete_group", "irene.vasquez@example.com"), 31: ("change_setting", "irene.vasquez@example.com"),
    32: ("change_setting", "irene.vasquez@example.com"), 33: ("change_setting", "irene.vasquez@example.com"),
    34: ("workflow", "tomas.okafor@example.com"), 35: ("workflow", "mara.lindqvist@example.com"),
    36: ("workflow", "tomas.okafor@example.com"), 37: ("login", "mara.lindqvist@example.com"),
    38: ("failed_login", "devika.rao@example.org"), 39: ("failed_login", "tomas.okafor@example.com"),
    40: ("download", "mara.lindqvist@example.com"), 41: ("move", "tomas.okafor@example.com"),
    42: ("view", "irene.vasquez@example.com"), 43: ("change_permission", "irene.vasquez@example.com"),
    44: ("change_permission", "irene.vasquez@example.com"), 45: ("change_permission", "irene.vasquez@example.com"),
}  # fmt: skip
V1_SOURCES = {"logins": "LOGIN_AUDIT", "files": "FILE_AUDIT", "permissions": "PERMISSION_AUDIT"}


def raw(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def event(**fields: Any) -> AuditEvent:
    return parse(raw(**fields))


def test_every_audit_row_of_the_samples_has_its_expectation() -> None:
    rows = [
        number
        for number, sample in enumerate(SAMPLES)
        if sample["api"].startswith("audit_") and not sample["source"].startswith("_")
    ]
    assert rows == sorted(EXPECTED)


@pytest.mark.parametrize("number", EXPECTED)
def test_a_sample_says_who_did_what_when(number: int) -> None:
    sample = SAMPLES[number]
    found, written = parse(json.dumps(sample["event"]).encode()), sample["event"]
    kind, actor = EXPECTED[number]
    assert found.type == kind
    assert actor in {found.actor.email, found.actor.kind}
    assert found.audit_source == V1_SOURCES.get(sample["source"], sample["source"])
    time_ms = written.get("date") or int(datetime.fromisoformat(written["time"]).timestamp() * 1_000)
    assert found.time_ms == time_ms
    assert found.ip_text == written.get("ipAddress", written.get("ip_address", ""))
    path = next((written[key] for key in ("sourcePath", "file", "file/folder", "folder") if key in written), "")
    assert found.path == path
    target = written.get("targetPath", written.get("target_path", "N/A"))
    assert found.target_path == ("" if target == "N/A" else target)
    assert found.outcome == ("failure" if kind in {"failed_login", "lockout"} else "success")
    user_id = next(
        (str(written[key]) for key in ("userId", "user_id", "assignerId", "assigner_id") if key in written), ""
    )
    assert found.actor.user_id == user_id


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["source"])
def test_every_line_of_the_samples_parses(sample: dict[str, Any]) -> None:
    found = parse(json.dumps(sample["event"]).encode())
    assert found.type in TYPES
    assert set(found.flags) <= set(FLAGS)


def test_children_of_a_moved_folder_are_flagged() -> None:
    assert parse(json.dumps(SAMPLES[4]["event"]).encode()).flags == ("parent",)
    assert event(auditSource="FILE_AUDIT", action="DELETE_-_Parent", date=1, user="A").type == "delete"


def test_administration_is_what_people_do_to_others() -> None:
    irene, mara = "Irene ( irene@example.com )", "Mara ( mara@example.com )"
    changed = {"auditSource": "USER_AUDIT", "action": "Password Change", "date": 1763971211000, "actor": irene}
    assert event(**changed, subject=mara).administrative
    assert not event(**changed, subject=irene).administrative
    assert event(auditSource="GROUP_AUDIT", action="RENAME", actor=irene).administrative
    assert event(auditSource="WG_SETTINGS_AUDIT", action="whatever", actor=irene).administrative
    assert not event(auditSource="FILE_AUDIT", action="Upload", user=irene).administrative


def test_the_assignee_is_a_person_or_a_group() -> None:
    to_person, to_group = (parse(json.dumps(SAMPLES[number]["event"]).encode()) for number in (17, 19))
    assert to_person.subject == Person(email="tomas.okafor@example.com", name="Tomas Okafor", user_id="10427781051")
    assert (to_group.subject, to_group.group, to_group.action) == (None, "Harbor Contractors", "+Full")


@pytest.mark.parametrize(
    ("info", "kind", "group"),
    [
        ('Added to group "Harbor "big" ones"', "update_user", 'Harbor "big" ones'),
        ("Upgraded to Administrator", "add_privilege", ""),
        ("Downgraded to Standard User", "remove_privilege", ""),
        ("Two-step Login Verification disabled", "update_user", ""),
    ],
)
def test_the_text_of_a_users_update_tells_what_it_was(info: str, kind: str, group: str) -> None:
    found = event(auditSource="USER_AUDIT", action="Update", subject="A ( a@example.com )", actionInfo=info)
    assert (found.type, found.group, found.info) == (kind, group, info)


def test_a_setting_leads_its_info() -> None:
    assert parse(json.dumps(SAMPLES[31]["event"]).encode()).info == "Password strength: Old value: Good; New value: Any"


@pytest.mark.parametrize(
    ("source", "action", "client", "interactive"),
    [
        ("FILE_AUDIT", "Download", "Web UI", True),
        ("FILE_AUDIT", "Download", "Desktop App", True),
        ("FILE_AUDIT", "Prefetch", "Desktop App", False),
        ("FILE_AUDIT", "Read", "Desktop App", False),
        ("FILE_AUDIT", "Upload", "Public API", False),
        ("FILE_AUDIT", "Upload", "PublicAPI", False),
        ("LOGIN_AUDIT", "Login", "FTP", False),
    ],
)
def test_programs_are_told_from_people(source: str, action: str, client: str, interactive: bool) -> None:
    assert event(auditSource=source, action=action, access=client, user="A ( a@x.org )").interactive is interactive


@pytest.mark.parametrize(
    ("source", "action", "kind", "outcome"),
    [
        ("FILE_AUDIT", "Policy Labelled", "unspecified", "success"),
        ("FILE_AUDIT", "Upload Failed", "unspecified", "failure"),
        ("LOGIN_AUDIT", "SSO Handover", "unspecified", "unknown"),
        ("LOGIN_AUDIT", "MFA Challenge FAILED", "failed_login", "failure"),
        ("NEW_AUDIT", "Anything", "unspecified", "unknown"),
        ("", "", "unspecified", "unknown"),
        ("file_audit", "  UPLOAD ", "upload", "success"),
    ],
)
def test_unknown_words_pass_through(source: str, action: str, kind: str, outcome: str) -> None:
    found = event(auditSource=source, action=action, user="A ( a@x.org )", newKey={"any": ["thing"]})
    assert (found.type, found.outcome, found.audit_source, found.action) == (kind, outcome, source, action)


@pytest.mark.parametrize(
    ("value", "time_ms"),
    [
        (1763971201123, 1763971201123),
        ("1763971201123", 1763971201123),
        (1763971201123.7, 1763971201123),
        (1763971201, 1763971201000),
        ("2025-11-24T08:00:01Z", 1763971201000),
        ("2025-11-24T08:00:01.123456+00:00", 1763971201123),
        ("2025-11-24T09:00:01+01:00", 1763971201000),
        ("2025-11-24 08:00:01", 1763971201000),
        ("2025-11-24", 1763942400000),
        (4102444800000, 4102444800000),
        (0, 0),
        (-5, None),
        (10**30, None),
        (1e300, None),
        ("9" * 5_000, None),
        ("yesterday", None),
        ("0001-01-01T00:00:00Z", None),
        ("N/A", None),
        ("", None),
        (None, None),
        (True, None),
        ([1], None),
    ],
)
def test_dates_in_every_form(value: Any, time_ms: int | None) -> None:
    found = event(date=value, user="A ( a@x.org )")
    assert found.time_ms == time_ms
    assert ("no_date" in found.flags) == (time_ms is None)


@pytest.mark.parametrize(
    "key", ["date", "time", "date_and_time", "timestamp", "loginDate", "logoutDate", "logout_time"]
)
def test_every_name_of_the_time_is_read(key: str) -> None:
    assert event(**{key: "2025-11-24T08:00:01Z"}).time_ms == 1763971201000


def test_the_logout_does_not_replace_the_login_date() -> None:
    assert (
        event(event="Login", time="2025-11-24T08:00:00Z", logout_time="2025-11-24T09:00:00Z").time_ms == 1763971200000
    )


@pytest.mark.parametrize(
    ("fields", "attribute", "value"),
    [
        ({"sourcePath": 5}, "path", "5"),
        ({"sourcePath": ["/a"]}, "path", ""),
        ({"ipAddress": {"v4": "x"}, "user": "A ( a@x.org )"}, "ip_text", ""),
        ({"action": 1.5}, "action", "1.5"),
        ({"access": None}, "client", ""),
        ({"userId": 7, "user": "A ( a@x.org )"}, "actor", Person(email="a@x.org", name="A", user_id="7")),
        ({"userId": "7", "user": {"email": "x"}}, "actor", Person(user_id="7")),
        ({"user": 7}, "actor", Person(user_id="7")),
        ({"user_id": 10**25, "user": "A"}, "actor", Person(name="A", user_id=str(10**25))),
    ],
)
def test_a_value_of_the_wrong_kind_harms_no_other(fields: dict[str, Any], attribute: str, value: Any) -> None:
    found = event(**fields, date=1763971201123)
    assert getattr(found, attribute) == value
    assert found.time_ms == 1763971201123


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"date": 1763971201123, "user": "A', "truncated"),
        (b'{"date": 1763971201123,, }', "byte 23"),
        (b"[1, 2]", "an array"),
        (b'"text"', "a text"),
        (b"17", "a number"),
        (b"null", "null"),
        (b"true", "a truth value"),
        (b'{"user": "\xff"}', "not UTF-8: byte 0xff at 10 of 13"),
        (b'{"unknown": "\xc3"}', "not UTF-8: byte 0xc3 at 13"),
        (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
        (b"<h1>rate limit</h1>", "not JSON"),
    ],
)
def test_what_is_no_event_says_what_and_where(data: bytes, words: str) -> None:
    with pytest.raises(NotAnEvent) as caught:
        parse(data)
    assert words in caught.value.reason


def test_nobody_is_flagged_and_a_visitor_is_anonymous() -> None:
    assert event(date=1763971201123).flags == ("no_user",)
    visit = event(auditSource="FILE_AUDIT", action="Preview via link", user="", date=1763971201123)
    assert (visit.actor.kind, visit.flags) == ("anonymous", ())
    assert event(auditSource="FILE_AUDIT", action="Upload", user="", date=1763971201123).actor.kind == "unknown"


def test_a_text_of_5_mb_stays_whole() -> None:
    path = "/" + "x" * 5_000_000
    assert event(sourcePath=path, user="A ( a@x.org )").path == path
    assert len(event(user=path).actor.name) == len(path)


def test_what_an_attacker_writes_does_not_fill_the_caches() -> None:
    for number in range(100_000):
        parse(b'{"auditSource":"LOGIN_AUDIT","action":"Failed Login %d","user":"guess-%d"}' % (number, number))
    assert len(people.cache) <= people.CACHED
    assert len(vocabulary.cache) <= vocabulary.CACHED


KNOWN_KEYS = st.sampled_from(sorted(rows.FIELDS))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(KNOWN_KEYS | st.text(max_size=5), JSON_VALUES, max_size=12))
def test_any_object_is_an_event(fields: dict[str, Any]) -> None:
    data = json.dumps(fields, ensure_ascii=False).encode(errors="replace")
    found = parse(data)
    assert found.type in TYPES
    assert found.time_ms is None or 0 <= found.time_ms < audit_event.MAX_TIME_MS


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_say_why_not(data: bytes) -> None:
    try:
        parse(data)
    except NotAnEvent as error:
        assert error.reason  # noqa: PT017 - either way out is right, an empty reason is not
