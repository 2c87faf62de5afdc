"""`/users/delta`, as a client follows it."""

import pytest

from tests.simulators.entra.harness import people

SELECT = "/v1.0/users/delta?$select=id,mail,accountEnabled"


async def test_all_users_come_once_in_pages(serve):
    async with serve(people(25), page_size=10) as served:
        users, _, pages = await served.drain(SELECT)
        assert pages == 3
        assert sorted(user["id"] for user in users) == sorted(f"u{n}" for n in range(25))
        assert [user["id"] for user in users] != sorted(user["id"] for user in users)  # the order says nothing
        assert users[0].keys() == {"id", "mail", "accountEnabled"}


async def test_a_round_tells_what_changed_since_the_one_before(serve):
    async with serve(people(5)) as served:
        _, link, _ = await served.drain(SELECT)
        directory = served.simulator.directory
        directory.change("u1", accountEnabled=False)
        directory.delete("u2")
        directory.purge("u3")
        directory.add(id="new", mail="new@example.com")
        users, link, _ = await served.drain(link)
        assert sorted(users, key=lambda user: user["id"]) == [
            {"id": "new", "mail": "new@example.com", "accountEnabled": True},
            {"id": "u1", "mail": "user1@example.com", "accountEnabled": False},
            {"id": "u2", "@removed": {"reason": "changed"}},
            {"id": "u3", "@removed": {"reason": "deleted"}},
        ]
        directory.restore("u2")
        users, link, _ = await served.drain(link)
        assert [user["id"] for user in users] == ["u2"]
        assert users[0]["accountEnabled"] is True
        assert (await served.drain(link))[0] == []


async def test_a_deleted_user_is_gone_for_good_after_30_days(serve):
    async with serve(people(2), link_days=100) as served:
        _, link, _ = await served.drain(SELECT)
        served.simulator.directory.delete("u1")
        served.clock.advance(31 * 86_400)
        await served.log_in()
        assert (await served.drain(link))[0] == [{"id": "u1", "@removed": {"reason": "deleted"}}]
        assert (await served.client.get("/v1.0/directory/deletedItems/u1")).status_code == 404


async def test_what_is_not_selected_makes_no_change(serve):
    async with serve(people(2)) as served:
        _, link, _ = await served.drain(SELECT)
        served.simulator.directory.change("u1", displayName="Another")
        users, link, _ = await served.drain(link)
        assert users == []
        served.simulator.directory.change("u1", mail="another@example.com")
        assert [user["mail"] for user in (await served.drain(link))[0]] == ["another@example.com"]


async def test_what_changes_while_it_is_read_is_not_lost(serve):
    async with serve(people(20), page_size=5) as served:
        first = (await served.client.get(SELECT)).json()
        served.simulator.directory.change("u7", accountEnabled=False)
        served.simulator.directory.delete("u8")
        rest, link, _ = await served.drain(first["@odata.nextLink"])
        later, _, _ = await served.drain(link)
        known = {user["id"]: user for user in [*first["value"], *rest, *later]}
        assert len(known) == 20
        assert known["u7"]["accountEnabled"] is False
        assert "@removed" in known["u8"]


@pytest.mark.parametrize(("ask", "minimal"), [("return=minimal", False), ("", True)])
async def test_changed_properties_only(serve, ask, minimal):
    async with serve(people(1), minimal=minimal) as served:
        served.client.headers["prefer"] = ask
        _, link, _ = await served.drain(SELECT)
        served.simulator.directory.change("u0", accountEnabled=False)
        assert (await served.drain(link))[0] == [{"id": "u0", "accountEnabled": False}]


@pytest.mark.parametrize("unset", [True, False])
async def test_a_value_that_is_taken_away_is_told(serve, unset):
    async with serve(people(1), unset=unset) as served:
        first, link, _ = await served.drain("/v1.0/users/delta?$select=id,mail,jobTitle")
        assert ("jobTitle" in first[0]) is unset
        served.simulator.directory.change("u0", mail=None)
        (user,) = (await served.drain(link))[0]
        assert user["mail"] is None
        assert ("jobTitle" in user) is unset


async def test_repeats(serve):
    async with serve(people(6), page_size=3, repeats=2) as served:
        users, link, pages = await served.drain(SELECT)
        assert pages == 2
        assert len(users) == 2 * (3 + 1 + 2)
        assert len({user["id"] for user in users}) == 6
        served.simulator.directory.change("u0", accountEnabled=False)
        assert len((await served.drain(link))[0]) == 1 + 1 + 2


@pytest.mark.parametrize(
    ("style", "status", "code"),
    [
        ("410", 410, "resyncRequired"),
        ("syncStateNotFound", 400, "syncStateNotFound"),
        ("resyncRequired", 400, "resyncRequired"),
    ],
)
async def test_links_die(serve, style, status, code):
    async with serve(people(1), expired_style=style) as served:
        _, link, _ = await served.drain(SELECT)
        served.clock.advance(7 * 86_400 + 1)
        await served.log_in()
        answer = await served.client.get(link)
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == code
        assert ("location" in answer.headers) == (status == 410)
        _, link, _ = await served.drain(SELECT)
        served.simulator.deltas.expire()
        assert (await served.client.get(link)).status_code == status
        _, link, _ = await served.drain(SELECT)
        assert (await served.client.get(link)).status_code == 200


async def test_beginning_with_what_happens_from_now_on(serve):
    async with serve(people(3)) as served:
        answer = (await served.client.get(f"{SELECT}&$deltatoken=latest")).json()
        assert answer["value"] == []
        served.simulator.directory.change("u0", accountEnabled=False)
        assert [user["id"] for user in (await served.drain(answer["@odata.deltaLink"]))[0]] == ["u0"]


async def test_some_users_only(serve):
    async with serve(people(3)) as served:
        users, _, _ = await served.drain(f"{SELECT}&$filter=id eq 'u1' or id eq 'u2'")
        assert sorted(user["id"] for user in users) == ["u1", "u2"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("$top=5", 400),
        ("$orderby=mail", 400),
        ("$filter=mail eq 'x'", 400),
        ("$select=shoeSize", 400),
        ("$deltatoken=nonsense", 400),
        ("$select=id,signInActivity", 501),
    ],
)
async def test_what_delta_does_not_take(serve, query, status):
    async with serve(people(1)) as served:
        assert (await served.client.get(f"/v1.0/users/delta?{query}")).status_code == status


async def test_a_leave_date_may_be_beyond_delta(serve):
    async with serve(people(1), leave_date_in_delta=False) as served:
        assert (await served.client.get("/v1.0/users/delta?$select=id,employeeLeaveDateTime")).status_code == 501
        served.simulator.change(leave_date_in_delta=True)
        assert (await served.client.get("/v1.0/users/delta?$select=id,employeeLeaveDateTime")).status_code == 200
