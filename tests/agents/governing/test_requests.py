"""From findings and people's wishes to requests."""

from typing import Any

import pytest
from msgspec.structs import replace

from agents.governing import requests
from agents.governing.kinds import CONTAINED, INSTEAD, KINDS
from detections.activity_policies import governance as policies
from schemas.governance import State, action_uid, decode, encode
from tests.agents.governing.records import JANE, NOW_MS, finding, request

LATER_MS = NOW_MS + 5_000


def test_every_action_that_policies_know_is_known_here() -> None:
    assert set(KINDS) == set(policies.ACTIONS)
    assert CONTAINED == policies._CONTAINED
    for action, kind in KINDS.items():
        if kind.undone_by:
            assert KINDS[kind.undone_by].undone_by == action
        assert INSTEAD.get(action) is None or KINDS[INSTEAD[action]].where == "egnyte"


def test_a_finding_asks_for_its_actions_the_strongest_first() -> None:
    found = finding("notify_user", "require_sign_in", "suspend_user", "notify_user")
    asked = requests.requests_of(found, NOW_MS)
    assert [one.action for one in asked] == ["notify_user", "suspend_user", "require_sign_in"]
    assert {one.state for one in asked} == {"requested"}
    assert {one.user for one in asked} == {found.unmapped.user_key.partition("/")[2]}
    assert {(one.policy, one.why, one.found_ms) for one in asked} == {
        (found.unmapped.policy, found.finding_info.title, found.time)
    }
    assert len({one.uid for one in asked}) == 3


def test_the_same_finding_asks_for_the_same_actions_whenever_it_is_read() -> None:
    first, second = (requests.requests_of(finding("suspend_user"), at_ms) for at_ms in (NOW_MS, LATER_MS))
    assert [one.uid for one in first] == [one.uid for one in second]
    update = finding("suspend_user", step="update")
    assert [one.uid for one in requests.requests_of(update, NOW_MS)] == [one.uid for one in first]


@pytest.mark.parametrize("step", ["close", "suppress"])
def test_what_is_over_or_was_never_raised_asks_for_nothing(step: Any) -> None:
    assert requests.requests_of(finding("suspend_user", step=step), NOW_MS) == []


@pytest.mark.parametrize("user_key", ["", "acme/~unknown-17", "acme/~anonymous-3", "acme/~system"])
def test_where_nobody_has_an_account_people_are_told_and_no_more(user_key: str) -> None:
    connector = finding().unmapped.connector
    found = finding("suspend_user", "notify", "notify_user", user_key=user_key.replace("acme", connector))
    assert [(one.action, one.user) for one in requests.requests_of(found, NOW_MS)] == [("notify", "")]


def test_actions_that_nobody_knows_are_left_out() -> None:
    assert requests.requests_of(finding("dance"), NOW_MS) == []


def test_a_wish_is_one_of_its_own_each_time() -> None:
    first, second = (requests.asked_by("ann", "suspend_user", JANE, "acme", NOW_MS, "phishing") for _ in range(2))
    assert first.uid != second.uid
    assert (first.by, first.policy, first.why) == ("ann", "", "phishing")


@pytest.mark.parametrize("state", ["failed", "skipped", "uncertain"])
def test_what_was_not_done_may_be_asked_for_again(state: State) -> None:
    before = request(state=state, reason="unavailable", detail="away", advice="wait", attempt=1)
    after = requests.again(before, "ann", LATER_MS)
    assert (after.uid, after.state, after.by, after.at_ms) == (before.uid, "requested", "ann", LATER_MS)
    assert (after.reason, after.detail, after.advice) == ("", "", "")
    assert after.attempt == 1


def test_what_is_held_may_be_asked_for() -> None:
    assert requests.again(request(reason="breaker"), "ann", LATER_MS).reason == ""


@pytest.mark.parametrize("state", ["requested", "started", "succeeded", "reverted"])
def test_what_is_under_way_or_done_may_not(state: State) -> None:
    with pytest.raises(ValueError, match=state):
        requests.again(request(state=state), "ann", LATER_MS)


def test_a_suspension_is_undone_by_its_opposite_and_once() -> None:
    done = request(state="succeeded")
    opposite = requests.undo(done, "ann", LATER_MS, "it was me")
    assert (opposite.action, opposite.user, opposite.reverts, opposite.by) == ("unsuspend_user", JANE, done.uid, "ann")
    assert opposite.uid == requests.undo(done, "bob", LATER_MS + 1).uid
    assert requests.reverted(done, LATER_MS).state == "reverted"


@pytest.mark.parametrize(
    ("action", "state", "word"),
    [("suspend_user", "failed", "nothing to undo"), ("notify_user", "succeeded", "can't be undone")],
)
def test_what_cannot_be_undone(action: Any, state: State, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        requests.undo(request(action, state=state), "ann", LATER_MS)


def test_what_does_the_same_elsewhere_is_an_action_of_its_own() -> None:
    skipped = request(state="skipped", reason="no_effect")
    other = requests.instead(skipped, "deactivate_egnyte_user", LATER_MS)
    assert other.uid == action_uid("f1", "deactivate_egnyte_user", JANE, "acme")
    assert (other.state, other.reason, other.policy) == ("requested", "", "ransomware")
    assert "suspend_user" in other.detail


def test_an_outcome_says_how_long_it_took() -> None:
    started = requests.outcome(request(), "started", NOW_MS, attempt=1, before={"enabled": True})
    done = requests.outcome(started, "succeeded", LATER_MS)
    assert (done.state, done.took_ms, done.attempt, done.before) == ("succeeded", 5_000, 1, {"enabled": True})
    assert requests.outcome(started, "succeeded", NOW_MS - 9).took_ms == 0  # a clock that was set back
    assert decode(encode(done)) == done


def test_uids_are_apart() -> None:
    uids = {
        action_uid(origin, action, user, connector)
        for origin in ("f1", "f2")
        for action in ("suspend_user", "notify_user")
        for user in (JANE, "a")
        for connector in ("acme", "a")
    }
    assert len(uids) == 16
    assert replace(request()).uid in uids
