"""The owner of a partition in memory: what it does, in which order, and what it leaves to nobody."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from agents.governing.breaker_alarm import breaker_finding
from agents.governing.kinds import Where
from agents.governing.ledger import Ledger
from agents.governing.owner import HELD_FOR_MS, Owner
from agents.governing.requests import again, outcome, retried, undo
from agents.governing.rules import Breaker, Rules
from agents.governing.standing import Standing
from schemas.finding import Finding
from schemas.governance import GovernanceRecord, Reason, State
from tests.agents.governing.records import JANE, NOW_MS, request, standing

ON = Rules(mode="on", breaker=Breaker(locks=100))


class Cloud:
    """Stands where the cloud would be: does everything, and notes it."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.calls: list[GovernanceRecord] = []
        self.at_work: set[str] = set()
        self.most_at_work = 0
        self.mails_at_work = 0
        self.most_mails = 0
        self.failures: list[Reason] = []
        self.hold: asyncio.Event | None = None
        self.hold_mails = False
        """And nothing else."""
        self.faulty: set[str] = set()
        self.found: State = "skipped"

    async def prepare(self, asked: GovernanceRecord, standing: Standing) -> GovernanceRecord:
        await asyncio.sleep(0)
        return outcome(asked, "started", self.now_ms, attempt=asked.attempt + 1)

    async def perform(self, started: GovernanceRecord) -> GovernanceRecord:
        mail = started.action == "notify_user"
        assert mail or started.user not in self.at_work, "two actions on one user at a time"
        if not mail:
            self.at_work.add(started.user)
        self.mails_at_work += started.action == "notify_user"
        self.most_mails = max(self.most_mails, self.mails_at_work)
        self.most_at_work = max(self.most_at_work, len(self.at_work))
        await asyncio.sleep(0)
        if started.user in self.faulty:
            raise OverflowError("a date beyond all calendars")
        if self.hold is not None and (mail or not self.hold_mails):
            await self.hold.wait()
        self.calls.append(started)
        self.at_work.discard(started.user)
        self.mails_at_work -= started.action == "notify_user"
        if self.failures:
            return outcome(started, "failed", NOW_MS, reason=self.failures.pop())
        return outcome(started, "succeeded", NOW_MS)

    async def look(self, started: GovernanceRecord) -> GovernanceRecord:
        await asyncio.sleep(0)
        return outcome(started, self.found, NOW_MS)


class Place:
    """One partition, its log in memory, and one owner after another."""

    def __init__(self, rules: Rules = ON, **facts: Any) -> None:
        self.rules = rules
        self.cloud = Cloud()
        self.log: list[GovernanceRecord] = []
        self.alarms: list[Finding] = []
        self.now_ms = NOW_MS
        self._facts = facts
        self.owner = self.new_owner()
        self._changed = asyncio.Event()

    def new_owner(self) -> Owner:
        self.owner = Owner(
            self._performer,
            self,
            lambda: self.rules,
            lambda: self.now_ms,
            breaker_finding,
        )
        for record in self.log:
            self.owner.heard(record)
        return self.owner

    def _performer(self, connector: str, where: Where) -> Cloud | None:
        return self.cloud if connector == "acme" else None

    def standing(self, connector: str, user: str) -> Standing:
        return standing(user, **self._facts)

    def people(self, connector: str) -> int:
        return 100

    async def write(self, *records: GovernanceRecord, beside: Sequence[Any] = ()) -> None:
        await asyncio.sleep(0)
        for record in records:
            assert self.owner.ledger.accepts(record), f"{record.state} does not follow"
            self.say(record)
        self.alarms += beside

    def say(self, record: GovernanceRecord) -> None:
        self.log.append(record)
        self.owner.heard(record)
        self._changed.set()

    async def until(self, condition: Callable[[Ledger], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition(self.owner.ledger):
                self._changed.clear()
                await self._changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.owner.run(self))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def states(self) -> list[str]:
        return [record.state for record in self.log]


def over(number: int) -> Callable[[Ledger], bool]:
    return lambda ledger: (
        len(ledger) >= number and not any(each.state in {"requested", "started"} for each in ledger.newest())
    )


async def test_each_step_is_in_the_log_before_it_is_taken_and_asking_again_changes_nothing() -> None:
    place = Place()
    place.say(request())
    async with place.running():
        await place.until(over(1))
        place.say(request())
        place.say(request(origin="f2", user="ben@acme.example"))
        await place.until(over(2))
    assert place.states() == ["requested", "started", "succeeded", "requested", "requested", "started", "succeeded"]
    assert [call.user for call in place.cloud.calls] == [JANE, "ben@acme.example"]


async def test_one_user_after_another_and_users_side_by_side() -> None:
    place = Place()
    for number in range(40):
        place.say(request("require_sign_in", user=f"user{number % 8}", origin=f"f{number}"))
    async with place.running():
        await place.until(over(40))
    assert len(place.cloud.calls) == 40
    assert place.cloud.most_at_work > 1


async def test_one_mail_after_another_and_nobody_is_locked_out_later_for_it() -> None:
    place = Place()
    for number in range(20):
        place.say(request("notify_user", user=f"user{number}", origin=f"f{number}"))
    for number in range(10):
        place.say(request("suspend_user", user=f"user{number}", origin=f"f{number}"))
    async with place.running():
        await place.until(over(30))
    assert place.cloud.most_mails == 1
    assert {call.action for call in place.cloud.calls[-15:]} == {"notify_user"}


async def test_a_suspension_does_not_wait_for_the_same_users_mail() -> None:
    place = Place()
    place.cloud.hold, place.cloud.hold_mails = asyncio.Event(), True
    place.say(request("notify_user", origin="f1"))
    async with place.running():
        await place.until(lambda ledger: bool(ledger.unfinished()))
        place.say(request("suspend_user", origin="f2"))
        await place.until(lambda ledger: list(ledger.newest())[1].state == "succeeded")
        assert [each.action for each in place.owner.ledger.unfinished()] == ["notify_user"]
        place.cloud.hold.set()
        await place.until(over(2))
    assert [call.action for call in place.cloud.calls] == ["suspend_user", "notify_user"]


async def test_mails_that_a_process_left_unfinished_are_begun_again_one_after_another() -> None:
    place = Place()
    for number in range(3):
        place.say(request("notify_user", user=f"user{number}", origin=f"f{number}"))
        place.say(outcome(place.log[-1], "started", NOW_MS, attempt=1))
    place.cloud.hold = asyncio.Event()
    async with place.running():
        await place.until(lambda ledger: any(each.attempt == 2 for each in ledger.newest()))
    assert [each.attempt for each in place.owner.ledger.newest()] == [2, 1, 1]
    place.cloud = Cloud()
    place.new_owner()
    async with place.running():
        await place.until(over(3))
    assert place.cloud.most_mails == 1
    assert {call.user: call.attempt for call in place.cloud.calls} == {"user0": 3, "user1": 2, "user2": 2}


async def test_what_a_process_left_unfinished_is_resumed_once() -> None:
    place = Place()
    place.cloud.hold = asyncio.Event()
    place.say(request())
    async with place.running():
        await place.until(lambda ledger: bool(ledger.unfinished()))
    place.cloud = Cloud()
    place.new_owner()
    async with place.running():
        await place.until(over(1))
    assert place.states() == ["requested", "started", "started", "succeeded"]
    assert [call.attempt for call in place.cloud.calls] == [2]


NOT_ANY_MORE: list[tuple[Rules, int, Reason]] = [
    (replace(ON, mode="off"), 0, "off"), (Rules(), 0, "dry_run"), (replace(ON, protected=(JANE,)), 0, "protected"),
    (ON, 3_600_000, "too_old"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "later_ms", "reason"), NOT_ANY_MORE)
@pytest.mark.parametrize("found", ["skipped", "succeeded", "uncertain"])
async def test_what_was_begun_and_is_not_wanted_any_more_is_only_looked_at(
    rules: Rules, later_ms: int, reason: Reason, found: State
) -> None:
    place = Place(rules)
    place.say(request())
    place.say(outcome(place.log[-1], "started", NOW_MS, attempt=1))
    place.now_ms += later_ms
    place.cloud.found = found
    place.new_owner()
    async with place.running():
        await place.until(over(1))
    assert place.cloud.calls == []
    last = place.log[-1]
    assert (last.state, last.reason) == (found, reason if found == "skipped" else "")
    assert ("not tried again" in last.detail) is (found == "uncertain")


async def test_what_was_begun_less_than_an_hour_ago_goes_on_also_for_a_person_in_a_dry_run() -> None:
    place = Place(Rules())
    place.say(request(by="ann"))
    place.say(outcome(place.log[-1], "started", NOW_MS, attempt=1))
    place.now_ms += 3_599_999
    place.new_owner()
    async with place.running():
        await place.until(over(1))
    assert place.log[-1].state == "succeeded"


@pytest.mark.parametrize("left", ["failed", "requested"])
async def test_what_failed_is_not_tried_again_hours_later(left: State) -> None:
    place = Place()
    asked = request(by="ann")
    for record in (asked, outcome(asked, "started", NOW_MS, attempt=1)):
        place.say(record)
    failed = outcome(place.log[-1], "failed", NOW_MS, reason="throttled", attempt=1)
    place.say(failed)
    if left == "requested":
        place.say(retried(failed, NOW_MS))
    place.now_ms += 3_600_000
    place.new_owner()
    async with place.running():
        place.say(request(user="ben@acme.example", origin="f2", found_ms=place.now_ms))
        await place.until(lambda ledger: list(ledger.newest())[-1].state == "succeeded")
        await place.until(lambda ledger: next(ledger.newest()).state != "requested")
    assert [call.user for call in place.cloud.calls] == ["ben@acme.example"]


async def test_many_at_once_do_not_pass_the_breaker_together() -> None:
    place = Place(replace(ON, breaker=Breaker(locks=5)))
    for number in range(30):
        place.say(request(user=f"user{number}", origin=f"f{number}"))
    async with place.running():
        await place.until(lambda ledger: len(ledger.held()) == 25)
        assert len(place.cloud.calls) <= 5
        await place.until(lambda ledger: not ledger.unfinished())
    assert len(place.cloud.calls) == 5
    assert len({found.finding_info.uid for found in place.alarms}) == 1
    assert {found.unmapped.policy for found in place.alarms} == {"governance_breaker"}
    assert [(found.unmapped.step, found.count) for found in place.alarms] == [
        ("create", 1), ("update", 2), ("update", 4), ("update", 8), ("update", 16),
    ]  # fmt: skip


async def test_what_was_held_at_once_is_one_finding_which_is_closed_when_the_last_is_let_go() -> None:
    place = Place(replace(ON, breaker=Breaker(locks=1)))
    place.say(request(user="user0"))
    async with place.running():
        await place.until(over(1))
        for number in range(1, 5):
            place.say(request(user=f"user{number}", origin=f"f{number}"))
        await place.until(lambda ledger: len(ledger.held()) == 4)
        held = place.owner.ledger.held()
        for record in held[:3]:
            place.say(again(record, "ann", NOW_MS))
        await place.until(lambda ledger: len(place.cloud.calls) == 4 and not ledger.unfinished())
        assert "close" not in {found.unmapped.step for found in place.alarms}
        place.say(again(held[3], "ann", NOW_MS))
    place.new_owner()  # it is the next one that finds the last one let go
    async with place.running():
        await place.until(over(5))
    assert {found.finding_info.uid for found in place.alarms} == {place.alarms[0].finding_info.uid}
    closed = [found for found in place.alarms if found.unmapped.step == "close"]
    assert [(found.count, found.unmapped.govern) for found in closed] == [(4, ())]
    assert "user1, user2, user3, user4" in closed[0].message
    assert place.owner.ledger.episode("acme") is None


async def test_what_was_held_for_a_day_expires_and_the_finding_is_closed() -> None:
    place = Place(replace(ON, breaker=Breaker(locks=1)))
    for number in range(3):
        place.say(request(user=f"user{number}", origin=f"f{number}"))
    async with place.running():
        await place.until(lambda ledger: len(ledger.held()) == 2 and not ledger.unfinished())
    place.now_ms += HELD_FOR_MS
    place.cloud.now_ms = place.now_ms
    place.new_owner()
    async with place.running():
        await place.until(over(3))
    assert Counter((each.state, each.reason) for each in place.owner.ledger.newest()) == {
        ("succeeded", ""): 1, ("skipped", "too_old"): 2,
    }  # fmt: skip
    assert [found.unmapped.step for found in place.alarms] == ["create", "update", "close"]
    later = [request(user=f"user{number}", origin=f"g{number}", found_ms=place.now_ms) for number in range(2)]
    for each in later:
        place.say(each)
    async with place.running():
        await place.until(lambda ledger: len(ledger.held()) == 1)
    assert len({found.finding_info.uid for found in place.alarms}) == 2  # another episode, another finding


async def test_what_has_no_effect_is_replaced() -> None:
    place = Place(auth_type="egnyte")
    place.say(request())
    async with place.running():
        await place.until(over(2))
    assert [(each.action, each.state, each.reason) for each in place.owner.ledger.newest()] == [
        ("suspend_user", "skipped", "no_effect"), ("deactivate_egnyte_user", "succeeded", ""),
    ]  # fmt: skip


async def test_a_fault_in_one_action_is_its_outcome_and_ends_nothing_else() -> None:
    place = Place()
    place.cloud.faulty = {JANE}
    place.say(request())
    place.say(request(user="ben@acme.example", origin="f2"))
    async with place.running():
        await place.until(over(2))
    states = {each.user: (each.state, each.reason, each.detail) for each in place.owner.ledger.newest()}
    fault = "a fault of this program: OverflowError"
    assert states == {JANE: ("failed", "invalid", fault), "ben@acme.example": ("succeeded", "", "")}


async def test_a_dry_run_calls_nobody() -> None:
    place = Place(Rules())
    place.say(request())
    async with place.running():
        await place.until(over(1))
    assert place.cloud.calls == []
    assert place.log[-1].reason == "dry_run"


async def test_what_passes_by_itself_is_tried_again_and_not_for_ever() -> None:
    place = Place()
    place.cloud.failures = ["throttled"]
    place.say(request("require_sign_in"))
    async with place.running():
        await place.until(over(1))
    assert place.log[-1].state == "failed"
    place.now_ms += 5_000
    place.new_owner()
    async with place.running():
        await place.until(lambda ledger: next(ledger.newest()).state == "succeeded")
    assert [call.attempt for call in place.cloud.calls] == [1, 2]

    late = Place()
    late.say(request("require_sign_in", state="requested", requested_ms=NOW_MS - 3_600_000))
    late.cloud.failures = ["throttled"]
    late.now_ms += 1
    async with late.running():
        await late.until(over(1))
    late.now_ms += 10**9
    late.new_owner()
    async with late.running():
        late.say(request(user="ben@acme.example", origin="f2", found_ms=late.now_ms))
        await late.until(over(2))
    assert len(late.cloud.calls) == 2


async def test_an_attack_that_goes_on_is_stopped_although_it_began_while_nobody_looked() -> None:
    place = Place()
    place.say(request(found_ms=NOW_MS - 120 * 60_000))
    async with place.running():
        await place.until(over(1))
        assert place.log[-1].reason == "too_old"
        place.say(request(found_ms=NOW_MS))
        await place.until(lambda ledger: next(ledger.newest()).state == "succeeded")
    assert len(place.cloud.calls) == 1


async def test_what_is_undone_is_called_reverted() -> None:
    place = Place()
    place.say(request())
    async with place.running():
        await place.until(over(1))
        place.say(undo(place.log[-1], "ann", NOW_MS))
        await place.until(lambda ledger: next(ledger.newest()).state == "reverted")
    assert [call.action for call in place.cloud.calls] == ["suspend_user", "unsuspend_user"]
    assert place.log[-1].by == "ann"


async def test_where_nothing_is_connected_it_fails_with_advice() -> None:
    place = Place()
    place.say(replace(request(), connector="other"))
    async with place.running():
        await place.until(over(1))
    assert (place.log[-1].state, place.log[-1].reason) == ("failed", "login")
    assert place.log[-1].advice
