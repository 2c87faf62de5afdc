"""A finding in one line."""

import msgspec
import pytest

from agents.policy_alarm import finding_of, turn_of
from agents.policy_reload import Rejection
from console.findings import line
from detections.closing import closed, withdrawn
from detections.finding import finding
from detections.model import Candidate, Metadata, Step
from detections.settings import Mistake
from schemas import finding as schema
from schemas.activity import Person
from schemas.rejection import RejectionRecord
from schemas.verdict import Verdict

POLICY = Metadata(
    id="impossible_travel",
    version="1",
    title="Impossible travel",
    description="d",
    techniques=(),
    severity="medium",
    raises="alert",
    false_positives=(),
    triage="t",
    remediation="r",
)


def value(step: Step = "create", message: str = "Berlin, then Lima", user: str = "acme/jane@acme.example") -> bytes:
    candidate = Candidate(
        policy=POLICY.id,
        step=step,
        anchor="e1",
        severity="high",
        raises="alert",
        message=message,
        first_ms=1_700_000_000_000,
        last_ms=1_700_000_000_000,
        suppressed="same_country" if step == "suppress" else "",
    )
    made = finding(
        candidate, POLICY, connector="acme", user_key=user, actor=Person(), set_hash="0", product_version="0"
    )
    return schema.encode(made)


def test_it_says_when_how_severe_what_who_why_and_its_uid() -> None:
    uid = schema.decode(value()).finding_info.uid
    assert line(value()).plain == (
        f"2023-11-14 22:13:20Z High          Impossible travel  jane@acme.example  Berlin, then Lima  [{uid}]"
    )


def test_it_says_how_it_was_closed() -> None:
    found = schema.decode(value())
    verdict = Verdict(said="close", opinion="benign", by="ann", finding=found)
    told = line(schema.encode(closed(verdict, 1_700_000_100_000))).plain
    assert "Impossible travel (closed: benign)  jane@acme.example  Berlin, then Lima Closed as benign by ann" in told
    assert "Impossible travel (withdrawn)" in line(schema.encode(withdrawn(found, "0"))).plain


@pytest.mark.parametrize(
    ("fields", "about"),
    [({"network": "192.0.2.0/24"}, "192.0.2.0/24"), ({"link": "https://x/dl/1"}, "https://x/dl/1"), ({}, "acme")],
)
def test_it_says_what_it_is_about_where_that_is_nobody(fields: dict[str, str], about: str) -> None:
    found = schema.decode(value())
    other = msgspec.structs.replace(found.unmapped, user_key="", **fields)
    assert (
        f"Impossible travel  {about}  Berlin"
        in line(schema.encode(msgspec.structs.replace(found, unmapped=other))).plain
    )


def test_it_shows_what_concerns_the_pipeline_itself() -> None:
    turn = turn_of(RejectionRecord(), Rejection("a", (Mistake("severity", "is 'hihg'", "did you mean 'high'?"),)), 1)
    assert turn is not None
    told = line(schema.encode(finding_of(*turn, 1, "0"))).plain
    assert "Policy files rejected  policies  The policy files can't be used since" in told
    assert "severity is 'hihg'; did you mean 'high'?" in told


@pytest.mark.parametrize(
    ("step", "told"), [("update", "(update)"), ("close", "(close)"), ("suppress", "(suppressed: same_country)")]
)
def test_it_says_what_became_of_it(step: Step, told: str) -> None:
    assert f"Impossible travel {told}" in line(value(step)).plain


def test_nothing_in_it_steers_the_terminal() -> None:
    plain = line(value(message="a\x1b[2Jb\nc\u202ed", user="acme/\x1b]0;x\x07")).plain
    assert plain.isprintable()
    assert "a\N{REPLACEMENT CHARACTER}[2Jb" in plain


def test_what_is_no_finding_is_shown_as_it_is() -> None:
    assert line(b'{"hello":1}').plain.startswith("not a finding (")
    assert "\x1b" not in line(b"\x1b[2J").plain
