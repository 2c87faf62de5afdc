"""Acts for one partition of `egnyte.governance`: what is due, user by user, each step in the log before it is taken."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

import structlog
from msgspec.structs import replace

from agents.governing.kinds import KINDS, Where, is_mail
from agents.governing.ledger import Episode, Ledger
from agents.governing.ports import Knows, Performer, Writes
from agents.governing.rails import Go, Hold, Skip, decide, forbids_more
from agents.governing.requests import (
    RETRY_FOR_MS,
    instead,
    outcome,
    resumed,
    retried,
    retry_ms,
    reverted,
    unconnected,
)
from agents.governing.rules import Rules
from schemas.governance import DETAIL_CHARS, GovernanceRecord

log = structlog.get_logger(__name__)
AT_ONCE: Final = 32
"""Actions under way. Graph takes hundreds a second; more would only wait for one another."""
LATEST_WAKE_S: Final = 30.0
HELD_FOR_MS: Final = 86_400_000
"""Who was to be locked out yesterday, and was not, is no longer an emergency."""


class Owner:
    """`heard` takes every record of the log, in order; `run` acts. The log is folded by `heard` alone."""

    def __init__(
        self,
        performer_of: Callable[[str, Where], Performer | None],
        knows: Knows,
        rules: Callable[[], Rules],
        now_ms: Callable[[], int],
        alarm: Callable[[GovernanceRecord, Episode | None], Any],
    ) -> None:
        """`performer_of`: by connector and place; None where that is not connected. `rules`: those in force now.
        `alarm`: what goes beside a record that the breaker holds, or with which its episode ends.
        """
        self.ledger = Ledger()
        self._performer_of = performer_of
        self._knows = knows
        self._rules = rules
        self._now_ms = now_ms
        self._alarm = alarm
        self._in_hand: dict[str, GovernanceRecord] = {}
        self._retries: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._locking = asyncio.Lock()
        self._holding = asyncio.Lock()
        self._cleared: set[str] = set()
        self._mailing = asyncio.Lock()
        """One mail at a time is begun and not ended: so many may come twice where the process ends."""
        self._log: Writes | None = None
        self._stopping = False
        self._ended = asyncio.Event()

    def heard(self, record: GovernanceRecord) -> None:
        """Takes the next record of the log."""
        if not self.ledger.apply(record):
            return
        self._retries.pop(record.uid, None)
        if due_ms := retry_ms(record):
            self._retries[record.uid] = due_ms
        self._wake.set()

    def stop(self) -> None:
        """Nothing new is begun from now on."""
        self._stopping = True

    async def idle(self) -> None:
        """Returns when nothing is under way any more."""
        while self._in_hand:
            self._ended.clear()
            await self._ended.wait()

    async def run(self, writes: Writes) -> None:
        """Finishes what was begun, and does what is due, until cancelled. Raises what writing raises."""
        self._log = writes
        async with asyncio.TaskGroup() as group:
            for record in self.ledger.unfinished():
                self._take(group, record, self._resume(record))
            while True:
                self._wake.clear()
                for uid in [uid for uid, due_ms in self._retries.items() if due_ms <= self._now_ms()]:
                    del self._retries[uid]
                    failed = self.ledger.get(uid)
                    if failed is None or self._now_ms() - failed.requested_ms >= RETRY_FOR_MS:
                        continue
                    if failed.state == "failed":
                        await writes.write(retried(failed, self._now_ms()))
                await self._let_expire()
                at_work = [each for each in self._in_hand.values() if not is_mail(each.action)]
                for request in list(self.ledger.next_due({(each.connector, each.user) for each in at_work})):
                    if len(self._in_hand) >= AT_ONCE or self._stopping:
                        break
                    mailing = any(is_mail(each.action) for each in self._in_hand.values())
                    if request.uid not in self._in_hand and not (is_mail(request.action) and mailing):
                        self._take(group, request, self._act(request))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):
                        await self._wake.wait()

    def _pause_s(self) -> float:
        due_ms = min(self._retries.values(), default=None)
        until_s = LATEST_WAKE_S if due_ms is None else (due_ms - self._now_ms()) / 1_000
        return min(max(until_s, 0.01), LATEST_WAKE_S)

    def _take(self, group: asyncio.TaskGroup, record: GovernanceRecord, work: Coroutine[Any, Any, None]) -> None:
        self._in_hand[record.uid] = record

        async def whole() -> None:
            try:
                async with self._mailing if is_mail(record.action) else contextlib.nullcontext():
                    await work
            finally:
                work.close()  # where it never began
                del self._in_hand[record.uid]
                self._ended.set()
                self._wake.set()

        group.create_task(whole(), name=f"{record.action} {record.uid}")

    async def _resume(self, record: GovernanceRecord) -> None:
        """What a process that has ended had begun. It goes on, but where that is not wanted any more."""
        standing = self._knows.standing(record.connector, record.user)
        if refusal := forbids_more(record, standing, self._rules(), self._now_ms()):
            return await self._leave(record, refusal)
        started = resumed(record, self._now_ms())
        await self._write(started)
        return await self._perform(started)

    async def _leave(self, record: GovernanceRecord, refusal: Skip) -> None:
        """Looks what has become of `record`, and leaves it at that."""
        performer = self._performer(record)
        if performer is None:
            return await self._finish(unconnected(record, self._now_ms()))
        found = await self._without_fault(performer.look(record), record)
        if found.state == "skipped":
            found = replace(found, reason=refusal.reason, detail=refusal.detail, advice=refusal.advice)
        elif found.state == "uncertain":
            detail = f"{found.detail}; not tried again: {refusal.detail}"[:DETAIL_CHARS]
            found = replace(found, detail=detail, advice=refusal.advice)
        return await self._finish(found)

    async def _act(self, request: GovernanceRecord) -> None:
        if await self._stopped(request):
            return
        performer = self._performer(request)
        if performer is None:
            return await self._write(unconnected(request, self._now_ms()))
        standing = self._knows.standing(request.connector, request.user)
        decision = self._decide(request)
        warnings = decision.warnings if isinstance(decision, Go) else ()
        asked = replace(request, warnings=warnings)
        started = await self._without_fault(performer.prepare(asked, standing), asked)
        if started.state != "started":
            return await self._finish(started)
        async with self._locking if KINDS[request.action].locks else contextlib.nullcontext():
            # Others may have been locked out, or rules have changed, while this one was looked at.
            if await self._stopped(request):
                return None
            await self._write(started)
        return await self._perform(started)

    def _decide(self, request: GovernanceRecord) -> Go | Skip | Hold:
        standing = self._knows.standing(request.connector, request.user)
        people = self._knows.people(request.connector)
        return decide(request, standing, self._rules(), self.ledger, people=people, now_ms=self._now_ms())

    async def _stopped(self, request: GovernanceRecord) -> bool:
        """Whether the rails stop it; the log then says so."""
        decision = self._decide(request)
        now_ms = self._now_ms()
        if isinstance(decision, Skip):
            skipped = outcome(
                request, "skipped", now_ms, reason=decision.reason, detail=decision.detail, advice=decision.advice
            )
            other = instead(request, decision.instead, now_ms) if decision.instead else None
            await self._write(skipped, *([other] if other is not None and self.ledger.accepts(other) else []))
        elif isinstance(decision, Hold):
            held = outcome(
                request, "requested", now_ms, reason="breaker", detail=decision.detail,
                advice="look at what the policy finds; then ask for it with egnyte-watch govern retry",
            )  # fmt: skip
            async with self._holding:  # many at once are one episode
                alarm = self._alarm(held, self.ledger.episode(held.connector))
                await self._write(held, beside=[alarm] if alarm is not None else [])
        return not isinstance(decision, Go)

    async def _perform(self, started: GovernanceRecord) -> None:
        performer = self._performer(started)
        if performer is None:
            return await self._finish(unconnected(started, self._now_ms()))
        return await self._finish(await self._without_fault(performer.perform(started), started))

    async def _without_fault(self, work: Awaitable[GovernanceRecord], record: GovernanceRecord) -> GovernanceRecord:
        """What `work` gives. A fault in one action is its outcome, and does not end all others, again at each start."""
        try:
            return await work
        except Exception as error:
            log.exception("an action has failed by a fault of this program", action=record.action, uid=record.uid)
            detail = f"a fault of this program: {type(error).__name__}"
            return outcome(record, "failed", self._now_ms(), reason="invalid", detail=detail)

    async def _finish(self, record: GovernanceRecord) -> None:
        """Writes an outcome; with it, that another action has been undone."""
        told = {"action": record.action, "user": record.user, "state": record.state, "reason": record.reason}
        log.info("governed", uid=record.uid, **told)
        undone = self.ledger.get(record.reverts) if record.reverts else None
        done = record.state == "succeeded" or record.reason == "already_done"
        if done and undone is not None:
            after = reverted(undone, self._now_ms(), record.by)
            if self.ledger.accepts(after):
                return await self._write(record, after)
        return await self._write(record)

    def _performer(self, record: GovernanceRecord) -> Performer | None:
        return self._performer_of(record.connector, KINDS[record.action].where)

    async def _let_expire(self) -> None:
        """What the breaker has held for a day is not to be done any more, unless a person asks for it."""
        now_ms = self._now_ms()
        for held in self.ledger.held():
            if now_ms - held.at_ms >= HELD_FOR_MS:
                detail = "the breaker held it for a day, and nobody asked for it"
                await self._write(outcome(held, "skipped", now_ms, reason="too_old", detail=detail))

    async def _write(self, *records: GovernanceRecord, beside: Sequence[Any] = ()) -> None:
        if self._log is None:
            raise RuntimeError("an owner writes while it runs")
        await self._log.write(*records, beside=[*beside, *self._all_clear(records)])

    def _all_clear(self, records: Sequence[GovernanceRecord]) -> Iterator[Any]:
        """What says that nothing is held any more, beside those of `records` after which nothing is."""
        for record in records:
            episode = self.ledger.episode(record.connector)
            if episode is None or episode.first.uid in self._cleared or not self.ledger.ends_episode(record):
                continue
            self._cleared.add(episode.first.uid)
            yield self._alarm(record, episode)
