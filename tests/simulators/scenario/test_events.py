"""The shapes of raw events: those seen in Egnyte's SDK, to the letter, and the assumed ones."""

import pytest

from simulators.scenario.events import (
    file_event,
    group_event,
    login_event,
    permission_event,
    setting_event,
    user_event,
    workflow_event,
)
from simulators.scenario.people import Stranger

MARA = Stranger("Mara Lindqvist ( mara.lindqvist@example.com )", "10427781034")
IRENE = Stranger("Irene Vasquez ( irene.vasquez@example.com )", "10427781002")
AT_MS = 1763971201123
IP = "198.51.100.23"

SHAPES = {
    "file": (
        file_event(MARA, AT_MS, "Preview", "/Shared/Finance/2025/Q3 forecast.xlsx", ip=IP),
        {
            "date": AT_MS,
            "sourcePath": "/Shared/Finance/2025/Q3 forecast.xlsx",
            "targetPath": "N/A",
            "user": MARA.label,
            "userId": "10427781034",
            "action": "Preview",
            "access": "Web UI",
            "ipAddress": IP,
            "actionInfo": "",
            "auditSource": "FILE_AUDIT",
        },
    ),
    "login": (
        login_event(MARA, AT_MS, "Login", ip=IP),
        {
            "date": AT_MS,
            "user": MARA.label,
            "userId": "10427781034",
            "action": "Login",
            "access": "Web UI",
            "ipAddress": IP,
            "actionInfo": "",
            "auditSource": "LOGIN_AUDIT",
        },
    ),
    "logout": (
        login_event(MARA, AT_MS, "Logout", ip=IP),
        {
            "date": AT_MS,
            "user": MARA.label,
            "userId": "10427781034",
            "action": "Logout",
            "access": "Web UI",
            "ipAddress": IP,
            "actionInfo": "",
            "auditSource": "LOGIN_AUDIT",
            "logoutDate": AT_MS,
        },
    ),
    "permission": (
        permission_event(IRENE, AT_MS, "/Shared/Finance/2025", MARA, "+Editor"),
        {
            "date": AT_MS,
            "folder": "/Shared/Finance/2025",
            "assigner": IRENE.label,
            "assignerId": "10427781002",
            "assignee": MARA.label,
            "assigneeId": "10427781034",
            "change": "+Editor",
            "actionInfo": "",
            "auditSource": "PERMISSION_AUDIT",
        },
    ),
    "user": (
        user_event(IRENE, AT_MS, MARA, "Update", "Upgraded to Power User"),
        {
            "date": AT_MS,
            "actor": IRENE.label,
            "subject": MARA.label,
            "action": "Update",
            "actionInfo": "Upgraded to Power User",
            "source": "Web UI",
            "auditSource": "USER_AUDIT",
        },
    ),
    "group": (
        group_event(IRENE, AT_MS, "Harbor Contractors", "Create"),
        {
            "date": AT_MS,
            "actor": IRENE.label,
            "group": "Harbor Contractors",
            "action": "Create",
            "actionInfo": "",
            "source": "Web UI",
            "auditSource": "GROUP_AUDIT",
        },
    ),
    "setting": (
        setting_event(IRENE, AT_MS, "Password strength", "Good", "Any"),
        {
            "date": AT_MS,
            "actor": IRENE.label,
            "setting": "Password strength",
            "action": "Update",
            "actionInfo": "Old value: Good; New value: Any",
            "source": "Web UI",
            "auditSource": "WG_SETTINGS_AUDIT",
        },
    ),
    "workflow": (
        workflow_event(MARA, AT_MS, "Approve level2", "/Shared/Plans/level2.dwg", "Created"),
        {
            "date": AT_MS,
            "actor": MARA.label,
            "workflowName": "Approve level2",
            "workflowType": "Approval",
            "sourcePath": "/Shared/Plans/level2.dwg",
            "action": "Created",
            "actionInfo": "",
            "source": "Web UI",
            "auditSource": "WORKFLOW_AUDIT",
        },
    ),
}


@pytest.mark.parametrize(("made", "shape"), SHAPES.values(), ids=SHAPES.keys())
def test_shapes(made, shape):
    assert made == shape
    assert list(made) == list(shape)
