"""`detect` on the real lanes and units of work, in memory: what it judges, what it leaves out, and where it writes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import detect, enrich
from agents.detect import Detect
from benchmarks.workload import events
from connectors.places import Places
from detections import state as user_state
from detections.model import Candidate, Evidence, Metadata
from detections.policies import PolicySet
from detections.state import UserState
from schemas.activity import UNDATED, Activity
from schemas.event import Envelope
from schemas.finding import Finding
from streams.handler import Codec
from streams.sections import PlacesSettings, Settings
from streams.spec import AgentSpec
from streams.testing import Driver
from tests.agents.partitioned import Row, letters, state_keys, worked
from tests.detections.streams_of_activities import START, activity

KEY = b"acme/mara.lindqvist@example.com"
FAILURES = [activity(START + n * 1_000, kind="failed_login") for n in range(40)]
"""More than enough for a finding of `failed_logins`."""


class Remarking:
    """A policy that has something to say about every activity; one with `fails_on` in its path makes it raise."""

    metadata: ClassVar[Metadata] = msgspec.structs.replace(PolicySet.of({}).policies[0].metadata, id="remarking")
    settings: Any = None

    def __init__(self, suppressed: str = "", fails_on: str = "\0") -> None:
        self._suppressed = suppressed
        self._fails_on = fails_on

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        if self._fails_on in activity.path:
            raise LookupError(f"no such thing as {activity.path}")
        remark = Candidate(
            policy=self.metadata.id,
            step="suppress" if self._suppressed else "create",
            anchor=activity.event_id,
            severity="medium",
            raises="alert",
            message="It happened.",
            first_ms=activity.time_ms,
            last_ms=activity.time_ms,
            evidence=(Evidence.of(activity),),
            suppressed=self._suppressed,
        )
        return [remark]


def spec(*extra: Any) -> AgentSpec:
    """The agent with the built-in policies at their defaults, after those in `extra`."""
    policies = PolicySet.of({})
    policies = replace(policies, policies=(*extra, *policies.policies))
    whole = detect.spec(Settings())
    handler = Detect(policies, "egnyte.alerts", "egnyte.behaviors")
    codec = Codec(detect.SCHEMA, UserState, user_state.encode, user_state.decode)
    return msgspec.structs.replace(whole, handler=handler, codec=codec)


def rows(activities: Sequence[Activity]) -> list[Row]:
    return [Row(each.time_ms, KEY, msgspec.json.encode(each), []) for each in activities]


def findings(driver: Driver, topic: str, policy: str) -> list[Finding]:
    """The findings of `policy` on a topic."""
    found = [msgspec.json.decode(value or b"", type=Finding) for value in driver.values(topic, 0)]
    return [finding for finding in found if finding.finding_info.analytic.uid == policy]


def test_many_failures_make_an_alert() -> None:
    driver = worked(spec(), [rows(FAILURES)])
    assert findings(driver, "egnyte.alerts", "failed_logins")
    assert state_keys(driver) == {KEY}


@pytest.mark.parametrize("flag", sorted(UNDATED))
def test_undated_activities_are_neither_judged_nor_learned_from(flag: str) -> None:
    undated = [msgspec.structs.replace(each, flags=(flag,)) for each in FAILURES]
    driver = worked(spec(Remarking()), [rows(undated)])
    assert driver.values("egnyte.alerts", 0) == []
    assert driver.values("egnyte.behaviors", 0) == []
    assert state_keys(driver) == set()
    assert letters(driver) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["good", "undated", "garbage"]), min_size=1, max_size=12))
def test_what_is_judged_does_not_depend_on_what_lies_between(kinds: list[str]) -> None:
    mixed: list[Row] = []
    good: list[Row] = []
    for n, kind in enumerate(kinds):
        (row,) = rows([activity(START + n * 1_000, kind="failed_login")])
        if kind == "good":
            good.append(row)
        elif kind == "undated":
            (row,) = rows([activity(START + n * 1_000, kind="failed_login", flags=("no_date",))])
        else:
            row = row._replace(value=b'{"connector":')
        mixed.append(row)
    among, alone = worked(spec(Remarking()), [mixed]), worked(spec(Remarking()), [good])
    for topic in ("egnyte.alerts", "egnyte.behaviors"):
        assert among.values(topic, 0) == alone.values(topic, 0)
    assert [letter.offset for letter in letters(among)] == [n for n, kind in enumerate(kinds) if kind == "garbage"]
    assert all(letter.stage == "decode" and "not an activity" in letter.error for letter in letters(among))


def test_a_policy_that_raises_is_left_out_and_named_while_the_others_judge() -> None:
    story = [*FAILURES[:30], activity(START + 30_500, path="/Shared/thorn.txt"), *FAILURES[31:]]
    driver = worked(spec(Remarking(fails_on="thorn")), [rows(story)])
    (letter,) = letters(driver)
    assert (letter.topic, letter.offset, letter.stage) == ("egnyte.activities", 30, "remarking")
    assert letter.error == "LookupError: no such thing as /Shared/thorn.txt"
    # It is left out for that activity only, and nobody else is harmed by it.
    assert len(findings(driver, "egnyte.alerts", "remarking")) == len(story) - 1
    untroubled = worked(spec(), [rows(story)])
    for topic in ("egnyte.alerts", "egnyte.behaviors"):
        others = [value for value in driver.values(topic, 0) if value not in remarks(driver, topic)]
        assert others == untroubled.values(topic, 0)
    assert states(driver) == states(untroubled)


def remarks(driver: Driver, topic: str) -> list[bytes | None]:
    return [value for value in driver.values(topic, 0) if b'"remarking"' in (value or b"")]


def states(driver: Driver) -> dict[bytes | None, bytes | None]:
    """The state as the changelog has it, without the agent's own keys."""
    keys = state_keys(driver)
    return {record.key: record.value for record in driver.records(driver.spec.changelog or "", 0) if record.key in keys}


def test_a_policy_that_always_raises_costs_one_dead_letter_an_activity_and_nothing_else() -> None:
    driver = worked(spec(Remarking(fails_on="")), [rows(FAILURES)])
    assert [(letter.offset, letter.stage) for letter in letters(driver)] == [(n, "remarking") for n in range(40)]
    assert driver.values("egnyte.alerts", 0) == worked(spec(), [rows(FAILURES)]).values("egnyte.alerts", 0)


def test_suppressed_candidates_are_behaviors_with_their_reason() -> None:
    story = [activity(START)]
    driver = worked(spec(Remarking(suppressed="learning")), [rows(story)])
    assert findings(driver, "egnyte.alerts", "remarking") == []
    (finding,) = findings(driver, "egnyte.behaviors", "remarking")
    assert (finding.is_alert, finding.status_detail) == (False, "learning")


def test_findings_are_keyed_by_their_uid_and_dated_as_what_happened() -> None:
    driver = worked(spec(), [rows(FAILURES)])
    records = driver.records("egnyte.alerts", 0)
    assert records
    times = {each.time_ms for each in FAILURES}
    for record in records:
        finding = msgspec.json.decode(record.value or b"", type=Finding)
        assert record.key == finding.finding_info.uid.encode()
        assert record.timestamp in times


def test_any_number_of_workers_finds_the_same_byte_for_byte() -> None:
    enriching = enrich.spec(Settings(), Places(PlacesSettings())).handler
    assert isinstance(enriching, enrich.Enrich)
    shares: list[list[Row]] = [[] for _ in range(4)]
    for event in events(600, users=30):
        envelope = Envelope.from_headers(event.headers)
        made = enriching.activity(envelope, event.value, event.received_ms)
        failed = msgspec.structs.replace(made, type="failed_login", outcome="failure")
        shares[event.partition % 4].append(Row(made.time_ms, event.key, msgspec.json.encode(failed), []))
    one, three = worked(spec(), shares), worked(spec(), shares, workers=3, chunk_records=7)
    found = 0
    for topic in ("egnyte.alerts", "egnyte.behaviors"):
        for partition in range(4):
            alone = [(r.timestamp, r.key, r.value) for r in one.records(topic, partition)]
            found += len(alone)
            assert alone == [(r.timestamp, r.key, r.value) for r in three.records(topic, partition)]
    assert found > 10
