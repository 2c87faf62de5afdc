"""Who gets in, and what the others are told."""

from typing import get_args

import msgspec
import pytest

from simulators.egnyte import Account, Switches

USERINFO = "/pubapi/v1/userinfo"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nobody", "Basic abc"])
async def test_an_unknown_token_is_turned_away(serve, header):
    async with serve() as served:
        answer = await served.client.get(USERINFO, headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_token_is_turned_away_from_then_on(serve):
    async with serve() as served:
        assert (await served.start()).status_code == 200
        assert served.simulator.revoke_token()
        assert (await served.start()).status_code == 401
        assert not served.simulator.revoke_token()


async def test_a_token_may_expire(serve):
    async with serve() as served:
        served.client.headers["Authorization"] = f"Bearer {served.simulator.issue_token(lasts_s=60)}"
        served.clock.advance(59.999)
        assert (await served.client.get(USERINFO)).status_code == 200
        served.clock.advance(0.001)
        assert (await served.client.get(USERINFO)).status_code == 401


async def test_the_gateway_may_not_know_the_token(serve):
    async with serve(gateway_refuses=True) as served:
        answer = await served.client.get(USERINFO, headers={"Authorization": "Bearer nobody"})
        assert answer.status_code == 403
        assert answer.headers["x-mashery-error-code"] == "ERR_403_DEVELOPER_INACTIVE"


@pytest.mark.parametrize(
    ("account", "status"),
    [
        (Account(user_type="admin"), 200),
        (Account(user_type="power", can_run_reports=True), 200),
        (Account(user_type="power"), 403),
        (Account(user_type="standard", can_run_reports=True), 403),
    ],
)
async def test_the_role_must_allow_reports(serve, account, status):
    async with serve() as served:
        served.client.headers["Authorization"] = f"Bearer {served.simulator.issue_token(account=account)}"
        answer = await served.start()
        assert answer.status_code == status
        assert "retry-after" not in answer.headers
        assert "x-mashery-error-code" not in answer.headers
        assert (await served.client.get(USERINFO)).json()["user_type"] == account.user_type


@pytest.mark.parametrize(
    ("scopes", "status"), [(("Egnyte.user",), 403), (("Egnyte.user", "Egnyte.audit"), 200), ((), 200)]
)
async def test_the_scope_must_be_there(serve, scopes, status):
    async with serve() as served:
        served.client.headers["Authorization"] = f"Bearer {served.simulator.issue_token(scopes=scopes)}"
        assert (await served.start()).status_code == status


async def test_the_plan_must_have_audit(serve):
    async with serve(plan_has_audit=False) as served:
        assert (await served.start()).status_code == 403
        assert (await served.client.get(USERINFO)).status_code == 200


async def test_who_am_i(serve):
    async with serve() as served:
        assert (await served.client.get(USERINFO)).json() == {
            "id": 10427781000,
            "first_name": "Audit",
            "last_name": "Reader",
            "username": "audit.reader",
            "user_type": "admin",
            "email": "audit.reader@example.com",
        }
        assert (await served.client.get("/pubapi/v1/whoami")).json() == {
            "clientId": "egnyte-watch",
            "username": "audit.reader",
            "domain": "acme",
            "scopes": "Egnyte.audit",
        }


SHAPES = {
    "errors": lambda body: body["Errors"][0]["description"],
    "error_list": lambda body: body["errors"][0]["msg"],
    "input_errors": lambda body: body["inputErrors"]["request"][0]["msg"],
    "form_errors": lambda body: body["formErrors"][0]["msg"],
    "message": lambda body: body["message"],
    "error_message": lambda body: body["errorMessage"],
    "oauth": lambda body: body["error_description"],
    "fault": lambda body: body["fault"]["faultstring"],
}


@pytest.mark.parametrize(("style", "read"), SHAPES.items(), ids=SHAPES.keys())
async def test_json_error_bodies(serve, style, read):
    async with serve(error_style=style) as served:
        answer = await served.client.get("/pubapi/v2/audit/stream")
        assert answer.status_code == 400
        assert read(answer.json()) == "startDate is required when nextCursor is not given"


@pytest.mark.parametrize(("style", "kind"), [("html", "text/html"), ("text", "text/plain")])
async def test_other_error_bodies(serve, style, kind):
    async with serve(error_style=style) as served:
        answer = await served.client.get("/pubapi/v2/audit/stream")
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith(kind)
        assert "startDate is required" in answer.text


def test_every_style_of_error_is_tested():
    switches = {field.name: field.type for field in msgspec.structs.fields(Switches)}
    assert {*SHAPES, "html", "text"} == set(get_args(switches["error_style"]))
