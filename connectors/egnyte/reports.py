"""Egnyte's older audit reports (v1): jobs that are asked for, waited for, and fetched by pages or as a CSV file."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import httpx
import msgspec

from connectors.egnyte import vocabulary
from connectors.egnyte.api import EgnyteApi, Reply
from connectors.egnyte.refusals import Malformed, ServerFault
from connectors.egnyte.rows import FIELDS

T = TypeVar("T")

PATH: Final = "/pubapi/v1/audit"
PAGE_ROWS: Final = 5_000
"""Asked for at once; Egnyte may give fewer."""

SOURCES: Final = {
    "logins": vocabulary.LOGIN,
    "files": vocabulary.FILE,
    "permissions": vocabulary.PERMISSION,
    "users": vocabulary.USER,
    "groups": vocabulary.GROUP,
    "workgroup-settings": vocabulary.SETTINGS,
    "workflows": vocabulary.WORKFLOW,
}
"""The reports that are asked for, and the audit source of their rows, which they do not name themselves."""
REQUIRED: Final = frozenset({"logins", "files"})
"""Without these there is no history worth the name; the others may be missing from a domain's plan."""

ROOTS: Final = (("/",), ("/Shared", "/Private"))
"""Folders that hold all files. Whether the files' report takes the first is not known."""
_LOGIN_EVENTS: Final = ("logins", "logouts", "account_lockouts", "password_resets", "failed_attempts")
_RUNNING: Final = frozenset({"running", "queued", "pending", "in_progress", "submitted", "scheduled"})
_DONE: Final = frozenset({"done", "completed", "complete", "finished", "success"})

_KEYS: Final = {
    "username": "username", "userlocation": "username", "userid": "user_id", "filefolder": "file",
    "targetpathlink": "target_path", "targetpath": "target_path", "transactiontype": "transaction",
    "actioninfo": "action_Info", "ipaddress": "ip_address", "logouttime": "logout_time", "assignerid": "assigner_id",
    "assigneeid": "assignee_id", "dateandtime": "date_and_time", "workflowname": "workflowName",
    "workflowtype": "workflowType",
}  # fmt: skip
"""Columns of the CSV files whose JSON keys are other words; in lower case, letters only."""
_LEAST_COLUMNS: Final = 3
_NO_LETTER: Final = re.compile(r"[^a-z]")


class ReportFailed(ServerFault):
    """The job has come to nothing: only another one can help."""

    kind = "report_failed"


class Rows(msgspec.Struct, frozen=True):
    """Part of a report: each row as the JSON of an audit event. `total`: rows of the whole, None where not told."""

    rows: list[bytes]
    total: int | None


class _Made(msgspec.Struct):
    id: str | int


class _Progress(msgspec.Struct):
    status: str = ""


class _Page(msgspec.Struct):
    events: list[msgspec.Raw] = []
    total_count: int | None = None
    v2_total: int | None = msgspec.field(default=None, name="totalCount")


class _Head(msgspec.Struct):
    source: Any = msgspec.field(default=None, name="auditSource")


class Reports:
    """The reports of one domain. Each call raises a NoAnswer: see `connectors.egnyte.refusals`."""

    def __init__(self, api: EgnyteApi) -> None:
        self._api = api

    async def create(self, report: str, first_ms: int, last_ms: int, *, as_csv: bool, roots: Sequence[str]) -> str:
        """Asks for `report` over the whole days (UTC) of `first_ms` to `last_ms`; returns the job's id."""
        asked: dict[str, Any] = {
            "format": "csv" if as_csv else "json", "date_start": _day(first_ms), "date_end": _day(last_ms),
            "suppress_emails": True,
        }  # fmt: skip
        if report == "logins":
            asked["events"] = _LOGIN_EVENTS
        elif report == "files":
            asked["folders"] = roots
        reply = await self._api.ask("POST", f"{PATH}/{report}", json=asked)
        return str(_decoded(reply, _Made).id)

    async def done(self, job: str) -> bool:
        """Whether the job has ended well. Raises ReportFailed where it has not, NotFound for one that is not known."""
        reply = await self._api.ask("GET", f"{PATH}/jobs/{job}")
        if reply.status == httpx.codes.SEE_OTHER:
            return True
        status = _decoded(reply, _Progress).status.casefold()
        if status in _RUNNING:
            return False
        if status in _DONE:
            return True
        raise ReportFailed(f"Egnyte says of the report's job {job}: {status[:80] or 'no status'}")

    async def page(self, report: str, job: str, offset: int) -> Rows:
        """The rows of a JSON report from `offset` on."""
        asked = {"offset": offset, "count": PAGE_ROWS}
        page = _decoded(await self._api.ask("GET", f"{PATH}/{report}/{job}", params=asked), _Page)
        total = page.total_count if page.total_count is not None else page.v2_total
        return Rows([_named(bytes(row), SOURCES[report]) for row in page.events], total)

    async def file(self, report: str, job: str) -> Rows:
        """All rows of a CSV report."""
        reply = await self._api.ask("GET", f"{PATH}/{report}/{job}")
        rows = from_csv(reply.body, SOURCES[report])
        return Rows(rows, len(rows))

    async def delete(self, report: str, job: str) -> None:
        """Tells Egnyte that the report is no longer needed."""
        await self._api.ask("DELETE", f"{PATH}/{report}/{job}")


def from_csv(body: bytes, source: str) -> list[bytes]:
    """The rows of a CSV report as the JSON of audit events. Its first line is a title, its second names the columns.

    Raises Malformed where no line names columns, or a row has another number of values than there are columns.
    """
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed(f"report of {len(body)} bytes is no CSV in UTF-8: {error}", body) from None
    at = next((number for number, line in enumerate(lines[:3]) if _names_columns(line)), None)
    if at is None:
        raise Malformed(f"report of {len(body)} bytes names no columns in its first lines", body)
    keys = [_key(column) for column in lines[at]]
    rows = []
    for number, line in enumerate(lines[at + 1 :], at + 2):
        if not line:
            continue
        if len(line) != len(keys):
            raise Malformed(f"record {number} of a CSV report has {len(line)} values for {len(keys)} columns", body)
        row = {key: value for key, value in zip(keys, line, strict=True) if value}
        rows.append(msgspec.json.encode({"auditSource": source} | row))
    return rows


def _names_columns(line: Sequence[str]) -> bool:
    return len(line) >= _LEAST_COLUMNS and any(_key(column) in FIELDS for column in line)


def _key(column: str) -> str:
    letters = _NO_LETTER.sub("", column.lower())
    return _KEYS.get(letters, letters)


def _named(row: bytes, source: str) -> bytes:
    """`row` with its audit source, unless it names one."""
    row = row.strip()
    try:
        if msgspec.json.decode(row, type=_Head).source is not None:
            return row
    except (msgspec.DecodeError, UnicodeDecodeError):
        return row  # no object: refused where it is read
    rest = row[1:].lstrip()
    return b'{"auditSource":"%b"%b%b' % (source.encode(), b"" if rest.startswith(b"}") else b",", rest)


def _decoded(reply: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            f"answer of {len(reply.body)} bytes to {reply.path} is not understood: {error}", reply.body
        ) from None


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y-%m-%d")
