"""Users: who may see them, how they are listed, changed and deleted, and what of it the audit tells."""

from typing import Any

import msgspec
import pytest

from simulators.egnyte import Account
from simulators.egnyte.users import Group, Name, User, account_of
from tests.simulators.egnyte.conftest import Serve, Served

USERS = "/pubapi/v2/users"


def people(served: Served, number: int = 3) -> list[User]:
    """Adds so many, and lets the client manage them."""
    served.client.headers["Authorization"] = f"Bearer {served.simulator.issue_token(scopes=('Egnyte.user',))}"
    return [
        served.simulator.users.add(
            User(user_name=f"user{n}", email=f"user{n}@example.com", name=Name("User", str(n)), external_id=f"x{n}")
        )
        for n in range(number)
    ]


async def listed(served: Served, **query: Any) -> dict[str, Any]:
    answer = await served.client.get(USERS, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_users_are_listed_by_pages(serve: Serve) -> None:
    async with serve(users_page=2) as served:
        people(served, 5)
        pages = [await listed(served, startIndex=start, count=100) for start in (1, 3, 5, 7)]
        assert [len(page["resources"]) for page in pages] == [2, 2, 1, 0]
        assert {page["totalResults"] for page in pages} == {5}
        assert [page["startIndex"] for page in pages] == [1, 3, 5, 7]
        names = [user["userName"] for page in pages for user in page["resources"]]
        assert names == [f"user{n}" for n in range(5)]
        first = pages[0]["resources"][0]
        assert first["id"] > 2**32
        assert first["name"] == {"givenName": "User", "familyName": "0", "formatted": "User 0"}
        served.simulator.change(users_key="Resources")
        assert len((await listed(served))["Resources"]) == 2


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('userName eq "USER1"', ["user1"]),
        ('email eq "user2@example.com"', ["user2"]),
        ('externalId eq "x0"', ["user0"]),
        ('userName eq "nobody"', []),
    ],
)
async def test_users_are_found_by_name_email_and_external_id(serve: Serve, asked: str, found: list[str]) -> None:
    async with serve() as served:
        people(served)
        assert [user["userName"] for user in (await listed(served, filter=asked))["resources"]] == found


@pytest.mark.parametrize("query", [{"filter": "active eq true"}, {"count": "all"}, {"startIndex": 0}])
async def test_other_queries_are_refused(serve: Serve, query: dict[str, Any]) -> None:
    async with serve() as served:
        people(served)
        assert (await served.client.get(USERS, params=query)).status_code == 400


async def test_whoever_is_disabled_is_told_in_the_audit_and_loses_tokens(serve: Serve) -> None:
    async with serve() as served:
        user, *_ = people(served)
        token = served.simulator.issue_token(account=account_of(user))
        answer = await served.client.patch(f"{USERS}/{user.id}", json={"active": False})
        assert (answer.status_code, answer.json()["active"]) == (200, False)
        assert (await served.client.get(f"{USERS}/{user.id}")).json()["active"] is False
        own = {"Authorization": f"Bearer {token}"}
        assert (await served.client.get("/pubapi/v1/userinfo", headers=own)).status_code == 401
        assert (await served.client.patch(f"{USERS}/{user.id}", json={"active": True})).json()["active"] is True
        assert (await served.client.patch(f"{USERS}/{user.id}", json={"role": "Auditor"})).status_code == 200
        events = [_decoded(event) for event in served.simulator.visible_events()]
        assert [(event["action"], event["subject"]) for event in events] == [
            (action, "User 0 ( user0@example.com )") for action in ("Disable", "Enable", "Update")
        ]
        assert {event["auditSource"] for event in events} == {"USER_AUDIT"}
        served.simulator.change(users_inactive_listed=False)
        await served.client.patch(f"{USERS}/{user.id}", json={"active": False})
        assert (await listed(served))["totalResults"] == 2


@pytest.mark.parametrize("status", [200, 204])
async def test_a_deleted_user_is_gone_and_can_be_made_again(serve: Serve, status: int) -> None:
    async with serve(delete_user_answers=status) as served:
        user, *_ = people(served)
        made = {"userName": "user0", "email": "user0@example.com"}
        assert (await served.client.post(USERS, json=made)).status_code == 409
        assert (await served.client.delete(f"{USERS}/{user.id}")).status_code == status
        gone = await served.client.get(f"{USERS}/{user.id}")
        assert (gone.status_code, gone.json()["Errors"][0]["code"]) == (404, "NOT_FOUND")
        assert (await served.client.delete(f"{USERS}/{user.id}")).status_code == 404
        again = await served.client.post(USERS, json=made)
        assert again.status_code == 201
        assert again.json()["id"] not in (user.id, 0)
        assert [_decoded(event)["action"] for event in served.simulator.visible_events()] == ["Delete", "Create"]


@pytest.mark.parametrize(
    ("style", "body", "status"),
    [
        ("nested", {"name": {"givenName": "Ana"}}, 200),
        ("nested", {"givenName": "Ana"}, 400),
        ("flat", {"givenName": "Ana"}, 200),
        ("flat", {"name": {"givenName": "Ana"}}, 400),
        ("both", {"givenName": "Ana"}, 200),
        ("both", {"id": 7}, 400),
        ("both", {"active": "perhaps"}, 400),
        ("both", {"eats": "meat"}, 400),
    ],
)
async def test_names_are_changed_as_the_domain_takes_them(
    serve: Serve, style: str, body: dict[str, Any], status: int
) -> None:
    async with serve(users_patch_names=style, users_audited=False) as served:
        user, *_ = people(served)
        answer = await served.client.patch(f"{USERS}/{user.id}", json=body)
        assert answer.status_code == status
        if status == 200:
            assert answer.json()["name"] == {"givenName": "Ana", "familyName": "0", "formatted": "Ana 0"}
        assert served.simulator.visible_events() == []


async def test_only_administrators_with_the_scope_may(serve: Serve) -> None:
    async with serve() as served:
        people(served)
        for token in (
            served.simulator.issue_token(scopes=("Egnyte.audit",)),
            served.simulator.issue_token(account=Account(user_type="power", can_run_reports=True)),
        ):
            served.client.headers["Authorization"] = f"Bearer {token}"
            assert (await served.client.get(USERS)).status_code == 403


async def test_the_journal_has_every_call_and_limits_hold(serve: Serve) -> None:
    async with serve(quota_per_second=2, quota_per_day=1_000) as served:
        people(served)
        statuses = [(await served.client.get(USERS)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        seen = [(one.path, one.status, one.events) for one in served.simulator.journal.records()]
        assert seen == [(USERS, 200, 3), (USERS, 200, 3), (USERS, 429, 0)]


async def test_people_are_put_there_by_command(serve: Serve) -> None:
    async with serve() as served:
        people(served, 0)
        users = [{"userName": "ana", "email": "ana@example.com", "groups": [{"displayName": "Finance"}]}]
        await served.client.post("/control/users", json={"users": users})
        (user,) = (await served.client.get("/control/users")).json()["users"]
        assert (user["userName"], user["userType"], user["groups"]) == (
            "ana", "power", [{"displayName": "Finance", "value": ""}],
        )  # fmt: skip
        assert served.simulator.users.all()[0].groups == (Group("Finance"),)
        assert (await served.client.post("/control/users", json={"users": [{}]})).status_code == 400


def _decoded(event: bytes) -> dict[str, Any]:
    return dict(msgspec.json.decode(event))
