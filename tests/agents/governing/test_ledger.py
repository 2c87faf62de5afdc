"""How actions stand by the log, whoever reads it."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.governing.kinds import is_mail
from agents.governing.ledger import FOLLOWS, Ledger
from agents.governing.requests import again, outcome
from schemas.governance import GovernanceRecord, Reason, State, decode, encode
from tests.agents.governing.records import JANE, MINUTE_MS, NOW_MS, request

STATES = get_args(State)


def folded(*records: GovernanceRecord) -> Ledger:
    ledger = Ledger()
    for record in records:
        assert ledger.apply(record)
    return ledger


def uids(records: object) -> list[str]:
    return [record.uid for record in records]  # type: ignore[attr-defined]


def test_an_action_goes_its_way() -> None:
    asked = request()
    ledger = folded(asked)
    assert uids(ledger.next_due()) == [asked.uid]
    started = outcome(asked, "started", NOW_MS, attempt=1)
    assert ledger.apply(started)
    assert (list(ledger.next_due()), ledger.unfinished()) == ([], [started])
    assert ledger.apply(outcome(started, "succeeded", NOW_MS))
    assert (list(ledger.next_due()), ledger.unfinished()) == ([], [])
    assert asked.uid in ledger
    assert len(ledger) == 1


def test_a_finding_that_asks_again_changes_nothing() -> None:
    asked = request()
    ledger = folded(asked)
    assert not ledger.apply(asked)
    for state in ("started", "succeeded"):
        ledger.apply(outcome(asked, state, NOW_MS))
        assert not ledger.apply(asked)
    skipped = request(origin="f2", state="skipped")
    other = folded(skipped)
    assert not other.apply(request(origin="f2"))


def test_a_person_who_asks_again_lets_it_act() -> None:
    failed = request(state="failed")
    ledger = folded(request(), outcome(request(), "started", NOW_MS), failed)
    assert ledger.apply(again(failed, "ann", NOW_MS))
    assert uids(ledger.next_due()) == [failed.uid]


@pytest.mark.parametrize("reason", get_args(Reason))
def test_what_was_skipped_may_be_asked_for_again_by_a_finding_that_goes_on(reason: Reason) -> None:
    asked = request()
    ledger = folded(asked, outcome(asked, "skipped", NOW_MS, reason=reason))
    later_read = request(at_ms=NOW_MS + MINUTE_MS)
    assert not ledger.apply(later_read)
    goes_on = request(found_ms=asked.found_ms + 1, at_ms=NOW_MS + MINUTE_MS)
    assert ledger.apply(goes_on) is (reason in {"too_old", "unknown_user"})
    assert uids(ledger.next_due()) == ([asked.uid] if reason in {"too_old", "unknown_user"} else [])
    assert not ledger.apply(goes_on)


def test_one_users_actions_wait_for_each_other_and_others_do_not() -> None:
    first, second = request("suspend_user"), request("notify_user")
    other = request(user="bob@acme.example")
    ledger = folded(first, second, other)
    assert uids(ledger.next_due()) == [first.uid, other.uid]
    assert uids(ledger.next_due(busy={("acme", JANE)})) == [other.uid]
    ledger.apply(outcome(first, "started", NOW_MS))
    assert uids(ledger.next_due()) == [other.uid]
    ledger.apply(outcome(first, "failed", NOW_MS))
    assert uids(ledger.next_due()) == [other.uid, second.uid]  # mails come last


def test_nothing_waits_for_a_mail() -> None:
    mail, lock = request("notify_user"), request()
    ledger = folded(mail, outcome(mail, "started", NOW_MS), lock, request("notify_user", origin="f2"))
    assert uids(ledger.next_due()) == [lock.uid]


def test_messages_about_nobody_do_not_wait_for_each_other() -> None:
    ledger = folded(*(request("notify", user="", origin=f"f{n}") for n in range(3)))
    assert len(list(ledger.next_due())) == 3


def test_what_is_held_waits_for_a_person() -> None:
    asked = request()
    held = outcome(asked, "requested", NOW_MS, reason="breaker", detail="5 accounts")
    ledger = folded(asked, held)
    assert list(ledger.next_due()) == []
    assert ledger.held() == [held]
    assert ledger.apply(again(held, "ann", NOW_MS))
    assert uids(ledger.next_due()) == [asked.uid]
    assert ledger.held() == []


def test_after_a_crash_everything_that_was_started_is_found() -> None:
    records = [request(user=f"user{n}@acme.example") for n in range(4)]
    log = [*records, *(outcome(record, "started", NOW_MS, attempt=1) for record in records)]
    log.append(outcome(log[-1], "succeeded", NOW_MS))
    ledger = folded(*(decode(encode(record)) for record in log))
    assert uids(ledger.unfinished()) == uids(records[:3])
    second = outcome(ledger.unfinished()[0], "started", NOW_MS, attempt=2)
    assert ledger.apply(second)
    assert second in ledger.unfinished()


def test_locks_are_counted_once_each_and_failed_ones_not() -> None:
    ledger = Ledger()
    for minute, user in enumerate(["a", "b", "a", "c"]):
        at_ms = NOW_MS + minute * MINUTE_MS
        asked = request(user=user, origin=f"f{minute}")
        for record in (
            asked,
            outcome(asked, "started", at_ms, attempt=1),
            outcome(asked, "started", at_ms + 1, attempt=2),
        ):
            assert ledger.apply(record)
    mail = request("notify_user", origin="mail")
    for record in (mail, outcome(mail, "started", NOW_MS + MINUTE_MS)):
        assert ledger.apply(record)
    assert sorted(ledger.locks_since("acme", NOW_MS - 1)) == ["a", "a", "b", "c"]
    assert sorted(ledger.locks_since("acme", NOW_MS + 1)) == ["a", "b", "c"]
    assert ledger.locks_since("other", 0) == []
    assert ledger.apply(outcome(request(user="c", origin="f3"), "failed", NOW_MS))
    assert sorted(ledger.locks_since("acme", NOW_MS + 1)) == ["a", "b"]


@pytest.mark.parametrize("before", [None, *STATES])
@pytest.mark.parametrize("after", STATES)
def test_what_may_follow_what(before: State | None, after: State) -> None:
    paths: dict[State | None, list[State]] = {
        None: [], "requested": ["requested"], "started": ["requested", "started"], "skipped": ["skipped"],
        "succeeded": ["requested", "started", "succeeded"], "failed": ["requested", "started", "failed"],
        "uncertain": ["requested", "started", "uncertain"],
        "reverted": ["requested", "started", "succeeded", "reverted"],
    }  # fmt: skip
    ledger = folded(*(request(state=state) for state in paths[before]))
    record = request(state=after, by="ann")
    assert ledger.apply(record) is (after in FOLLOWS[before])
    assert (ledger.get(record.uid) == record) is (after in FOLLOWS[before])


WRITTEN = st.tuples(
    st.sampled_from(["suspend_user", "notify_user"]), st.sampled_from(["a", "b"]), st.sampled_from(["f1", "f2"]),
    st.sampled_from(STATES), st.sampled_from(["", "ann"]), st.sampled_from(["", "breaker"]),
)  # fmt: skip
LOGS = st.lists(WRITTEN, max_size=25).map(
    lambda rows: [
        request(action, user, origin, state=state, by=by, reason=reason, at_ms=NOW_MS + n)
        for n, (action, user, origin, state, by, reason) in enumerate(rows)
    ]
)
"""Any records of few actions, also such as nobody would write."""


@given(LOGS)
def test_whatever_is_on_the_log_nothing_is_started_twice_side_by_side(log: list[GovernanceRecord]) -> None:
    ledger = Ledger()
    for record in log:
        ledger.apply(record)
        due, started = list(ledger.next_due()), ledger.unfinished()
        for mail in (True, False):
            users = [one.user for one in due if is_mail(one.action) is mail]
            assert len(set(users)) == len(users)
            assert not set(users) & {one.user for one in started if not is_mail(one.action) or mail}
        assert all(one.state == "requested" and one.reason != "breaker" for one in due)
        assert not set(uids(due)) & (set(uids(started)) | set(uids(ledger.held())))
    again_ = Ledger()
    for record in log:
        again_.apply(record)
    assert uids(again_.next_due()) == uids(ledger.next_due())
