"""A finding in one line."""

import pytest

from console.findings import line
from detections.finding import finding
from detections.model import Candidate, Metadata, Step
from schemas import finding as schema
from schemas.activity import Person

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


def test_it_says_when_how_severe_what_who_and_why() -> None:
    assert line(value()).plain == (
        "2023-11-14 22:13:20Z High          Impossible travel  jane@acme.example  Berlin, then Lima"
    )


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
