"""People of a tenant, read round by round and published: from Graph over real HTTP to the directory's topic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from connectors.directory import DirectoryPublisher, Put
from connectors.entra.refusals import Forbidden, Malformed, NoAnswer
from connectors.entra.users import ROLES_EVERY_MS, EntraUsers
from schemas import directory as schema
from schemas.directory import DirectoryChange, DirectoryEntry
from schemas.event import DIRECTORY, Envelope
from simulators.entra import App, AppSecret, EntraSimulator, Fault
from streams.cluster import TopicPartition
from streams.settings import Settings
from streams.testing import MemoryCluster
from streams.topics import PARTITIONS
from tests.connectors.entra.harness import NOW_MS, SECRET, Site, people, requests_of, site

DAY_MS = 86_400_000


class Reader:
    """One process after another that reads the people of a tenant, onto one cluster in memory."""

    def __init__(self, place: Site) -> None:
        self.place = place
        self.tenant: EntraSimulator = place.tenant
        self.log = MemoryCluster()

    async def start(self) -> EntraUsers:
        """A new process."""
        self.publisher = DirectoryPublisher(Settings(), self.log, "acme", now_ms=self.place.clock.now_ms)
        await self.publisher.start()
        self.users = EntraUsers(self.place.client, self.publisher, self.place.clock)
        return self.users

    async def round(self) -> Put:
        return await self.users.round()

    def entry(self, user: str) -> DirectoryEntry:
        found = self.publisher.directory.entry("entra", user)
        assert found is not None
        return found

    def changes(self) -> list[tuple[str, DirectoryChange]]:
        """Every change that was published, with the user's key; each under an id of its own."""
        records = [
            record
            for number in range(PARTITIONS)
            for record in self.log.committed_records(TopicPartition("egnyte.events", number))
        ]
        envelopes = [Envelope.from_headers(record.headers) for record in records]
        assert {envelope.source for envelope in envelopes} <= {DIRECTORY}
        assert len({envelope.event_id for envelope in envelopes}) == len(records)
        return [((record.key or b"").decode(), schema.decode_change(record.value or b"")) for record in records]

    def told(self) -> list[tuple[str, str]]:
        return sorted((key.removeprefix("acme/").partition("@")[0], change.change) for key, change in self.changes())


@asynccontextmanager
async def reading(users: Any = (), **more: Any) -> AsyncIterator[Reader]:
    async with site(users, **more) as place:
        reader = Reader(place)
        await reader.start()
        yield reader


async def test_everybody_is_read_once_and_then_what_changes() -> None:
    async with reading(people(25), page_size=10) as reader:
        assert (await reader.round()).people == 25
        assert reader.told() == []  # who was there before anybody looked is no news
        assert await reader.round() == Put()
        directory = reader.tenant.directory
        directory.change("u1", accountEnabled=False)
        directory.change("u2", employeeLeaveDateTime="2025-12-31T17:00:00Z")
        directory.change("u3", userType="Guest")
        directory.add(id="new", userPrincipalName="new@example.com", mail="new@example.com")
        directory.delete("u4")
        directory.purge("u5")
        assert (await reader.round()).people == 6
        assert reader.told() == [
            ("new", "created"), ("user1", "disabled"), ("user2", "leave_date"), ("user3", "external"),
            ("user4", "removed"), ("user5", "removed"),
        ]  # fmt: skip
        assert reader.entry("u2").leave_ms == 1_767_200_400_000
        assert reader.entry("u4").email == "user4@example.com"
        listings = [record for record in reader.tenant.journal.records() if "delta" in record.path and record.people]
        assert [record.people for record in listings] == [10, 10, 5, 6]


async def test_a_removal_is_dated_by_when_it_was() -> None:
    async with reading(people(3)) as reader:
        await reader.round()
        reader.tenant.directory.delete("u1")
        reader.place.clock.virtual.advance(3_000)
        reader.tenant.directory.purge("u2")
        await reader.round()
        assert reader.entry("u1").deleted_ms == NOW_MS
        assert reader.entry("u2").deleted_ms == NOW_MS + 3_000_000


async def test_who_comes_back_is_told() -> None:
    async with reading(people(2)) as reader:
        await reader.round()
        reader.tenant.directory.delete("u1")
        await reader.round()
        reader.tenant.directory.restore("u1")
        await reader.round()
        await reader.round()
        assert reader.told() == [("user1", "removed"), ("user1", "restored")]
        assert not reader.entry("u1").deleted


@pytest.mark.parametrize("minimal", [True, False])
@pytest.mark.parametrize("unset", [True, False])
async def test_repeats_and_half_told_users_change_nothing(minimal: bool, unset: bool) -> None:
    users = [*people(12), {"id": "s", "onPremisesSyncEnabled": True, "userType": "Guest", "mail": "s@example.com",
                           "employeeLeaveDateTime": "2026-01-01T00:00:00Z"}]  # fmt: skip
    async with reading(users, repeats=4, page_size=5, minimal=minimal, unset=unset) as reader:
        await reader.round()
        assert reader.told() == [("s", "leave_date")]  # a date that lies ahead is news to whoever judges
        for _ in range(3):
            assert await reader.round() == Put()
        reader.tenant.directory.change("s", accountEnabled=False)
        await reader.round()
        entry = reader.entry("s")
        assert (entry.enabled, entry.synced, entry.guest, entry.email) == (False, True, True, "s@example.com")
        assert entry.leave_ms > 0
        reader.tenant.directory.change("s", employeeLeaveDateTime=None, onPremisesSyncEnabled=None)
        await reader.round()
        assert (reader.entry("s").leave_ms, reader.entry("s").synced) == (0, False)
        assert reader.told() == [("s", "disabled"), ("s", "leave_date"), ("s", "leave_date")]


@pytest.mark.parametrize("style", ["410", "syncStateNotFound", "resyncRequired"])
async def test_after_an_expired_link_everybody_is_read_and_nothing_told_twice(style: str) -> None:
    async with reading(people(10), expired_style=style) as reader:
        await reader.round()
        directory = reader.tenant.directory
        directory.delete("u1")
        reader.place.clock.virtual.advance(3_000)
        directory.purge("u2")
        directory.change("u3", accountEnabled=False)
        directory.delete("u4")
        directory.restore("u4")
        reader.place.clock.virtual.advance(8 * 86_400)
        await reader.start()  # the process was away meanwhile
        assert (await reader.round()).people == 3
        assert reader.told() == [("user1", "removed"), ("user2", "removed"), ("user3", "disabled")]
        assert reader.entry("u1").deleted_ms == NOW_MS  # still among the deleted, with its date
        assert reader.entry("u2").deleted_ms == reader.place.clock.now_ms()
        assert await reader.round() == Put()
        await reader.start()
        assert await reader.round() == Put()


async def test_a_listing_that_lacks_half_the_people_is_not_believed_at_once() -> None:
    async with reading(people(40)) as reader:
        await reader.round()
        reader.tenant.deltas.expire()
        for n in range(20):
            reader.tenant.directory.purge(f"u{n}")
        assert (await reader.round()).doubted == 20
        assert reader.told() == []
        assert (await reader.round()).changes == 20
        assert await reader.round() == Put()


async def test_a_process_that_ends_in_a_round_tells_it_again_and_nothing_twice() -> None:
    async with reading(people(30), page_size=10) as reader:
        for failing in range(1, 4):
            reader.tenant.fault(Fault(kind="status", status=400, path="/v1.0/users/delta", count=0, duration_s=0.5))
            with pytest.raises(NoAnswer):
                await reader.round()
            reader.place.clock.virtual.advance(1)
            if failing == 2:
                await reader.start()
        await reader.round()
        directory = reader.tenant.directory
        for n in range(25):
            directory.change(f"u{n}", accountEnabled=False)
        reader.log.fail_next("commit_transaction", ConnectionError("gone"))
        with pytest.raises(ConnectionError):
            await reader.round()
        await reader.start()
        assert (await reader.round()).changes == 25
        assert reader.told() == sorted((f"user{n}", "disabled") for n in range(25))


async def test_what_happens_while_a_round_is_read_is_in_the_next() -> None:
    async with reading(people(30), page_size=10) as reader:
        link, pages = reader.place.client.get, 0

        async def interrupted(path: str, *args: Any, **more: Any) -> Any:
            nonlocal pages
            pages += "delta" in path
            if pages == 2:
                reader.tenant.directory.change("u7", accountEnabled=False)
                reader.tenant.directory.delete("u8")
            return await link(path, *args, **more)

        reader.place.client.get = interrupted  # type: ignore[method-assign]
        await reader.round()
        await reader.round()
        assert not reader.entry("u7").enabled
        assert reader.publisher.directory.ids("entra") >= {f"u{n}" for n in range(30) if n != 8}
        assert "u8" not in reader.publisher.directory.ids("entra")


async def test_roles_by_assignment_and_by_group() -> None:
    async with reading(people(5)) as reader:
        directory = reader.tenant.directory
        directory.join("deputies", "u2")
        directory.join("admins", "deputies")
        directory.assign("Global Administrator", "u1")
        directory.assign("Global Administrator", "admins")
        directory.assign("Directory Readers", "u3")
        await reader.round()
        assert reader.entry("u1").roles == reader.entry("u2").roles == ("Global Administrator",)
        assert reader.entry("u3").roles == ()
        directory.assign("Global Administrator", "u1", holds=False)
        directory.assign("User Administrator", "u4")
        await reader.round()
        assert reader.told() == []  # roles are read now and then
        reader.place.clock.virtual.advance(ROLES_EVERY_MS / 1_000)
        await reader.round()
        assert reader.told() == [("user1", "privileged"), ("user4", "privileged")]
        assert reader.entry("u1").roles == ()


async def test_roles_that_cannot_be_read_are_kept() -> None:
    everything = App(client_id="app", secrets=(AppSecret(SECRET),))
    fewer = tuple(one for one in everything.permissions if not one.startswith("RoleManagement"))
    async with reading(people(2), apps=[everything]) as reader:
        reader.tenant.directory.assign("Global Administrator", "u1")
        await reader.round()
        reader.tenant.apps.register(App(client_id="app", secrets=(AppSecret(SECRET),), permissions=fewer))
        await reader.start()
        reader.tenant.directory.change("u1", displayName="Another")
        await reader.round()
        assert reader.entry("u1").roles == ("Global Administrator",)
        assert reader.entry("u1").name == "Another"


@pytest.mark.parametrize("why", ["permission", "delta"])
async def test_leave_dates_that_cannot_be_read_stop_nothing_and_come_when_they_can(why: str) -> None:
    everything = App(client_id="app", secrets=(AppSecret(SECRET),))
    fewer = tuple(one for one in everything.permissions if not one.startswith("User-LifeCycle"))
    app = App(client_id="app", secrets=(AppSecret(SECRET),), permissions=fewer) if why == "permission" else everything
    users = [*people(2), {"id": "l", "mail": "l@example.com", "employeeLeaveDateTime": "2026-01-01T00:00:00Z"}]
    async with reading(users, apps=[app], leave_date_in_delta=why != "delta") as reader:
        assert (await reader.round()).people == 3
        await reader.start()
        assert await reader.round() == Put()
        asked = len(requests_of(reader.tenant, "GET", "/v1.0/users/delta"))
        await reader.round()
        assert len(requests_of(reader.tenant, "GET", "/v1.0/users/delta")) == asked + 1  # it does not go on asking
        reader.tenant.apps.register(everything)
        reader.tenant.change(leave_date_in_delta=True)
        await reader.start()
        assert (await reader.round()).people == 1
        assert reader.entry("l").leave_ms > 0


async def test_an_app_that_may_not_read_people_says_so() -> None:
    app = App(client_id="app", secrets=(AppSecret(SECRET),), permissions=("Mail.Send",))
    async with reading(people(1), apps=[app]) as reader:
        with pytest.raises(Forbidden):
            await reader.round()


@pytest.mark.parametrize("kind", ["throttle", "reset", "truncate", "cut_json", "html", "lost"])
async def test_rounds_outlast_what_passes(kind: Any) -> None:
    async with reading(people(20), page_size=5) as reader:
        reader.tenant.fault(Fault(kind=kind, path="/v1.0/users/delta", count=3, retry_after_s=1.5))
        assert (await reader.round()).people == 20
        reader.tenant.directory.delete("u1")
        reader.tenant.fault(Fault(kind=kind, count=3))
        await reader.round()
        assert reader.told() == [("user1", "removed")]


async def test_an_entry_that_cannot_be_read_keeps_nobody_else_away_and_is_not_taken_for_gone() -> None:
    users = [*people(3), {"id": "odd", "mail": "odd@example.com"}, {"id": "o/d?d", "mail": "o@x.example"}]
    async with reading(users) as reader:
        assert (await reader.round()).people == 5
        directory = reader.tenant.directory
        directory.change("odd", displayName=43)
        directory.change("u1", displayName="Another")
        directory.delete("o/d?d")
        assert (await reader.round()).people == 2
        assert reader.entry("u1").name == "Another"
        assert reader.entry("o/d?d").deleted_ms == NOW_MS
        reader.tenant.deltas.expire()
        assert await reader.round() == Put()
        assert reader.entry("odd") == DirectoryEntry(
            source="entra", id="odd", email="odd@example.com", upn=reader.entry("odd").upn
        )
        directory.change("odd", displayName="Odd")
        await reader.round()
        assert reader.entry("odd").name == "Odd"


async def test_roles_that_cannot_be_read_now_keep_nobody_away() -> None:
    async with reading(people(3)) as reader:
        reader.tenant.directory.assign("Global Administrator", "u1")
        reader.tenant.fault(Fault(kind="status", path="/v1.0/directoryRoles", count=0, duration_s=200))
        assert (await reader.round()).people == 3
        assert reader.entry("u1").roles == ()
        reader.place.clock.virtual.advance(300)
        await reader.round()
        assert reader.entry("u1").roles == ("Global Administrator",)


async def test_a_list_that_leads_back_to_itself_ends() -> None:
    async with reading(people(30), page_size=10) as reader:
        get, first = reader.place.client.get, None

        async def circle(path: str, *args: Any, **more: Any) -> Any:
            nonlocal first
            page = await get(path, *args, **more)
            if "delta" in path and (link := getattr(page, "next", "")):
                first = first or link
                return msgspec.structs.replace(page, next=first)
            return page

        reader.place.client.get = circle  # type: ignore[method-assign]
        with pytest.raises(Malformed, match="twice"):
            await reader.round()


async def test_a_tenant_of_hundreds_and_many_leavers() -> None:
    async with reading(people(900), page_size=400) as reader:
        assert (await reader.round()).people == 900
        for n in range(200):
            reader.tenant.directory.delete(f"u{n}")
        for n in range(200, 400):
            reader.tenant.directory.change(f"u{n}", accountEnabled=False)
        reader.place.clock.virtual.advance(60)
        asked = reader.tenant.journal.total
        assert (await reader.round()).changes == 400
        assert reader.tenant.journal.total - asked < 10
        assert reader.entry("u7").deleted_ms == NOW_MS


async def test_links_survive_another_address_of_graph() -> None:
    """The position holds no address: a tenant that is reached by another name goes on where it was."""
    async with reading(people(3)) as reader:
        await reader.round()
        position = reader.publisher.position("entra")
        assert "http" not in position
        assert "/users/delta?$deltatoken=" in position
        assert SECRET not in position
