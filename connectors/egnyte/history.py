"""Publishes what happened before the stream reaches back to: span by span, through Egnyte's older reports.

Of each span all reports are fetched, their rows brought into the order of time, and published in pieces, each with the
progress in one transaction. A process that is killed fetches its span again, and leaves out what the log has already:
rows are compared as those of the stream are, by content and occurrence.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from connectors.egnyte import spans
from connectors.egnyte.clock import Clock
from connectors.egnyte.follower import FIRST_RETRY_MS, LONGEST_RETRY_MS, THROTTLED_MS
from connectors.egnyte.intake import Outgoing, take
from connectors.egnyte.keys import Resolver
from connectors.egnyte.ledger import Ledger
from connectors.egnyte.occurrences import Offsets, Window
from connectors.egnyte.refusals import Forbidden, Malformed, NoAnswer, NotFound, RequestRefused, Throttled
from connectors.egnyte.reports import REQUIRED, ROOTS, SOURCES, ReportFailed, Reports
from schemas.connector import HistoryProgress, HistoryStatus
from streams.sections import DAY_MS, HOUR_MS, MINUTE_MS

log = structlog.get_logger(__name__)

POLL_MS: Final = 2 * MINUTE_MS + 1_000
"""Between two looks at a job. Egnyte wants them at least 2 minutes apart; the second is for answers that overtake."""
MALFORMED_TRIES: Final = 3
"""A JSON report that is not understood so often is fetched as CSV."""
FAILED_TRIES: Final = 5
"""A report that fails so often is left out, or, where it is needed, asked for every hour only."""


class Historian:
    """One session's work on history, from the ledger's progress on."""

    def __init__(
        self,
        connector: str,
        *,
        ledger: Ledger,
        reports: Reports,
        clock: Clock,
        restored: Callable[[Offsets], Awaitable[Window]],
        interruptible: Callable[[Awaitable[None]], Awaitable[None]],
        resolver: Resolver | None = None,
    ) -> None:
        """`restored`: the window of events published from given offsets on. `interruptible` awaits a sleep, and returns
        sooner when the connector is to stop. `resolver` finds whose key an event's is.
        """
        self._connector = connector
        self._resolver = resolver
        self._ledger = ledger
        self._reports = reports
        self._clock = clock
        self._restored = restored
        self._interruptible = interruptible
        self._next_ms = clock.now_ms()
        self._retries = self._malformed = self._root = 0
        self._forget_span()

    @property
    def wanted(self) -> bool:
        """Whether the stream has to wait."""
        return spans.to_fetch(self._ledger.cursor, self._clock.now_ms())

    async def turn(self) -> None:
        """Waits until Egnyte may be asked, asks once, and writes what came of it. Raises what publishing raises.

        Returns early when the wait is interrupted.
        """
        ledger, now_ms = self._ledger, self._clock.now_ms()
        wait_ms = max(self._next_ms, ledger.cursor.not_before_ms) - now_ms
        if (wait_ms := max(wait_ms, ledger.quota.wait_ms(now_ms))) > 0:
            await self._interruptible(self._clock.sleep(wait_ms / 1_000))
            return
        try:
            await self._step(self._progress)
        except NoAnswer as refusal:
            await self._refused(refusal)

    async def _step(self, progress: HistoryProgress) -> None:
        if not progress.to_ms:
            await self._note(spans.next_span(progress, self._clock.now_ms()))
            return
        wanted = [report for report in SOURCES if report not in progress.left_out]
        missing = [report for report in wanted if report not in progress.jobs]
        running = [report for report in wanted if report not in self._done and report in progress.jobs]
        unread = [report for report in wanted if report not in self._read]
        if missing:
            await self._create(progress, missing[0])
        elif running:
            await self._poll(progress, min(running, key=lambda report: self._polled_ms.get(report, 0)))
        elif unread:
            await self._fetch(progress, unread[0])
        else:
            await self._publish(progress)

    async def _create(self, progress: HistoryProgress, report: str) -> None:
        try:
            job = await self._reports.create(
                report, progress.done_ms - DAY_MS, progress.to_ms, as_csv=progress.csv, roots=ROOTS[self._root]
            )
        except RequestRefused as refusal:
            if report == "files" and self._root + 1 < len(ROOTS):
                self._root += 1
                await self._answered(progress)
            elif not progress.csv and not progress.window:
                log.info("reports are fetched as CSV", report=report, reason=str(refusal))
                await self._again(msgspec.structs.replace(progress, csv=True, jobs={}))
            else:
                await self._left_out(progress, report, refusal)
        except (Forbidden, NotFound) as refusal:
            await self._left_out(progress, report, refusal)
        else:
            self._polled_ms[report] = self._clock.now_ms()
            await self._answered(msgspec.structs.replace(progress, jobs={**progress.jobs, report: job}))

    async def _poll(self, progress: HistoryProgress, report: str) -> None:
        now_ms = self._clock.now_ms()
        # A job of an earlier process may just have been asked for.
        due_ms = self._polled_ms.setdefault(report, now_ms) + POLL_MS
        if due_ms > now_ms:
            self._next_ms = due_ms
            return
        self._polled_ms[report] = now_ms
        try:
            if await self._reports.done(progress.jobs[report]):
                self._done.add(report)
        except (NotFound, ReportFailed) as refusal:
            log.warning("a report has to be asked for again", report=report, reason=str(refusal))
            await self._ask_again(progress, report, refusal)
            return
        await self._answered(progress)

    async def _fetch(self, progress: HistoryProgress, report: str) -> None:
        rows, job = self._rows.setdefault(report, []), progress.jobs[report]
        try:
            found = await (
                self._reports.file(report, job) if progress.csv else self._reports.page(report, job, len(rows))
            )
        except NotFound as refusal:  # it has expired
            await self._ask_again(progress, report, refusal)
            return
        except Malformed:
            self._malformed += 1
            if progress.csv or progress.window or self._malformed < MALFORMED_TRIES:
                raise
            await self._again(msgspec.structs.replace(progress, csv=True, jobs={}))
            return
        self._malformed = 0
        rows += found.rows
        if progress.csv or not found.rows or (found.total is not None and len(rows) >= found.total):
            self._read.add(report)
        held = sum(map(len, self._rows.values())) - len(rows) + max(len(rows), found.total or 0)
        if held > spans.MAX_ROWS and (shorter := spans.halved(progress)) is not None:
            log.info("a shorter span of history is fetched", days=shorter.days, rows=held)
            await self._again(shorter)
            return
        await self._answered(progress)

    async def _publish(self, progress: HistoryProgress) -> None:
        """All that was fetched, in pieces; with the last one the span is done."""
        ledger, rows = self._ledger, [row for report in SOURCES for row in self._rows.get(report, [])]
        dated, dead = spans.sorted_rows(self._connector, rows, progress.done_ms, progress.to_ms)
        window = await self._restored(progress.window)
        if not progress.window:
            progress = msgspec.structs.replace(progress, window=ledger.upcoming)
        for piece in spans.pieces(dated):
            taken = take(self._connector, piece.rows, window, self._clock.now_ms(), self._resolver)
            ledger.move(history=progress)
            ledger.tell(history=self._told(progress, piece.newest_ms, taken.events))
            before = ledger.upcoming
            await ledger.write(taken.records, "history")
            window.keep(taken.admission, before)
        done = msgspec.structs.replace(progress, done_ms=progress.to_ms, to_ms=0, jobs={}, window={})
        log.info("history is published", to_ms=done.done_ms, rows=len(dated), dead=len(dead))
        jobs, self._retries = progress.jobs, 0
        self._forget_span()
        ledger.tell(dead_letters=ledger.status.dead_letters + len(dead))
        await self._note(done, dead)
        await self._delete(jobs)

    async def _delete(self, jobs: dict[str, str]) -> None:
        for report, job in jobs.items():
            try:
                await self._reports.delete(report, job)
            except NoAnswer as refusal:  # Egnyte forgets it by itself
                log.debug("a report could not be deleted", report=report, reason=str(refusal))

    async def _left_out(self, progress: HistoryProgress, report: str, refusal: NoAnswer) -> None:
        if report in REQUIRED:
            raise refusal
        log.warning("history goes without a report", report=report, reason=str(refusal))
        await self._answered(msgspec.structs.replace(progress, left_out={**progress.left_out, report: str(refusal)}))

    async def _ask_again(self, progress: HistoryProgress, report: str, refusal: NoAnswer) -> None:
        """Another job for one report; not at once, should Egnyte fail them all."""
        self._failed[report] = self._failed.get(report, 0) + 1
        self._done.discard(report)
        self._read.discard(report)
        self._rows.pop(report, None)
        jobs = {name: job for name, job in progress.jobs.items() if name != report}
        progress = msgspec.structs.replace(progress, jobs=jobs)
        if self._failed[report] >= FAILED_TRIES and report not in REQUIRED and not progress.window:
            await self._left_out(progress, report, refusal)
            return
        self._ledger.move(history=progress)
        await self._refused(refusal)
        if self._failed[report] >= FAILED_TRIES:
            self._next_ms = self._clock.now_ms() + HOUR_MS

    async def _again(self, progress: HistoryProgress) -> None:
        """The span in work from its beginning: in another format, or shorter."""
        jobs = self._progress.jobs
        self._forget_span()
        await self._note(progress)
        await self._delete(jobs)

    def _forget_span(self) -> None:
        self._done: set[str] = set()
        self._read: set[str] = set()
        self._rows: dict[str, list[bytes]] = {}
        self._polled_ms: dict[str, int] = {}
        self._failed: dict[str, int] = {}

    async def _answered(self, progress: HistoryProgress) -> None:
        self._retries = 0
        await self._note(progress)

    async def _note(self, progress: HistoryProgress, records: list[Outgoing] | None = None) -> None:
        now_ms = self._clock.now_ms()
        # What comes after history is asked of the stream from here on.
        self._ledger.move(history=progress, start_ms=progress.done_ms)
        self._ledger.tell(history=self._told(progress, progress.done_ms), polled_ms=now_ms, error_kind="", error="")
        await self._ledger.write(records or [], "history")

    async def _refused(self, refusal: NoAnswer) -> None:
        ledger, now_ms = self._ledger, self._clock.now_ms()
        asked_ms = round(1_000 * (getattr(refusal, "retry_after_s", None) or 0))
        if isinstance(refusal, Throttled):
            ledger.limiter.pause(now_ms, max(asked_ms, THROTTLED_MS))
        pause_ms = LONGEST_RETRY_MS if refusal.needs_people else min(FIRST_RETRY_MS << self._retries, LONGEST_RETRY_MS)
        self._retries = min(self._retries + 1, 16)
        self._next_ms = now_ms + max(pause_ms, min(asked_ms, LONGEST_RETRY_MS))
        state = ledger.tell_refusal(refusal)
        log.warning("no answer to a report", kind=refusal.kind, reason=str(refusal))
        await ledger.write([], state)

    @property
    def _progress(self) -> HistoryProgress:
        progress = self._ledger.cursor.history
        if progress is None:
            raise RuntimeError("no history is wanted")
        return progress

    def _told(self, progress: HistoryProgress, done_ms: int, events: int = 0) -> HistoryStatus:
        before = self._ledger.status.history
        return HistoryStatus(
            progress.from_ms, max(progress.to_ms, progress.done_ms, spans.end_ms(self._clock.now_ms())), done_ms,
            (before.events if before else 0) + events, progress.left_out,
        )  # fmt: skip
