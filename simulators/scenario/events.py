"""Egnyte's raw audit events (v2), in the shapes that its SDK's tests show and, for the other sources, in those
assumed by analogy.

`date` is ms since the epoch, a person is written `First Last ( email )`, an empty target is `N/A`, an empty text is
"".
"""

from typing import Any, Final, Protocol

RawEvent = dict[str, Any]

WEB: Final = "Web UI"
DESKTOP: Final = "Desktop App"
MOBILE: Final = "Mobile"
NO_TARGET: Final = "N/A"


class Named(Protocol):
    """Whoever an event is about."""

    @property
    def label(self) -> str:
        """As events write a person."""
        ...

    @property
    def user_id(self) -> str:
        """Egnyte's id, digits; empty for nobody known."""
        ...


def file_event(
    who: Named, at_ms: int, action: str, path: str, *, ip: str, client: str = WEB, target: str = NO_TARGET
) -> RawEvent:
    """Something done to a file or folder."""
    return {
        "date": at_ms,
        "sourcePath": path,
        "targetPath": target,
        "user": who.label,
        "userId": who.user_id,
        "action": action,
        "access": client,
        "ipAddress": ip,
        "actionInfo": "",
        "auditSource": "FILE_AUDIT",
    }


def login_event(who: Named, at_ms: int, action: str, *, ip: str, client: str = WEB) -> RawEvent:
    """`Login`, `Failed Login`, `Logout`, `Account Lockout` or `Password Reset`."""
    event = {
        "date": at_ms,
        "user": who.label,
        "userId": who.user_id,
        "action": action,
        "access": client,
        "ipAddress": ip,
        "actionInfo": "",
        "auditSource": "LOGIN_AUDIT",
    }
    return event | {"logoutDate": at_ms} if action == "Logout" else event


def permission_event(assigner: Named, at_ms: int, folder: str, assignee: Named, change: str) -> RawEvent:
    """A level given (`+Editor`) or taken (`-Viewer`)."""
    return {
        "date": at_ms,
        "folder": folder,
        "assigner": assigner.label,
        "assignerId": assigner.user_id,
        "assignee": assignee.label,
        "assigneeId": assignee.user_id,
        "change": change,
        "actionInfo": "",
        "auditSource": "PERMISSION_AUDIT",
    }


def user_event(actor: Named, at_ms: int, subject: Named, action: str, info: str = "") -> RawEvent:
    """`Create`, `Update`, `Disable`, `Enable`, `Delete`, `Password Reset` or `Password Change`."""
    return {
        "date": at_ms,
        "actor": actor.label,
        "subject": subject.label,
        "action": action,
        "actionInfo": info,
        "source": WEB,
        "auditSource": "USER_AUDIT",
    }


def group_event(actor: Named, at_ms: int, group: str, action: str, info: str = "") -> RawEvent:
    """`Create`, `Add Users`, `Remove Users`, `Rename` or `Delete`."""
    return {
        "date": at_ms,
        "actor": actor.label,
        "group": group,
        "action": action,
        "actionInfo": info,
        "source": WEB,
        "auditSource": "GROUP_AUDIT",
    }


def setting_event(actor: Named, at_ms: int, setting: str, old: str, new: str) -> RawEvent:
    """A setting of the domain changed."""
    return {
        "date": at_ms,
        "actor": actor.label,
        "setting": setting,
        "action": "Update",
        "actionInfo": f"Old value: {old}; New value: {new}",
        "source": WEB,
        "auditSource": "WG_SETTINGS_AUDIT",
    }


def workflow_event(actor: Named, at_ms: int, name: str, path: str, action: str) -> RawEvent:
    """`Created`, `Task Approved`, `Task Rejected` or `Completed`."""
    return {
        "date": at_ms,
        "actor": actor.label,
        "workflowName": name,
        "workflowType": "Approval",
        "sourcePath": path,
        "action": action,
        "actionInfo": "",
        "source": WEB,
        "auditSource": "WORKFLOW_AUDIT",
    }
