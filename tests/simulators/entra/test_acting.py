"""What Graph does to accounts, and whom it leaves alone."""

import asyncio

import pytest

from simulators.clock import iso
from simulators.entra import App, AppSecret
from tests.simulators.entra.harness import NOW_MS, SECRET, people

RISKY = "/v1.0/identityProtection/riskyUsers"
MESSAGE = {
    "message": {
        "subject": "Your account",
        "body": {"contentType": "HTML", "content": "<p>We have seen ...</p>"},
        "toRecipients": [{"emailAddress": {"address": "user1@example.com"}}],
        "ccRecipients": [{"emailAddress": {"address": "boss@example.com"}}],
        "internetMessageHeaders": [{"name": "x-mark", "value": "42"}],
    },
    "saveToSentItems": False,
}


def _app(**changes):
    return App(client_id="app", secrets=(AppSecret(SECRET),), **changes)


async def test_an_account_is_disabled_and_enabled(serve):
    async with serve(people(2)) as served:
        for enabled in (False, False, True):
            answer = await served.client.patch("/v1.0/users/user1@example.com", json={"accountEnabled": enabled})
            assert (answer.status_code, answer.content) == (204, b"")
            assert served.simulator.state("u1").enabled is enabled
        effects = served.simulator.effects()
        assert [(effect.kind, effect.changed) for effect in effects] == [
            ("disabled", True),
            ("disabled", False),
            ("enabled", True),
        ]
        assert served.simulator.journal.records()[effects[0].request].effect == "disabled"


@pytest.mark.parametrize(("answer", "status"), [("200", 200), ("204", 204)])
async def test_sessions_are_revoked(serve, answer, status):
    async with serve(people(1), revoke_answer=answer) as served:
        assert (await served.client.post("/v1.0/users/u0/revokeSignInSessions")).status_code == status
        assert served.simulator.state("u0").revoked_ms == (NOW_MS,)
        found = (await served.client.get("/v1.0/users/u0?$select=signInSessionsValidFromDateTime")).json()
        assert found["signInSessionsValidFromDateTime"] == iso(NOW_MS)[:19] + "Z"


async def test_a_guests_sessions_live_elsewhere(serve):
    async with serve([{"id": "g", "userType": "Guest"}]) as served:
        assert (await served.client.post("/v1.0/users/g/revokeSignInSessions")).status_code == 200
        assert served.simulator.state("g").revoked_ms == ()


@pytest.mark.parametrize(
    ("roles", "status"),
    [((), 403), (("User Administrator",), 403), (("Privileged Authentication Administrator",), 204)],
)
@pytest.mark.parametrize("by_group", [True, False])
async def test_administrators_take_a_role(serve, roles, status, by_group):
    async with serve(people(3), apps=[_app(roles=roles)]) as served:
        directory = served.simulator.directory
        if by_group:
            directory.join("admins", "u1")
        directory.assign("Global Administrator", "admins" if by_group else "u1")
        answer = await served.client.patch("/v1.0/users/u1", json={"accountEnabled": False})
        assert answer.status_code == status
        assert served.simulator.state("u1").enabled is (status == 403)
        if status == 403:
            assert answer.json()["error"]["code"] == "Authorization_RequestDenied"
        assert (await served.client.patch("/v1.0/users/u2", json={"accountEnabled": False})).status_code == 204


@pytest.mark.parametrize(
    ("permission", "method", "path", "json"),
    [
        ("User.EnableDisableAccount.All", "PATCH", "/v1.0/users/u0", {"accountEnabled": False}),
        ("User.RevokeSessions.All", "POST", "/v1.0/users/u0/revokeSignInSessions", None),
        ("Mail.Send", "POST", "/v1.0/users/u0/sendMail", MESSAGE),
        ("IdentityRiskyUser.ReadWrite.All", "POST", f"{RISKY}/confirmCompromised", {"userIds": ["u0"]}),
        ("User.Read.All", "GET", "/v1.0/users/delta", None),
        ("RoleManagement.Read.Directory", "GET", "/v1.0/directoryRoles", None),
        ("User-LifeCycleInfo.Read.All", "GET", "/v1.0/users/u0?$select=employeeLeaveDateTime", None),
        ("AuditLog.Read.All", "GET", "/v1.0/users/u0?$select=signInActivity", None),
    ],
)
async def test_each_call_takes_its_permission(serve, permission, method, path, json):
    everything = _app()
    without = _app(permissions=tuple(one for one in everything.permissions if one != permission))
    async with serve(people(1), apps=[everything]) as served:
        assert (await served.client.request(method, path, json=json)).status_code < 300
        served.simulator.apps.register(without)
        assert (await served.client.request(method, path, json=json)).status_code == 403


async def test_nobody_is_not_found(serve):
    async with serve(people(1)) as served:
        for method, path in (("GET", "/v1.0/users/x"), ("PATCH", "/v1.0/users/x"), ("GET", "/v1.0/users/u0/manager")):
            answer = await served.client.request(method, path, json={"accountEnabled": False})
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "Request_ResourceNotFound"


async def test_a_manager(serve):
    async with serve(people(2)) as served:
        served.simulator.directory.set_manager("u0", "user1@example.com")
        assert (await served.client.get("/v1.0/users/u0/manager?$select=mail")).json()["mail"] == "user1@example.com"


async def test_mail_is_kept_with_its_marks(serve):
    async with serve(people(2)) as served:
        assert (await served.client.post("/v1.0/users/u0/sendMail", json=MESSAGE)).status_code == 202
        (mail,) = served.simulator.mails
        assert (mail.sender, mail.to, mail.cc) == ("user0@example.com", ("user1@example.com",), ("boss@example.com",))
        assert (mail.subject, mail.content_type, mail.saved) == ("Your account", "html", False)
        assert mail.headers == {"x-mark": "42"}
        assert served.simulator.state("u1").mails == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"toRecipients": [], "ccRecipients": []}, "ErrorInvalidRecipients"),
        ({"toRecipients": [{"emailAddress": {"address": "nobody"}}]}, "ErrorInvalidRecipients"),
        ({"internetMessageHeaders": [{"name": "Subject", "value": "x"}]}, "InvalidInternetMessageHeader"),
        ({"body": None}, "ErrorInvalidRequest"),
        ({"body": {"contentType": "RTF", "content": ""}}, "RequestBodyRead"),
    ],
)
async def test_a_message_that_is_wrong(serve, change, code):
    async with serve(people(1)) as served:
        answer = await served.client.post("/v1.0/users/u0/sendMail", json={"message": MESSAGE["message"] | change})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == code
        assert served.simulator.mails == []


async def test_mailboxes_that_may_not_be_used(serve):
    users = [*people(1), {"id": "no-mailbox"}]
    async with serve(users, apps=[_app(mailboxes=("security@example.com",))]) as served:
        assert (await served.client.post("/v1.0/users/u0/sendMail", json=MESSAGE)).status_code == 403
        answer = await served.client.post("/v1.0/users/no-mailbox/sendMail", json=MESSAGE)
        assert answer.json()["error"]["code"] == "MailboxNotEnabledForRESTAPI"


async def test_compromised_users(serve):
    async with serve(people(1)) as served:
        assert (await served.client.get(f"{RISKY}/u0")).status_code == 404
        ask = {"userIds": ["u0"]}
        assert (await served.client.post(f"{RISKY}/confirmCompromised", json=ask)).status_code == 204
        assert served.simulator.state("u0").compromised
        assert (await served.client.get(f"{RISKY}/u0")).json()["riskState"] == "confirmedCompromised"
        stranger = {"userIds": ["x"]}
        assert (await served.client.post(f"{RISKY}/confirmCompromised", json=stranger)).status_code == 404
        served.simulator.change(confirm_unknown="204")
        assert (await served.client.post(f"{RISKY}/confirmCompromised", json=stranger)).status_code == 204
        served.simulator.change(p2_licence=False)
        assert (await served.client.post(f"{RISKY}/confirmCompromised", json=ask)).status_code == 403


async def test_deleted_users_are_listed_and_restored(serve):
    everything = _app()
    app = _app(permissions=(*everything.permissions, "User.ReadWrite.All"))
    async with serve(people(3), apps=[app]) as served:
        for user in ("u1", "u2"):
            served.simulator.directory.delete(user)
        listed = "/v1.0/directory/deletedItems/microsoft.graph.user?$top=1"
        first = (await served.client.get(listed)).json()
        second = (await served.client.get(first["@odata.nextLink"])).json()
        assert {one["id"] for one in first["value"] + second["value"]} == {"u1", "u2"}
        assert "@odata.nextLink" not in second
        found = (await served.client.get("/v1.0/directory/deletedItems/u1?$select=deletedDateTime")).json()
        assert found["deletedDateTime"] == "2025-11-24T08:00:00Z"
        assert (await served.client.post("/v1.0/directory/deletedItems/u1/restore")).status_code == 200
        assert (await served.client.get("/v1.0/users/u1")).status_code == 200


async def test_roles_and_their_members(serve):
    async with serve(people(3)) as served:
        directory = served.simulator.directory
        directory.join("deputies", "u2")
        directory.join("admins", "deputies")
        directory.assign("Global Administrator", "u1")
        directory.assign("Global Administrator", "admins")
        (role,) = (await served.client.get("/v1.0/directoryRoles")).json()["value"]
        assert role["displayName"] == "Global Administrator"
        members = (await served.client.get(f"/v1.0/directoryRoles/{role['id']}/members?$select=id")).json()["value"]
        assert [(one["@odata.type"], one["id"]) for one in members] == [
            ("#microsoft.graph.group", "admins"),
            ("#microsoft.graph.user", "u1"),
        ]
        found = await served.client.get("/v1.0/groups/admins/transitiveMembers?$select=id")
        assert [one["id"] for one in found.json()["value"]] == ["deputies", "u2"]


async def test_users_are_found_by_mail(serve):
    async with serve([*people(3), {"id": "o", "mail": "o'neil@example.com"}]) as served:
        found = (await served.client.get("/v1.0/users?$select=id&$filter=mail eq 'User1@example.com'")).json()["value"]
        assert [one["id"] for one in found] == ["u1"]
        found = (await served.client.get("/v1.0/users?$select=id&$filter=mail eq 'o''neil@example.com'")).json()
        assert [one["id"] for one in found["value"]] == ["o"]


async def test_an_on_premises_directory_has_the_last_word(serve):
    async with serve([{"id": "s", "onPremisesSyncEnabled": True}], synced_hold_s=1_800) as served:
        await served.client.patch("/v1.0/users/s", json={"accountEnabled": False})
        served.clock.advance(1_799)
        await served.client.get("/v1.0/users/s")
        assert not served.simulator.state("s").enabled
        served.clock.advance(1)
        found = await served.client.get("/v1.0/users/s?$select=accountEnabled")
        assert found.json()["accountEnabled"] is True


async def test_resource_units_run_out(serve):
    async with serve(people(1), units_per_10s=10) as served:
        statuses = [(await served.client.get("/v1.0/users/u0")).status_code for _ in range(5)]
        assert statuses == [200] * 5
        served.clock.advance(2.872)
        refused = await served.client.get("/v1.0/users/u0?$select=id")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "7.128"
        assert refused.json()["error"]["code"] == "TooManyRequests"
        served.clock.advance(7.128)
        answer = await served.client.get("/v1.0/users/u0?$select=id")
        assert answer.status_code == 200
        assert answer.headers["x-ms-resource-unit"] == "1"


async def test_writes_run_out(serve):
    async with serve(people(1), writes_per_150s=1, retry_after_fraction=False) as served:
        assert (await served.client.post("/v1.0/users/u0/revokeSignInSessions")).status_code == 200
        served.clock.advance(0.5)
        refused = await served.client.post("/v1.0/users/u0/revokeSignInSessions")
        assert refused.headers["retry-after"] == "150"
        assert len(served.simulator.effects()) == 1


async def test_identity_protection_takes_one_a_second_and_does_not_say_so(serve):
    async with serve(people(1), risky_per_second=1) as served:
        ask = {"userIds": ["u0"]}
        assert (await served.client.post(f"{RISKY}/confirmCompromised", json=ask)).status_code == 204
        refused = await served.client.post(f"{RISKY}/confirmCompromised", json=ask)
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        served.clock.advance(1)
        assert (await served.client.post(f"{RISKY}/confirmCompromised", json=ask)).status_code == 204


async def test_mails_run_out(serve):
    async with serve(people(2), mails_per_10min=2) as served:
        send = [await served.client.post("/v1.0/users/u0/sendMail", json=MESSAGE) for _ in range(3)]
        assert [answer.status_code for answer in send] == [202, 202, 429]
        assert (await served.client.post("/v1.0/users/u1/sendMail", json=MESSAGE)).status_code == 202


async def test_a_mailbox_takes_four_at_once(serve):
    async with serve(people(1), mails_at_once=4, mail_takes_s=1) as served:
        sending = [asyncio.create_task(served.client.post("/v1.0/users/u0/sendMail", json=MESSAGE)) for _ in range(5)]
        done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status_code for task in done] == [429]
        while len(served.clock._sleepers) < 4:
            await asyncio.wait(sending, timeout=0.001)
        served.clock.advance(1)
        assert sorted([answer.status_code for answer in await asyncio.gather(*sending)]) == [202] * 4 + [429]
