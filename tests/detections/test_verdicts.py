"""Verdicts: what they make of a finding, what is kept of them, and what they hold back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from detections.closing import closed, reopened, withdrawn
from detections.finding import MESSAGE_CHARS
from detections.history import forget, observe
from detections.impossible_travel import ImpossibleTravel
from detections.model import DAY_MS, HOUR_MS, Candidate
from detections.policies import PolicySet
from detections.state import KEPT_DAYS, UserState, Verdicts, decode, encode
from detections.verdicts import CLOSED_DAYS, MAX_BENIGN, MAX_CLOSED, heard, is_benign, is_closed, key_of, verdict_of
from schemas import finding as findings
from schemas import verdict as verdicts
from schemas.activity import Activity, Network, Person, Place
from schemas.finding import Finding
from schemas.verdict import Opinion, Said, Verdict
from tests.detections.candidates import candidates, persons
from tests.detections.test_finding import CREATE, made
from tests.schemas.ocsf_rules import problems

KEY = b"acme/jane@example.com"
AT = 1_700_100_000_000


def said(opinion: Opinion | None = "benign", finding: Finding | None = None, comment: str = "Known.") -> Verdict:
    kind: Said = "reopen" if opinion is None else "close"
    return Verdict(said=kind, opinion=opinion, by="ann@example.com", comment=comment, finding=finding or made())


def of_policy(policy: str, uid: int = 0, asn: int = 64500) -> Finding:
    """A finding with one piece of evidence from the provider `asn`."""
    (evidence, *_) = CREATE.evidence
    found = made(replace(CREATE, anchor=f"e{uid}", evidence=(replace(evidence, asn=asn),)))
    return replace(found, unmapped=replace(found.unmapped, policy=policy))


@pytest.mark.parametrize(
    ("opinion", "verdict_id", "caption"),
    [("true-positive", 2, "True Positive"), ("benign", 5, "Benign"), ("false-positive", 1, "False Positive")],
)
def test_a_close_says_who_when_what_and_why(opinion: Opinion, verdict_id: int, caption: str) -> None:
    found = closed(said(opinion), AT)
    assert (found.activity_name, found.status, found.status_detail) == ("Close", "Resolved", "verdict")
    assert (found.verdict_id, found.verdict, found.comment) == (verdict_id, caption, "Known.")
    assert (found.unmapped.judged_by, found.time, found.finding_info.modified_time) == ("ann@example.com", AT, AT)
    assert found.finding_info.created_time is None
    assert found.message.startswith(CREATE.message)
    assert found.message.endswith("by ann@example.com at 2023-11-16 02:00 UTC.")
    assert found.finding_info.uid == made().finding_info.uid
    assert found.metadata.uid != made().metadata.uid
    assert found.unmapped.govern == ()


def test_what_is_opened_again_is_as_new_and_nobodys_verdict() -> None:
    again = reopened(said(None, closed(said(), AT)), AT + 1)
    assert (again.activity_name, again.status, again.status_detail, again.verdict_id) == ("Update", "New", "", None)
    assert again.metadata.profiles == ()


@given(candidates(), persons)
def test_whatever_it_was_it_stays_ocsf_and_whole(candidate: Candidate, actor: Person) -> None:
    found = made(candidate, actor)
    for each in (
        closed(said("benign", found), AT),
        reopened(said(None, found), AT),
        withdrawn(found, "f" * 64),
    ):
        assert problems(json.loads(findings.encode(each))) == []
        assert findings.decode(findings.encode(each)) == each
        assert len(each.message) <= MESSAGE_CHARS
        assert (each.evidences, each.finding_info.uid, each.is_alert, each.count) == (
            found.evidences, found.finding_info.uid, found.is_alert, found.count,
        )  # fmt: skip


def test_what_is_withdrawn_has_no_time_of_its_own() -> None:
    found = made()
    again = withdrawn(found, "f" * 64)
    assert (again.status_detail, again.time, again.unmapped.policy_set) == ("withdrawn", found.time, "f" * 64)
    assert "policy-set:" + "f" * 64 in again.metadata.labels
    assert findings.encode(withdrawn(found, "f" * 64)) == findings.encode(again)


def test_a_verdict_travels() -> None:
    value = verdicts.encode(said())
    assert verdict_of(value, KEY) == said()
    assert verdicts.encode(verdict_of(value, KEY)) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"", "not a verdict"),
        (b"\xff", "not a verdict"),
        (b"[1]", "not a verdict"),
        (b'{"schema":1,"said":"close","by":"a"}', "missing required field `finding`"),
        (verdicts.encode(replace(said(), opinion=None)), "`opinion` goes with `close`"),
        (verdicts.encode(replace(said(None), opinion="benign")), "`opinion` goes with `close`"),
        (verdicts.encode(replace(said(), by="")), "`by` must have 1 to 256"),
        (verdicts.encode(replace(said(), comment="x" * 2_001)), "`comment` at most 2,000"),
        (verdicts.encode(said(finding=made(key="acme/other@example.com"))), "came with another key"),
        (
            verdicts.encode(said(finding=replace(made(), finding_info=replace(made().finding_info, uid="no uid")))),
            "badly formed",
        ),
    ],
)
def test_what_is_no_verdict_is_told(value: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        verdict_of(value, KEY)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "acme/jane@example.com"),
        ({"user_key": "", "network": "192.0.2.0/24"}, "acme/192.0.2.0/24"),
        ({"user_key": ""}, "acme/logins"),
    ],
)
def test_verdicts_go_where_the_finding_was_judged(fields: dict[str, str], key: str) -> None:
    found = made()
    assert key_of(replace(found, unmapped=replace(found.unmapped, **fields))) == key


def test_what_is_closed_is_closed_once_until_it_is_opened_again() -> None:
    kept = Verdicts()
    uid = made().finding_info.uid
    assert heard(said(), kept, AT) is not None
    assert is_closed(kept, uid)
    assert heard(said("true-positive"), kept, AT + 1) is None
    again = heard(said(None), kept, AT + 2)
    assert again is not None
    assert again.status == "New"
    assert not is_closed(kept, uid)
    assert heard(said("true-positive"), kept, AT + 3) is not None


def test_only_benign_findings_about_places_speak_for_networks() -> None:
    day = AT // DAY_MS
    for policy, opinion, expected in (
        ("impossible_travel", "benign", True),
        ("anonymous_ip", "benign", True),
        ("impossible_travel", "false-positive", False),
        ("impossible_travel", "true-positive", False),
        ("mass_download", "benign", False),
    ):
        kept = Verdicts()
        heard(said(opinion, of_policy(policy)), kept, AT)  # type: ignore[arg-type]
        assert is_benign(kept, 64500, day) is expected, (policy, opinion)
        assert not is_benign(kept, 64501, day)
        assert not is_benign(kept, 0, day)
    heard(said("benign", of_policy("impossible_travel", uid=1)), kept, AT)
    heard(said(None, of_policy("impossible_travel", uid=1)), kept, AT)
    assert not is_benign(kept, 64500, day)


def test_benign_is_forgotten_as_all_history_is_and_not_looked_up_beyond_it() -> None:
    user, day = UserState(), AT // DAY_MS
    heard(said("benign", of_policy("impossible_travel")), user.verdicts, AT)
    assert is_benign(user.verdicts, 64500, day + KEPT_DAYS)
    assert not is_benign(user.verdicts, 64500, day + KEPT_DAYS + 1)
    forget(user, AT + CLOSED_DAYS * DAY_MS)
    assert len(user.verdicts.closed) == 1
    forget(user, AT + (CLOSED_DAYS + 1) * DAY_MS)
    assert not user.verdicts.closed
    forget(user, AT + (KEPT_DAYS + 1) * DAY_MS)
    assert user.verdicts == Verdicts()


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans(), st.integers(1, 60)), max_size=120))
def test_what_is_kept_is_bounded_and_travels(verdicts_: list[tuple[int, bool, int]]) -> None:
    user = UserState()
    for number, (uid, close, asn) in enumerate(verdicts_):
        found = of_policy("suspicious_ip", uid, asn)
        heard(said("benign" if close else None, found), user.verdicts, AT + number)
    assert len(user.verdicts.closed) <= MAX_CLOSED
    assert len(user.verdicts.benign) <= MAX_BENIGN
    assert decode(encode(user)) == user
    assert len(encode(user)) < 2_000


LISBON = (Place(country="PT", city="Lisbon", latitude=38.7, longitude=-9.1, precision="city"), 64500)
TOKYO = (Place(country="JP", city="Tokyo", latitude=35.7, longitude=139.7, precision="city"), 64600)


def login(time_ms: int, where: tuple[Place, int], number: int = 0) -> Activity:
    place, asn = where
    return Activity(
        connector="acme",
        event_id=f"e{time_ms}-{number}",
        time_ms=time_ms,
        received_ms=time_ms,
        type="login",
        outcome="success",
        actor=Person(email="jane@example.com", name="Jane"),
        ip=f"198.51.{asn // 100 % 100}.7",
        place=place,
        network=Network(prefix=f"198.51.{asn // 100 % 100}.0/24", asn=asn, organisation=f"AS{asn}"),
    )


@pytest.mark.parametrize("sensitivity", ["low", "medium", "high"])
def test_travel_by_a_provider_that_was_benign_before_is_not_raised_again(sensitivity: str) -> None:
    policy = ImpossibleTravel(
        PolicySet.of({"impossible_travel": {"sensitivity": sensitivity}}).settings["impossible_travel"]  # type: ignore[arg-type]
    )
    user, start = UserState(), AT - AT % DAY_MS + 9 * HOUR_MS
    for day in range(-20, 0):
        activity = login(start + day * DAY_MS, LISBON)
        assert policy.judge(activity, user) == []
        observe(activity, user)

    def trip(day: int) -> list[tuple[str, str]]:
        told: list[Candidate] = []
        for activity in (login(start + day * DAY_MS, LISBON), login(start + day * DAY_MS + HOUR_MS, TOKYO)):
            told += policy.judge(activity, user)
            observe(activity, user)
        return [(each.step, each.suppressed) for each in told]

    assert trip(0) == [("create", "")]
    heard(said("benign", of_policy("impossible_travel", asn=64600)), user.verdicts, start + 2 * HOUR_MS)
    expected = ("create", "") if sensitivity == "high" else ("suppress", "closed_as_benign")
    assert trip(2) == [expected]
