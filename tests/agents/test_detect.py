"""Activity policies in the agent: asked by type, limited by the day, and switched off where they match everything."""

from collections import Counter
from typing import Any, NamedTuple

import msgspec
import pytest

from agents.detect import PARTITION, Detect
from detections import state as user_state
from detections.activity_policies import limits
from detections.model import DAY_MS
from detections.policies import PolicySet
from detections.state import UserState
from schemas.activity import Activity
from schemas.finding import Finding, decode
from streams.cluster import Headers, Record
from streams.errors import StageFailed
from streams.handler import Codec, State
from tests.detections.activity_policies.policies_of import DAY, MARA, act, policy_of

CODEC = Codec(1, UserState, user_state.encode, user_state.decode)


class Read(NamedTuple):
    """A record as read."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Headers
    partition: int = 0


class Sent:
    """What an agent sends."""

    def __init__(self) -> None:
        self.findings: list[tuple[str, Finding]] = []

    def send(self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, *_: Any) -> None:
        self.findings.append((topic, decode(value or b"")))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        raise AssertionError(error)


def record(activity: Activity) -> Record:
    return Read(0, activity.time_ms, b"acme/mara@example.com", msgspec.json.encode(activity), [])


def left_by(state: State[UserState]) -> dict[bytes, bytes]:
    """What a chunk leaves behind; this agent removes nothing."""
    changes = {key: value for key, value in state.changes().items() if value is not None}
    assert len(changes) == len(state.changes())
    return changes


def run(body: str, activities: list[Activity], partitions: int = 1, chunk: int = 3) -> list[tuple[str, Finding]]:
    """What is sent for `activities`, in chunks, by one activity policy and no built-in one."""
    off = {name: {"enabled": False} for name in PolicySet.of({}).settings}
    detect = Detect(PolicySet.of(off).with_activity([policy_of(body)]), "alerts", "behaviors", partitions)
    sent, committed = Sent(), dict[bytes, bytes]()
    for at in range(0, len(activities), chunk):
        state: State[UserState] = State(committed, CODEC)
        for activity in activities[at : at + chunk]:
            detect.handle(record(activity), state, sent)
        committed |= left_by(state)
    return sent.findings


def test_a_match_becomes_a_finding_that_names_policy_set_and_governance() -> None:
    ((topic, found),) = run(
        "filters: {type: download}\nseverity: high\ngovern: [notify_user]", [act(), act(type="view")]
    )
    assert topic == "alerts"
    assert (found.is_alert, found.severity, found.finding_info.title) == (True, "High", "A policy")
    assert (found.unmapped.policy, found.unmapped.govern, found.unmapped.limited) == (
        "a_policy",
        ("notify_user",),
        False,
    )
    assert len(found.unmapped.policy_version) == 12


def test_a_behavior_goes_to_the_behaviors() -> None:
    ((topic, found),) = run("filters: {type: download}\nraise: behavior", [act()])
    assert (topic, found.is_alert) == ("behaviors", False)


@pytest.mark.parametrize("body", ["filters: {}\nenabled: false", "filters: {type: login}", "filters: {client: Mobile}"])
def test_what_is_off_or_does_not_match_is_silent(body: str) -> None:
    assert run(body, [act()]) == []


def test_rows_of_children_reach_only_policies_that_ask_for_them() -> None:
    child = act(flags=("parent",))
    assert run("filters: {type: download}", [child]) == []
    assert len(run("filters: {type: download, flag: parent}", [child])) == 1


def test_over_the_daily_limit_there_are_no_alerts_but_marked_findings_that_governance_reads() -> None:
    days = [act(DAY + each * 1_000, event_id=f"a{each}") for each in range(5)]
    days += [act(DAY + DAY_MS + each * 1_000, event_id=f"b{each}") for each in range(3)]
    found = run("filters: {}\ndaily_limit: 2\ngovern: [suspend_user]", days)
    assert [topic for topic, _ in found] == ["alerts"] * 2 + ["behaviors"] * 3 + ["alerts"] * 2 + ["behaviors"]
    for topic, each in found:
        assert each.is_alert is (topic == "alerts")
        assert each.unmapped.limited is (topic == "behaviors")
        assert each.unmapped.govern == ("suspend_user",)
        assert (limits.LIMITED in each.message) is each.unmapped.limited


def test_updates_follow_the_incident_that_they_belong_to() -> None:
    def people(number: int) -> list[Activity]:
        paths = [act(DAY + number * 60_000 + each, event_id=f"{number}-{each}", path=f"/{number}") for each in range(4)]
        return [msgspec.structs.replace(each, client=f"client {number}") for each in paths]

    body = "filters: {}\ndaily_limit: 1\nrepeated: {count: 2, within: 1 s, per_client: true}"
    found = run(body, [*people(1), *people(2)])
    assert [(topic, each.unmapped.step) for topic, each in found] == [
        ("alerts", "create"), ("alerts", "update"), ("behaviors", "create"), ("behaviors", "update"),
    ]  # fmt: skip


def test_every_partition_has_its_share_of_the_limit() -> None:
    activities = [act(DAY + each, event_id=f"{each}") for each in range(6)]
    found = run("filters: {}\ndaily_limit: 20", activities, partitions=12)
    assert Counter(topic for topic, _ in found) == {"alerts": 2, "behaviors": 4}


def test_a_policy_that_matches_too_much_is_switched_off_for_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MATCHES", 40)
    activities = [act(DAY + each, event_id=f"{each}") for each in range(10)] + [act(DAY + DAY_MS, event_id="next")]
    found = run("filters: {}", activities, partitions=12)
    assert [each.unmapped.suppressed for _, each in found] == ["", "", "", "", limits.SWITCHED_OFF, ""]
    assert found[4][0] == "behaviors"
    assert "more than 4 activities" in found[4][1].message


def test_what_comes_very_late_is_not_limited() -> None:
    activities = [act(DAY, event_id="new"), *(act(DAY - 9 * DAY_MS, event_id=f"{each}") for each in range(3))]
    assert [topic for topic, _ in run("filters: {}\ndaily_limit: 1", activities)] == ["alerts"] * 4


def test_chunks_make_no_difference() -> None:
    activities = [
        act(DAY + each * 700, event_id=f"{each}", path=f"/{each % 7}", client=f"c{each % 3}") for each in range(80)
    ]
    body = "filters: {}\ndaily_limit: 3\nrepeated: {count: 4, within: 8 s, unique_targets: true, per_client: true}"
    assert run(body, activities, chunk=1) == run(body, activities, chunk=80) != []


def test_a_policy_that_raises_is_named_and_can_be_left_out() -> None:
    policy = policy_of("filters: {}")

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    policy.matches = broken
    detect = Detect(PolicySet.of({}).with_activity([policy]), "alerts", "behaviors")
    with pytest.raises(StageFailed) as failed:
        detect.handle(record(act()), State({}, CODEC), Sent())
    assert failed.value.stage == "a_policy"
    detect.handle(record(act()), State({}, CODEC), Sent(), frozenset({"a_policy"}))


def test_the_partitions_state_is_no_users() -> None:
    state: State[UserState] = State({}, CODEC)
    policies = PolicySet.of({}).with_activity([policy_of("filters: {}")])
    Detect(policies, "alerts", "behaviors").handle(record(act(actor=MARA)), state, Sent())
    assert set(state.touched) == {b"acme/mara@example.com", PARTITION}
    assert not state.touched[b"acme/mara@example.com"].activity_policies.tallies


def test_another_set_is_used_from_the_next_record_on_and_named() -> None:
    first, second = (
        PolicySet.of({}).with_activity([policy_of(f"filters: {{type: download}}\nseverity: {severity}")])
        for severity in ("low", "high")
    )
    detect = Detect(first, "alerts", "behaviors", 1)
    sent, state = Sent(), State[UserState]({}, CODEC)
    detect.handle(record(act(event_id="a")), state, sent)
    detect.use(second)
    detect.handle(record(act(event_id="b")), state, sent)
    detect.use(PolicySet.of({}))
    detect.handle(record(act(event_id="c")), state, sent)
    told = [(found.severity, found.unmapped.policy_set) for _, found in sent.findings]
    assert told == [("Low", first.hash), ("High", second.hash)]
    assert len({found.unmapped.policy_version for _, found in sent.findings}) == 2


def test_what_one_rule_counted_is_not_read_by_another() -> None:
    rules = ["{count: 100, within: 1 h}", "{count: 3, within: 1 h, unique_targets: true}", "{count: 200, within: 1 h}"]
    detect = Detect(PolicySet.of({}), "alerts", "behaviors", 1)
    sent, committed, at = Sent(), dict[bytes, bytes](), 0
    for rule in [*rules, *rules]:
        detect.use(PolicySet.of({}).with_activity([policy_of(f"filters: {{type: download}}\nrepeated: {rule}")]))
        state: State[UserState] = State(committed, CODEC)
        for _ in range(5):
            at += 1
            detect.handle(record(act(DAY + at * 60_000, event_id=f"{at}", path=f"/{at}")), state, sent)
        committed |= left_by(state)
    # The second rule alone is met: at its third match, and at each power of two; it goes on where it was.
    told = [(found.unmapped.step, found.count) for _, found in sent.findings]
    assert told == [("create", 3), ("update", 4), ("update", 8)]


def test_tallies_of_policies_that_are_gone_are_forgotten() -> None:
    detect = Detect(PolicySet.of({}), "alerts", "behaviors", 1)
    committed = dict[bytes, bytes]()
    for day, name in enumerate(["a_policy", "b_policy", "c_policy", "d_policy", "e_policy", "f_policy"]):
        text = policy_of("filters: {type: download}")
        text.metadata = msgspec.structs.replace(text.metadata, id=name)
        detect.use(PolicySet.of({}).with_activity([text]))
        state: State[UserState] = State(committed, CODEC)
        detect.handle(record(act(DAY + day * DAY_MS)), state, Sent())
        committed |= left_by(state)
    kept = user_state.decode(committed[PARTITION]).activity_policies.tallies
    assert set(kept) == {"c_policy", "d_policy", "e_policy", "f_policy"}
