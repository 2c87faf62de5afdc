"""The older reports (v1): jobs that run for a while, and what they found."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from simulators.clock import from_iso
from simulators.egnyte.eventlog import EventLog
from simulators.egnyte.refusals import RefusedError
from simulators.egnyte.report_rows import SOURCES, Row, as_csv, row_of
from simulators.egnyte.switches import Switches

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
FIRST_JOB: Final = 12_345_678

State = Literal["running", "failed", "done", "gone"]


class Job(msgspec.Struct):
    """One report that was asked for. `rows`: what it found, once it has run."""

    id: str
    report: str
    format: str
    start_ms: int
    end_ms: int
    created_ms: int
    done_ms: int
    fails: bool
    polled_ms: int = -1
    rows: list[Row] | None = None


class Reports:
    """The jobs of one domain."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._jobs: dict[str, Job] = {}
        self._made = 0

    def create(self, report: str, body: Mapping[str, Any], switches: Switches, now_ms: int) -> Job:
        """A job for `report`. Raises RefusedError: 404 for an unknown report, 400 for a body that Egnyte would not
        take.
        """
        if report not in SOURCES:
            raise RefusedError(404, f"Report {report} is not known", "NOT_FOUND")
        shape = body.get("format")
        if shape not in {"json", "csv"} or (shape == "json" and not switches.reports_json):
            raise _bad(f"format {shape!r} is not supported")
        zone_ms = round(switches.report_zone_hours * HOUR_MS)
        start_ms, end_ms = _day(body, "date_start") - zone_ms, _day(body, "date_end") + DAY_MS - zone_ms
        if end_ms <= start_ms:
            raise _bad("date_end is before date_start")
        _check_filters(report, body, switches)
        self._made += 1
        fails = self._made <= switches.reports_fail
        job = Job(
            str(FIRST_JOB + self._made), report, str(shape), start_ms, end_ms, now_ms,
            now_ms + round(switches.report_seconds * SECOND_MS), fails,
        )  # fmt: skip
        self._jobs[job.id] = job
        return job

    def poll(self, job_id: str, switches: Switches, now_ms: int) -> tuple[Job, State]:
        """How job `job_id` is. Raises RefusedError: 404 for an unknown or expired one, 429 where it was asked for too
        soon again.
        """
        job = self._found(job_id, switches, now_ms)
        since_ms = now_ms - max(job.polled_ms, job.created_ms if switches.report_first_poll else -DAY_MS)
        job.polled_ms = now_ms
        if since_ms < switches.report_poll_s * SECOND_MS:
            marks = {"Retry-After": str(switches.report_poll_s)}
            raise RefusedError(429, f"Poll a job every {switches.report_poll_s} s at most", "TOO_SOON", marks)
        if now_ms < job.done_ms:
            return job, "running"
        return job, "failed" if job.fails else "done"

    def rows(self, report: str, job_id: str, switches: Switches, now_ms: int) -> tuple[Job, list[Row]]:
        """What a finished job found. Raises RefusedError (404) for one that is not there, not of `report`, or not
        finished.
        """
        job = self._found(job_id, switches, now_ms)
        if job.report != report or job.fails or now_ms < job.done_ms:
            raise _gone(job_id)
        if job.rows is None:  # once: a report is a still picture
            job.rows = self.found(report, job.start_ms, job.end_ms, switches, job.done_ms)
        return job, job.rows

    def file(self, report: str, job_id: str, switches: Switches, now_ms: int) -> bytes:
        """The same as a CSV file."""
        job, rows = self.rows(report, job_id, switches, now_ms)
        return as_csv(report, rows, job.done_ms)

    def delete(self, report: str, job_id: str, switches: Switches, now_ms: int) -> None:
        """Forgets a job. Raises RefusedError (404) for one that is not there."""
        if self._found(job_id, switches, now_ms).report != report:
            raise _gone(job_id)
        del self._jobs[job_id]

    def found(self, report: str, start_ms: int, end_ms: int, switches: Switches, now_ms: int) -> list[Row]:
        """The rows of `report` that are dated from `start_ms` to before `end_ms`, as a report that is done at `now_ms`
        has them.
        """
        oldest_ms = now_ms - switches.report_days * DAY_MS if switches.report_days else -1
        newest_ms = now_ms - round(switches.report_lag_minutes * MINUTE_MS)
        entries = sorted(self._log.visible(newest_ms), key=lambda entry: entry.date_ms)
        rows = [
            row
            for entry in entries
            if max(start_ms, oldest_ms) <= entry.date_ms < end_ms
            and (row := row_of(report, entry, switches.report_path_key)) is not None
        ]
        return rows if switches.report_ascending else rows[::-1]

    def _found(self, job_id: str, switches: Switches, now_ms: int) -> Job:
        job = self._jobs.get(job_id)
        if job is None or (switches.report_hours and now_ms - job.done_ms > switches.report_hours * HOUR_MS):
            raise _gone(job_id)
        return job


def _check_filters(report: str, body: Mapping[str, Any], switches: Switches) -> None:
    if report == "logins" and not body.get("events"):
        raise _bad("events is required")
    if report == "files":
        folders = body.get("folders") or []
        if not folders and not body.get("file"):
            raise _bad("folders or file is required")
        if "/" in folders and not switches.report_root_folder:
            raise _bad("folder / is not a valid folder")


def _day(body: Mapping[str, Any], name: str) -> int:
    """Midnight (UTC) of a date in `body`: whole days, whatever time it names."""
    try:
        found_ms = from_iso(str(body.get(name, "")))
    except (ValueError, OverflowError):
        raise _bad(f"{name} is not a date") from None
    return found_ms - found_ms % DAY_MS


def _gone(job_id: str) -> RefusedError:
    return RefusedError(404, f"Report {job_id} does not exist", "NOT_FOUND")


def _bad(message: str) -> RefusedError:
    return RefusedError(400, message, "BAD_REQUEST")
