"""The rows of the older reports (v1): the same events as the stream's, in other words and with times to the second."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from simulators.clock import iso
from simulators.egnyte.eventlog import Entry

Row = dict[str, Any]

SOURCES: Final = {
    "files": "FILE_AUDIT",
    "logins": "LOGIN_AUDIT",
    "permissions": "PERMISSION_AUDIT",
    "users": "USER_AUDIT",
    "groups": "GROUP_AUDIT",
    "workgroup-settings": "WG_SETTINGS_AUDIT",
    "workflows": "WORKFLOW_AUDIT",
}
"""The audit source of each report."""

TITLE: Final = "Report reflects activity up to"
_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "logins": {
        "User Name": "username", "User ID": "user_id", "Event": "event", "IP Address": "ip_address",
        "Access": "access", "Time": "time", "Logout Time": "logout_time",
    },
    "files": {
        "File/Folder": "file", "Target Path/Link": "target_path", "User/Location": "username", "User ID": "user_id",
        "Transaction Type": "transaction", "Action Info": "", "Access": "access", "Time": "time",
        "IP Address": "ip_address", "Device Name": "", "File Version": "", "Space Used": "",
    },
    "permissions": {
        "Folder": "folder", "Assigner": "assigner", "Assigner ID": "assigner_id", "Assignee": "assignee",
        "Assignee ID": "assignee_id", "Change": "change", "Time": "time",
    },
    "users": {
        "Time": "date_and_time", "Actor": "actor", "Subject": "subject", "Action": "action",
        "Action Info": "action_Info",
    },
    "groups": {
        "Time": "date_and_time", "Actor": "actor", "Group": "group", "Action": "action", "Action Info": "action_Info",
    },
    "workgroup-settings": {
        "Time": "date_and_time", "Actor": "actor", "Setting": "setting", "Action": "action",
        "Action Info": "action_Info",
    },
    "workflows": {
        "Time": "date_and_time", "Actor": "actor", "Workflow Name": "workflowName", "Workflow Type": "workflowType",
        "File": "file", "Action": "action", "Action Info": "action_Info",
    },
}  # fmt: skip
"""Columns of the CSV form and the keys of the JSON form. Those of logins and files were seen, the others are assumed;
so are the keys of groups, settings and workflows.
"""
_ACCESS: Final = {"Web UI": "Web"}
_INNER_BLANKS: Final = re.compile(r"\( (.*) \)$")


def row_of(report: str, entry: Entry, file_key: str) -> Row | None:
    """The row of `entry` in `report`; None for an event of another report, or one that is no JSON object. `file_key`:
    what the path's key is called.
    """
    if entry.source != SOURCES[report]:
        return None
    event: Mapping[str, Any] = msgspec.json.decode(entry.body)
    time = iso(entry.date_ms // 1_000 * 1_000).replace(".000", "")
    access = _ACCESS.get(event.get("access", ""), event.get("access", ""))
    who = {"username": _person(event, "user"), "user_id": _id(event, "userId")}
    if report == "logins":
        logout_ms = event.get("logoutDate")
        return who | {
            "event": event.get("action") or event.get("event", ""), "ip_address": event.get("ipAddress", ""),
            "access": access, "time": time,
            "logout_time": iso(logout_ms).replace(".000", "") if isinstance(logout_ms, int) else "",
        }  # fmt: skip
    if report == "files":
        return who | {
            file_key: event.get("sourcePath", ""), "target_path": event.get("targetPath", "N/A"),
            "transaction": event.get("action", ""), "access": access, "ip_address": event.get("ipAddress", ""),
            "time": time,
        }  # fmt: skip
    if report == "permissions":
        return {
            "folder": event.get("folder", ""),
            "assignee": _person(event, "assignee"), "assignee_id": _id(event, "assigneeId"),
            "assigner": _person(event, "assigner"), "assigner_id": _id(event, "assignerId"),
            "change": event.get("change", ""), "time": time,
        }  # fmt: skip
    row: Row = {"date_and_time": time, "actor": _person(event, "actor")}
    if report == "users":
        row["subject"] = _person(event, "subject")
    row |= {key: event[key] for key in ("group", "setting", "workflowName", "workflowType") if key in event}
    if report == "workflows":
        row["file"] = event.get("sourcePath", "")
    return row | {"action": event.get("action", ""), "action_Info": event.get("actionInfo", "")}


def as_csv(report: str, rows: Iterable[Row], until_ms: int) -> bytes:
    """The report as a CSV file: a title, the columns, the rows."""
    columns = _COLUMNS[report]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([f"{TITLE} {iso(until_ms)}"])
    writer.writerow(columns)
    for row in rows:
        named = {"file" if key == "file/folder" else key: value for key, value in row.items() if value is not None}
        writer.writerow([named.get(key, "") for key in columns.values()])
    return text.getvalue().encode()


def _person(event: Mapping[str, Any], key: str) -> str:
    """`First Last (email)`: without the stream's inner blanks."""
    return _INNER_BLANKS.sub(r"(\1)", str(event.get(key, "")))


def _id(event: Mapping[str, Any], key: str) -> int | None:
    text = str(event.get(key, ""))
    return int(text) if text.isascii() and text.isdigit() else None
