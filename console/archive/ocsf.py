"""Activities as OCSF 1.8.0 events: logins as Authentication (3002), all else as File Hosting (6006).

Built from the archive's rows; what OCSF has no place for is in `unmapped`. Times: ms since the epoch, UTC.
Classes: https://schema.ocsf.io/1.8.0/classes/authentication and .../file_hosting
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas import ocsf

AUTHENTICATION: Final = 3002
FILE_HOSTING: Final = 6006
COLUMNS: Final = (
    "time_ms", "received_ms", "connector", "event_id", "user_key", "type", "action", "outcome", "actor_kind",
    "actor_email", "actor_name", "actor_id", "path", "target_path", "info", "client", "ip", "country", "region", "city",
    "latitude", "longitude", "asn", "organisation", "ip_category", "ip_tags", "raw",
)  # fmt: skip
"""What `event` needs of a row."""

_LOGINS: Final = {"login": (1, "Logon"), "failed_login": (1, "Logon"), "lockout": (1, "Logon"), "logout": (2, "Logoff")}
_FILES: Final = {
    "upload": (1, "Upload"), "create": (1, "Upload"), "download": (2, "Download"), "edit": (3, "Update"),
    "delete": (4, "Delete"), "purge": (4, "Delete"), "copy": (6, "Copy"), "move": (7, "Move"),
    "restore": (8, "Restore"), "view": (9, "Preview"), "lock": (10, "Lock"), "unlock": (11, "Unlock"),
    "share": (12, "Share"), "unshare": (13, "Unshare"), "read": (14, "Open"), "link_access": (14, "Open"),
}  # fmt: skip
"""Activity ids of File Hosting; what is none of them is 99, Other, with Egnyte's own name for it."""
_OUTCOMES: Final = {"success": (1, "Success"), "failure": (2, "Failure"), "unknown": (0, "Unknown")}
_USER_TYPES: Final = {"person": (1, "User"), "system": (3, "System")}


def event(row: Mapping[str, Any], product_version: str) -> dict[str, Any]:
    """The OCSF event of one row that has `COLUMNS`."""
    login = row["type"] in _LOGINS
    activity_id, activity = (
        _LOGINS[row["type"]] if login else _FILES.get(row["type"], (99, row["action"] or row["type"]))
    )
    class_uid = AUTHENTICATION if login else FILE_HOSTING
    status_id, status = _OUTCOMES[row["outcome"]]
    user = _user(row)
    found: dict[str, Any] = {
        "class_uid": class_uid,
        "class_name": "Authentication" if login else "File Hosting Activity",
        "category_uid": 3 if login else 6,
        "category_name": "Identity & Access Management" if login else "Application Activity",
        "activity_id": activity_id,
        "activity_name": activity,
        "type_uid": class_uid * 100 + activity_id,
        "time": row["time_ms"],
        "severity_id": 1,
        "severity": "Informational",
        "status_id": status_id,
        "status": status,
        "metadata": {
            "version": ocsf.VERSION,
            "uid": row["event_id"],
            "tenant_uid": row["connector"],
            "logged_time": row["received_ms"],
            "event_code": row["action"],
            "product": {"name": "Egnyte", "vendor_name": "Egnyte"},
            "loggers": [
                {"product": {"name": "egnyte-watch", "vendor_name": "egnyte-watch", "version": product_version}}
            ],
        },
        "actor": {"user": user, **({"app_name": row["client"]} if row["client"] else {})},
        "unmapped": {
            "activity_type": row["type"],
            "info": row["info"],
            "target_path": row["target_path"],
            "ip_category": row["ip_category"],
            "ip_tags": list(row["ip_tags"] or ()),
        },
        "raw_data": row["raw"],
    }
    found["src_endpoint"] = _endpoint(row) if row["ip"] else {"name": "unknown"}
    if login:
        found["user"] = user
    else:
        found["file"] = _file(row["path"])
        if row["target_path"].startswith("/"):
            found["file_result"] = _file(row["target_path"])
    return found


def _user(row: Mapping[str, Any]) -> dict[str, Any]:
    type_id, kind = _USER_TYPES.get(row["actor_kind"], (0, "Unknown"))
    user = {"uid": row["user_key"], "type_id": type_id, "type": kind, "name": row["actor_email"] or row["actor_name"]}
    more = {"email_addr": row["actor_email"], "display_name": row["actor_name"], "uid_alt": row["actor_id"]}
    return user | {name: value for name, value in more.items() if value}


def _endpoint(row: Mapping[str, Any]) -> dict[str, Any]:
    endpoint: dict[str, Any] = {"ip": row["ip"]}
    location = {name: row[name] for name in ("country", "region", "city") if row[name]}
    if row["latitude"] is not None:
        location |= {"lat": row["latitude"], "long": row["longitude"]}
    if location:
        endpoint["location"] = location
    if row["asn"]:
        endpoint["autonomous_system"] = {"number": row["asn"], "name": row["organisation"]}
    return endpoint


def _file(path: str) -> dict[str, Any]:
    return {"name": path.rpartition("/")[2] or path or "unknown", "path": path or "/", "type_id": 0}
