"""The older reports: jobs, pages, CSV, and every way in which they may refuse or fail."""

import csv
from typing import Any

import httpx
import pytest

from simulators.egnyte import Fault
from tests.simulators.egnyte.conftest import Serve, Served

AUDIT = "/pubapi/v1/audit"
LOGINS: dict[str, Any] = {"events": ["logins", "failed_attempts"]}
PERSON = {"user": "Ana Sousa ( ana@example.com )", "userId": "10427781034", "ipAddress": "198.51.100.7"}


def days(first: str = "2025-11-23", last: str = "2025-11-24", **more: Any) -> dict[str, Any]:
    return {"format": "json", "date_start": first, "date_end": last, **more}


async def report(served: Served, name: str, body: dict[str, Any]) -> httpx.Response:
    """The first page of a report, asked for and waited for as Egnyte wants it."""
    made = await served.client.post(f"{AUDIT}/{name}", json=body)
    assert made.status_code == 202, made.text
    served.clock.advance(120)
    polled = await served.client.get(f"{AUDIT}/jobs/{made.json()['id']}")
    assert polled.status_code == 303, polled.text
    return await served.client.get(polled.headers["Location"])


async def test_a_report_runs_for_a_while_and_is_fetched_by_pages(serve: Serve, minutes_back: Any) -> None:
    events = [minutes_back(number, "LOGIN_AUDIT", action="Login", access="Web UI", **PERSON) for number in range(5)]
    async with serve(events, report_page=2, report_seconds=100) as served:
        made = await served.client.post(f"{AUDIT}/logins", json=days(**LOGINS))
        job = made.json()["id"]
        assert (await served.client.get(f"{AUDIT}/jobs/{job}")).json() == {"status": "running"}
        assert (await served.client.get(f"{AUDIT}/logins/{job}")).status_code == 404  # not done
        served.clock.advance(120)
        polled = await served.client.get(f"{AUDIT}/jobs/{job}", follow_redirects=False)
        assert polled.status_code == 303
        rows, offset = [], 0
        while True:
            page = (await served.client.get(polled.headers["Location"], params={"offset": offset})).json()
            assert (page["offset"], page["count"], page["total_count"]) == (offset, len(page["events"]), 5)
            rows += page["events"]
            if not page["events"]:
                break
            offset += len(page["events"])
        assert [row["time"] for row in rows] == [f"2025-11-24T07:5{minute}:00Z" for minute in (6, 7, 8, 9)] + [
            "2025-11-24T08:00:00Z"
        ]
        assert rows[0] == {
            "username": "Ana Sousa (ana@example.com)", "user_id": 10427781034, "event": "Login",
            "ip_address": "198.51.100.7", "access": "Web", "time": "2025-11-24T07:56:00Z", "logout_time": "",
        }  # fmt: skip
        assert (await served.client.delete(f"{AUDIT}/logins/{job}")).status_code == 204
        assert (await served.client.get(f"{AUDIT}/jobs/{job}")).status_code == 404
        assert [record.job for record in served.simulator.journal.records()] == [job] * len(
            served.simulator.journal.records()
        )


async def test_every_kind_of_report_has_the_rows_of_its_source(serve: Serve, minutes_back: Any) -> None:
    ana, ben = "Ana Sousa ( ana@example.com )", "Ben Ito ( ben@example.com )"
    events = [
        minutes_back(9, sourcePath="/Shared/a.txt", targetPath="N/A", action="Download", access="Mobile", **PERSON),
        minutes_back(8, "LOGIN_AUDIT", event="Logout", logoutDate=1763970000000, access="FTP", **PERSON),
        minutes_back(
            7, "PERMISSION_AUDIT", folder="/Shared", assigner=ana, assignerId="7", assignee="Crew", assigneeId="",
            change="+Editor",
        ),
        minutes_back(6, "USER_AUDIT", actor=ana, subject=ben, action="Create", actionInfo=""),
        minutes_back(5, "GROUP_AUDIT", actor=ana, group="Crew", action="Create", actionInfo=""),
        minutes_back(4, "WG_SETTINGS_AUDIT", actor=ana, setting="Links", action="Update", actionInfo="Old: a"),
        minutes_back(
            3, "WORKFLOW_AUDIT", actor=ana, workflowName="W", workflowType="Approval", sourcePath="/Shared/a.txt",
            action="Created",
        ),
    ]  # fmt: skip
    more: dict[str, Any] = {"logins": LOGINS, "files": {"folders": ["/"]}}
    names = ("files", "logins", "permissions", "users", "groups", "workgroup-settings", "workflows")
    async with serve(events, report_path_key="file/folder", report_total_key="totalCount") as served:
        found = {name: (await report(served, name, days(**more.get(name, {})))).json() for name in names}
        assert {name: page["totalCount"] for name, page in found.items()} == dict.fromkeys(names, 1)
        rows = {name: page["events"][0] for name, page in found.items()}
        assert rows["files"]["file/folder"] == "/Shared/a.txt"
        assert rows["files"]["transaction"] == "Download"
        assert (rows["logins"]["event"], rows["logins"]["logout_time"]) == ("Logout", "2025-11-24T07:40:00Z")
        assert (rows["permissions"]["assigner_id"], rows["permissions"]["assignee_id"]) == (7, None)
        assert rows["users"]["subject"] == "Ben Ito (ben@example.com)"
        assert (rows["groups"]["group"], rows["workgroup-settings"]["setting"]) == ("Crew", "Links")
        assert rows["workflows"]["workflowName"] == "W"


async def test_the_csv_form_has_a_title_and_the_columns_seen(serve: Serve, minutes_back: Any) -> None:
    events = [minutes_back(9, sourcePath='/Shared/a, "b".txt', action="Upload", access="Web UI", **PERSON)]
    async with serve(events) as served:
        found = await report(served, "files", days(format="csv", file="*"))
        title, columns, row = csv.reader(found.text.splitlines())
        assert title[0].startswith("Report reflects activity up to 2025-11-24T08:01:00")
        assert columns[:4] == ["File/Folder", "Target Path/Link", "User/Location", "User ID"]
        values = dict(zip(columns, row, strict=True))
        assert values["File/Folder"] == '/Shared/a, "b".txt'
        assert (values["User/Location"], values["Device Name"]) == ("Ana Sousa (ana@example.com)", "")


@pytest.mark.parametrize(
    ("name", "body", "status", "switches"),
    [
        ("nonsense", days(), 404, {}),
        ("logins", days(), 400, {}),  # events is required
        ("files", days(), 400, {}),
        ("files", days(folders=["/"]), 400, {"report_root_folder": False}),
        ("users", days(first="2025-11-25"), 400, {}),
        ("users", days(first="yesterday"), 400, {}),
        ("users", days(format="xml"), 400, {}),
        ("users", days(), 400, {"reports_json": False}),
        ("users", days(), 403, {"plan_has_audit": False}),
    ],
)
async def test_what_can_not_be_asked(
    serve: Serve, name: str, body: dict[str, Any], status: int, switches: dict[str, Any]
) -> None:
    async with serve([], **switches) as served:
        assert (await served.client.post(f"{AUDIT}/{name}", json=body)).status_code == status


async def test_a_job_asked_for_too_often_is_refused(serve: Serve) -> None:
    async with serve([], report_seconds=500) as served:
        job = (await served.client.post(f"{AUDIT}/users", json=days())).json()["id"]
        assert (await served.client.get(f"{AUDIT}/jobs/{job}")).status_code == 200
        served.clock.advance(60)
        refused = await served.client.get(f"{AUDIT}/jobs/{job}")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "120")
        served.clock.advance(120)
        assert (await served.client.get(f"{AUDIT}/jobs/{job}")).status_code == 200


async def test_jobs_fail_and_reports_expire(serve: Serve) -> None:
    async with serve([], reports_fail=1, report_hours=2) as served:
        failed, done = [(await served.client.post(f"{AUDIT}/users", json=days())).json()["id"] for _ in range(2)]
        served.clock.advance(120)
        assert (await served.client.get(f"{AUDIT}/jobs/{failed}")).json() == {"status": "failed"}
        assert (await served.client.get(f"{AUDIT}/users/{done}")).status_code == 200
        assert (await served.client.get(f"{AUDIT}/logins/{done}")).status_code == 404  # of another report
        served.clock.advance(3 * 3_600)
        assert (await served.client.get(f"{AUDIT}/users/{done}")).status_code == 404


async def test_days_lag_and_reach_are_switches(serve: Serve, minutes_back: Any) -> None:
    ana = {"actor": "Ana Sousa ( ana@example.com )", "subject": "x", "action": "Update"}
    events = [minutes_back(minutes, "USER_AUDIT", **ana) for minutes in (30, 9 * 60, 3 * 24 * 60)]
    async with serve(events) as served:
        today = days("2025-11-24", "2025-11-24")
        assert len((await report(served, "users", today)).json()["events"]) == 1
        served.simulator.change(report_zone_hours=8)  # the domain's day began at 16:00 UTC the day before
        assert len((await report(served, "users", today)).json()["events"]) == 2
        served.simulator.change(report_lag_minutes=60)
        assert len((await report(served, "users", today)).json()["events"]) == 1
        served.simulator.change(report_days=2, report_lag_minutes=0, report_zone_hours=0, report_ascending=False)
        found = (await report(served, "users", days("2025-11-01"))).json()["events"]
        assert [row["date_and_time"] for row in found] == ["2025-11-24T07:30:00Z", "2025-11-23T23:00:00Z"]


async def test_faults_strike_reports_too(serve: Serve) -> None:
    async with serve([]) as served:
        served.simulator.fault(Fault(kind="status", status=502, path=f"{AUDIT}/users"))
        assert (await served.client.post(f"{AUDIT}/users", json=days())).status_code == 502
        assert (await served.client.post(f"{AUDIT}/users", json=days())).status_code == 202
