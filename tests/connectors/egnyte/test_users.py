"""Egnyte's people, read from the simulator over real HTTP into a directory in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from connectors.directory import DirectoryPublisher, Put
from connectors.egnyte.api import EgnyteApi
from connectors.egnyte.audit_event import parse
from connectors.egnyte.refusals import Forbidden, Malformed, NoAnswer
from connectors.egnyte.roster import LONGEST_RETRY_S, LOOK_S, Roster
from connectors.egnyte.users import EgnyteUsers, time_ms
from schemas.activity import Person
from schemas.directory import DirectoryChange, decode_change
from simulators.clock import VirtualClock, from_iso
from simulators.egnyte import EgnyteSimulator, Fault, Switches
from simulators.egnyte.users import Group, Name, User
from streams.cluster import TopicPartition
from streams.secret import Secret
from streams.sections import EgnyteSettings, KafkaSettings, Settings
from streams.testing import MemoryCluster
from streams.topics import PARTITIONS
from tests.connectors.egnyte.harness import JumpingClock

NOW_MS = from_iso("2025-11-24T08:00:00Z")
HOUR_MS = 3_600_000
SCOPES = ("Egnyte.audit", "Egnyte.user")


class Place:
    """A simulated domain, a directory, and what reads the one into the other."""

    def __init__(self, simulator: EgnyteSimulator, cluster: MemoryCluster, publisher: DirectoryPublisher) -> None:
        self.simulator = simulator
        self.cluster = cluster
        self.publisher = publisher
        self.users: EgnyteUsers
        self.roster: Roster

    @property
    def changes(self) -> list[tuple[str, str, int]]:
        """What has been told: of whom, what, and when it happened."""
        found: list[tuple[int, str, DirectoryChange]] = []
        for partition in range(PARTITIONS):
            for record in self.cluster.committed_records(TopicPartition("egnyte.events", partition)):
                change = decode_change(record.value or b"")
                found.append((change.account.version, (record.key or b"").decode(), change))
        return [(key, change.change, change.at_ms) for _, key, change in sorted(found, key=lambda each: each[:2])]

    def add(self, *names: str, **fields: Any) -> list[User]:
        users = [User(user_name=name, email=f"{name}@example.com", **fields) for name in names]
        return [self.simulator.users.add(user) for user in users]

    def hear(self) -> None:
        """Has the reader take notice of all that the audit tells."""
        for event in self.simulator.visible_events():
            self.users.heard(parse(event))

    def requests(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.simulator.journal.records()]


@contextlib.asynccontextmanager
async def place(*, scopes: tuple[str, ...] = SCOPES, **switches: Any) -> AsyncIterator[Place]:
    clock = VirtualClock(NOW_MS)
    simulator = EgnyteSimulator((), clock, Switches.unlimited(**switches))
    cluster = MemoryCluster()
    settings = Settings(kafka=KafkaSettings(topic_prefix="egnyte"), egnyte=EgnyteSettings(name="acme"))
    publisher = DirectoryPublisher(settings, cluster, "acme", now_ms=clock.now_ms)
    await publisher.start()
    found = Place(simulator, cluster, publisher)
    async with simulator.serve() as url:
        jumping = JumpingClock(clock, 2**60, asyncio.Event())
        async with EgnyteApi(url, Secret(simulator.issue_token(scopes=scopes)), clock=jumping) as api:
            found.users = EgnyteUsers(api, publisher, clock.now_ms, interval_ms=HOUR_MS, per_day=960)
            found.roster = Roster(settings.egnyte, api, jumping)
            yield found


async def test_everybody_is_read_by_pages() -> None:
    async with place(users_page=3) as here:
        here.add(*(f"user{n}" for n in range(10)))
        assert here.users.due_ms() == 0
        assert await here.users.round() == Put(people=10)
        assert here.requests() == ["GET /pubapi/v2/users"] * 4
        assert here.users.due_ms() == here.simulator.clock.now_ms() + HOUR_MS
        assert here.changes == []
        here.add("late")
        assert await here.users.round() == Put(people=1, changes=1)
        assert [each[:2] for each in here.changes] == [("acme/late@example.com", "created")]


@pytest.mark.parametrize("key", ["resources", "Resources"])
async def test_what_is_read_of_a_user(key: str) -> None:
    async with place(users_key=key) as here:
        here.simulator.users.add(
            User(
                id=10_427_781_001,
                user_name="MLind", email="Mara.Lindqvist@Example.com", name=Name("Mara", "Lindqvist"),
                active=False, locked=True, auth_type="sso", user_type="standard", idp_user_id="A-1",
                user_principal_name="mlind@corp.example.com", last_active_date="2025-11-20T10:00:00Z",
                expiry_date="2025-12-31", groups=(Group("Finance", "g1"), Group("Audit", "g2")),
                is_service_account=True,
            )
        )  # fmt: skip
        await here.users.round()
        entry = here.publisher.directory.entry("egnyte", "10427781001")
        assert entry is not None
        assert (entry.email, entry.upn, entry.user_name, entry.idp_user_id, entry.name) == (
            "mara.lindqvist@example.com", "mlind@corp.example.com", "mlind", "a-1", "Mara Lindqvist",
        )  # fmt: skip
        assert (entry.enabled, entry.disabled_ms, entry.locked) == (False, here.simulator.clock.now_ms(), True)
        assert (entry.user_type, entry.auth_type, entry.groups) == ("standard", "sso", ("Audit", "Finance"))
        assert entry.leave_ms == from_iso("2026-01-01"), "the end of the day on which the account expires"
        assert entry.last_active_ms == from_iso("2025-11-20")
        here.roster.known(here.publisher)
        assert here.roster.resolve(Person(user_id="10427781001")) == "mara.lindqvist@example.com"


async def test_who_is_missing_of_a_listing_is_gone() -> None:
    async with place() as here:
        gone, *_ = here.add(*(f"user{n}" for n in range(5)))
        await here.users.round()
        here.simulator.users.delete(gone)
        seen_ms = here.simulator.clock.now_ms()
        assert await here.users.round() == Put(people=1, changes=1)
        assert here.requests()[-1] == f"GET /pubapi/v2/users/{gone.id}", "looked at before it is told"
        ((key, change, at_ms),) = here.changes
        assert (key, change) == ("acme/user0@example.com", "removed")
        assert seen_ms <= at_ms <= here.simulator.clock.now_ms()


async def test_whom_a_page_skipped_is_not_gone() -> None:
    """Somebody is deleted while the listing is read: the pages shift, and somebody else is on none of them."""
    async with place(users_page=2) as here:
        users = here.add(*(f"user{n}" for n in range(5)))
        await here.users.round()
        first_page = here.simulator.users.listed
        asked = 0

        def shifting(*arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            found = first_page(*arguments)
            if asked == 1:
                here.simulator.users.delete(users[0])
            return found

        here.simulator.users.listed = shifting  # type: ignore[method-assign, assignment]
        assert await here.users.round() == Put(), "user0 was listed before, user2 on no page, and is there"
        assert await here.users.round() == Put(people=1, changes=1)
        assert [each[:2] for each in here.changes] == [("acme/user0@example.com", "removed")]


async def test_whoever_the_audit_names_is_read_at_once_and_dated_by_it() -> None:
    async with place() as here:
        mara, ben, _ = here.add("mara", "ben", "ana")
        await here.users.round()
        clock = here.simulator.clock
        assert isinstance(clock, VirtualClock)
        told_ms = clock.now_ms()
        for user, action in ((mara, "Disable"), (ben, "Delete")):
            here.simulator.append(
                {
                    "date": told_ms, "actor": "Ad Min ( admin@example.com )", "subject": user.text, "action": action,
                    "actionInfo": "", "source": "Web UI", "auditSource": "USER_AUDIT",
                }
            )  # fmt: skip
        here.simulator.users.add(User(**{**_fields(mara), "active": False}))
        here.simulator.users.delete(ben)
        clock.advance(100)
        asked = len(here.requests())
        here.hear()
        assert here.users.due_ms() == 0
        assert await here.users.round() == Put(people=2, changes=2)
        assert len(here.requests()) == asked + 2, "nobody else is read"
        assert sorted(here.changes) == [
            ("acme/ben@example.com", "removed", told_ms),
            ("acme/mara@example.com", "disabled", told_ms),
        ]
        assert here.users.due_ms() > clock.now_ms()


async def test_what_the_audit_tells_of_long_ago_dates_what_is_known() -> None:
    """The first week of the stream comes after everybody has been read."""
    async with place() as here:
        (mara,) = here.add("mara", active=False)
        await here.users.round()
        clock = here.simulator.clock
        assert isinstance(clock, VirtualClock)
        ago_ms = clock.now_ms() - 3 * 86_400_000
        told = {"actor": "A ( a@example.com )", "action": "Disable", "actionInfo": "", "auditSource": "USER_AUDIT"}
        here.users.heard(parse(msgspec.json.encode({**told, "date": ago_ms, "subject": mara.text})))
        assert await here.users.round() == Put(people=1, changes=1)
        assert here.changes[-1] == ("acme/mara@example.com", "disabled", ago_ms)
        here.users.heard(parse(msgspec.json.encode({**told, "date": ago_ms, "subject": mara.text})))
        here.users.heard(parse(msgspec.json.encode({**told, "date": ago_ms, "subject": mara.text, "action": "Update"})))
        assert here.users.due_ms() > clock.now_ms(), "all of it is known"


async def test_who_was_gone_before_that_was_seen_is_dated_anew() -> None:
    async with place() as here:
        mara, _ = here.add("mara", "ben")
        await here.users.round()
        clock = here.simulator.clock
        assert isinstance(clock, VirtualClock)
        gone_ms = clock.now_ms()
        here.simulator.users.delete(mara)
        clock.advance(600)
        await here.users.round()
        told = {"actor": "A ( a@example.com )", "action": "Delete", "actionInfo": "", "auditSource": "USER_AUDIT"}
        here.users.heard(parse(msgspec.json.encode({**told, "date": gone_ms, "subject": mara.text})))
        assert await here.users.round() == Put(people=1, changes=1)
        assert [each[1:] for each in here.changes][1] == ("removed", gone_ms)


async def test_a_flood_of_changes_is_left_to_the_next_listing() -> None:
    async with place() as here:
        users = here.add(*(f"user{n}" for n in range(300)))
        await here.users.round()
        clock = here.simulator.clock
        assert isinstance(clock, VirtualClock)
        asked = len(here.requests())
        told = {"actor": "A ( a@example.com )", "action": "Update", "actionInfo": "", "auditSource": "USER_AUDIT"}
        for user in users:
            clock.advance(1)
            here.users.heard(parse(msgspec.json.encode({**told, "date": clock.now_ms(), "subject": user.text})))
            if here.users.due_ms() == 0:
                await here.users.round()
        assert 0 < len(here.requests()) - asked <= 60


async def test_somebody_new_whom_the_audit_names_is_found_by_the_email() -> None:
    async with place() as here:
        here.add("mara")
        await here.users.round()
        here.add("ne'w")
        here.users.heard(
            parse(
                b'{"date":1763971299000,"actor":"A ( a@example.com )","subject":"New ( NE\'W@example.com )",'
                b'"action":"Create","actionInfo":"","source":"Web UI","auditSource":"USER_AUDIT"}'
            )
        )
        assert await here.users.round() == Put(people=1, changes=1)
        assert here.changes[0][:2] == ("acme/ne'w@example.com", "created")


async def test_a_listing_that_gives_nobody_is_held_against_each_account() -> None:
    async with place() as here:
        users = here.add("mara", "ben")
        await here.users.round()
        here.simulator.users.delete(users[0])
        here.simulator.users.listed = lambda *_: ([], 1, 2)  # type: ignore[method-assign]
        assert await here.users.round() == Put(people=1, changes=1), "asked for by id, both; one is gone"
        assert here.publisher.directory.ids("egnyte") == {str(users[1].id)}


@pytest.mark.parametrize("user_id", ["", " ", None, True, [], {"value": 7}], ids=repr)
async def test_a_user_without_an_id_is_passed_over_and_nobody_taken_for_gone(user_id: Any) -> None:
    async with place() as here:
        mara, ben = here.add("mara", "ben")
        await here.users.round()
        listed = [msgspec.structs.replace(ben, id=user_id), mara]
        here.simulator.users.listed = lambda *_: (listed, 1, 2)  # type: ignore[method-assign]
        with capture_logs() as logs:
            assert await here.users.round() == Put(people=0)
        assert "a user can't be read" in logs[0]["event"]
        assert len(here.publisher.directory.ids("egnyte")) == 2


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        (Fault(kind="html"), Malformed),
        (Fault(kind="cut_json"), Malformed),
        (Fault(kind="truncate"), NoAnswer),
        (Fault(kind="reset"), NoAnswer),
        (Fault(kind="status", status=500), NoAnswer),
        (Fault(kind="throttle", retry_after_s=30), NoAnswer),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)
async def test_a_listing_that_breaks_off_is_none(fault: Fault, refusal: type[Exception]) -> None:
    async with place(users_page=2) as here:
        here.add(*(f"user{n}" for n in range(6)))
        await here.users.round()
        here.simulator.users.delete(here.simulator.users.all()[-1])
        here.simulator.fault(Fault(kind="slow", count=1))
        here.simulator.fault(fault)
        with pytest.raises(refusal):
            await here.users.round()
        assert here.changes == []
        assert await here.users.round() == Put(people=1, changes=1)


async def test_without_the_scope_nothing_is_known_and_nothing_is_broken() -> None:
    async with place(scopes=("Egnyte.audit",)) as here:
        with pytest.raises(Forbidden, match=r"Egnyte\.user"):
            await here.users.round()
        roster = here.roster.source(here.publisher)
        waiting = asyncio.create_task(roster.read_once())
        roster.expected = True
        await asyncio.sleep(0)
        assert not waiting.done(), "somebody is to read people first"
        assert await roster.turn() == LOOK_S
        await waiting
        (status,) = roster.statuses()
        assert (status.source, status.error_kind, status.needs_people, status.people) == (
            "egnyte",
            "forbidden",
            True,
            0,
        )
        for _ in range(100):
            await roster.turn()
        assert len(here.requests()) == 2, "somebody has to act first: not asked again for an hour"
        assert roster.resolve(Person(email="mara@example.com")) is None
        clock = here.simulator.clock
        assert isinstance(clock, VirtualClock)
        clock.advance(LONGEST_RETRY_S)
        await roster.turn()
        assert len(here.requests()) == 3


async def test_the_roster_reads_when_it_is_due_and_never_in_a_loop() -> None:
    async with place() as here:
        here.add(*(f"user{n}" for n in range(30)))
        roster = here.roster.source(here.publisher)
        clock = here.simulator.clock
        assert isinstance(clock, VirtualClock)
        waits = []
        for _ in range(3 * 3_600):
            waits.append(await roster.turn())
            clock.advance(1)
        assert 3 <= len(here.requests()) <= 4
        assert all(0 < wait <= LOOK_S for wait in waits)
        (status,) = roster.statuses()
        assert (status.error_kind, status.people, status.next_ms - status.complete_ms) == ("", 30, HOUR_MS)
        assert status.read_ms == here.publisher.directory.sources["egnyte"].read_ms
        here.simulator.users.listed = lambda *_: ([], 1, 0)  # type: ignore[method-assign]
        asked = len(here.requests())
        for _ in range(2 * 3_600):
            await roster.turn()
            clock.advance(1)
        assert len(here.requests()) - asked < 6, "a doubted listing is read again soon, but not at once"
        assert len(here.publisher.directory.ids("egnyte")) == 0, "and believed when it is confirmed"


@pytest.mark.parametrize(("people", "hours"), [(1, 1), (100, 1), (1_000, 1.66), (10_000, 16.6)])
async def test_many_people_are_read_less_often(people: int, hours: float) -> None:
    async with place() as here:
        here.add(*(f"user{n}" for n in range(people)))
        await here.users.round()
        waits_ms = here.users.due_ms() - here.publisher.directory.sources["egnyte"].complete_ms
        assert hours * HOUR_MS <= waits_ms < (hours + 0.1) * HOUR_MS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-24T08:00:00Z", NOW_MS), ("2025-11-24T08:00:00", NOW_MS), ("2025-11-24T09:00:00+01:00", NOW_MS),
        ("2025-11-24T08:00:00.123Z", NOW_MS + 123), ("2025-11-24", from_iso("2025-11-25")), (None, 0), ("", 0),
        ("soon", 0), ("0001-01-01T00:00:00Z", 0),
    ],
)  # fmt: skip
def test_dates(text: str | None, expected: int) -> None:
    assert time_ms(text, whole_day=True) == expected


def _fields(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in user.__struct_fields__}
