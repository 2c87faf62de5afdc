"""Who has left and still acts: from Egnyte's users and audit, by the connector and a worker's agents, to the alert."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from connectors.egnyte.service import serve
from schemas.activity import Activity
from schemas.finding import Finding
from simulators.egnyte import EgnyteSimulator, Switches
from simulators.egnyte.users import User
from streams.cluster import Record
from streams.secret import Secret
from tests.broker.test_bad_input import Pipeline, now_ms, pipeline
from tests.broker.waiting import until

MINUTE_MS = 60_000
MARA, BEN = "mara@example.com", "ben@example.com"


class Site:
    """A simulated domain, and what comes of it on the topics."""

    def __init__(self, simulator: EgnyteSimulator, place: Pipeline) -> None:
        self.simulator = simulator
        self.place = place

    def person(self, email: str) -> User:
        return self.simulator.users.add(User(user_name=email.partition("@")[0], email=email))

    def act(self, user: User, minutes_ago: float = 0.0, *, by_id: bool = False) -> None:
        """Somebody downloads a file. `by_id`: Egnyte names the account only."""
        self._event(
            minutes_ago, auditSource="FILE_AUDIT", action="Download", sourcePath="/Shared/plan.dwg", targetPath="N/A",
            user="N/A" if by_id else user.text, userId=str(user.id), access="Web UI", ipAddress="198.51.100.23",
        )  # fmt: skip

    def change(self, user: User, action: str, minutes_ago: float = 0.0) -> None:
        """An administrator did `action` to somebody, and the audit tells it now."""
        self._event(
            minutes_ago, auditSource="USER_AUDIT", action=action, actor="Ad Min ( admin@example.com )",
            subject=user.text, source="Web UI",
        )  # fmt: skip

    def _event(self, minutes_ago: float, **fields: Any) -> None:
        event = {"date": now_ms() - round(minutes_ago * MINUTE_MS), "actionInfo": ""} | fields
        self.simulator.append(event, now_ms())

    async def activities(self, kind: str, email: str) -> list[Activity]:
        """What has become of an account, or what somebody has done, by the key of the record."""
        found = [(record, msgspec.json.decode(record.value or b"", type=Activity)) for record in await self._all()]
        return [each for record, each in found if each.type == kind and record.key == f"acme/{email}".encode()]

    async def _all(self) -> list[Record]:
        return await self.place.records("activities")

    async def alerts(self, email: str) -> list[Finding]:
        """The alerts on terminated users, in the order in which they came."""
        found = [msgspec.json.decode(each.value or b"", type=Finding) for each in await self.place.records("alerts")]
        of_user = [each for each in found if each.unmapped.user_key == f"acme/{email}"]
        return [each for each in of_user if each.finding_info.types == ("terminated_user",)]

    async def until_known(self, names: int) -> None:
        """Waits until people are known by so many names."""

        async def there() -> bool:
            keys = {record.key for record in await self.place.records("directory")}
            return len([key for key in keys if b"~source-" not in (key or b"")]) >= names

        await until(there, f"{names} names in the directory")

    async def until_done(self, kind: str, email: str, number: int = 1) -> None:
        async def there() -> bool:
            return len(await self.activities(kind, email)) >= number

        await until(there, f"{number} activities {kind} of {email}")

    async def until_alerted(self, email: str, number: int = 1) -> list[Finding]:
        async def there() -> bool:
            return len(await self.alerts(email)) >= number

        await until(there, f"{number} alerts on {email}")
        return await self.alerts(email)


@asynccontextmanager
async def site(kafka: str, prefix: str, folder: Path) -> AsyncIterator[Site]:
    simulator = EgnyteSimulator((), None, Switches.unlimited())
    token = simulator.issue_token(scopes=("Egnyte.audit", "Egnyte.user"))
    stop = asyncio.Event()
    async with simulator.serve() as url, pipeline(kafka, prefix, url, folder) as place:
        settings = msgspec.structs.replace(
            place.settings, egnyte=msgspec.structs.replace(place.settings.egnyte, token=Secret(token))
        )
        found = Site(simulator, place)
        found.person(MARA)
        found.person(BEN)
        connecting = asyncio.create_task(serve(settings, stop=stop))
        try:
            yield found
            assert not connecting.done(), connecting
        finally:
            stop.set()
            await connecting


async def test_who_has_left_and_still_acts_is_an_alert_until_let_in_again(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    async with site(kafka, prefix, tmp_path) as here:
        mara, ben = here.simulator.users.all()
        await here.until_known(6)  # of each the e-mail, the id and the user name
        # Removed 20 minutes ago, and known to be so: what comes after is stamped with it.
        here.simulator.users.delete(mara)
        here.change(mara, "Delete", minutes_ago=20)
        # Active first, and removed before that, which is learned only later.
        here.act(ben, minutes_ago=10)
        await here.until_done("directory", MARA)
        (gone,) = await here.activities("directory", MARA)
        assert (gone.action, gone.received_ms - gone.time_ms >= 20 * MINUTE_MS) == ("removed", True)
        await here.until_done("download", BEN)
        here.simulator.users.delete(ben)
        here.change(ben, "Delete", minutes_ago=30)
        here.act(mara)
        (found,) = await here.until_alerted(MARA)
        (download,) = await here.activities("download", MARA)
        assert download.account is not None
        assert download.account.deleted
        assert (found.activity_name, found.severity, found.is_alert) == ("Create", "High", True)
        assert found.evidences[0].uid == download.event_id
        assert "after the account was deleted" in found.message
        (late,) = await here.until_alerted(BEN)
        (download,) = await here.activities("download", BEN)
        assert (late.activity_name, late.evidences[0].uid) == ("Create", download.event_id)
        assert "learned only at" in late.message
        # Made again: a new account of the same person.
        made = here.person(BEN)
        here.change(made, "Create")
        _, closed = await here.until_alerted(BEN, 2)
        assert (closed.activity_name, closed.status, closed.finding_info.uid) == (
            "Close", "Resolved", late.finding_info.uid,
        )  # fmt: skip
        # Of the new account Egnyte tells the id alone: the directory knows whose it is.
        here.act(made, by_id=True)
        await here.until_done("download", BEN, 2)
        newest = (await here.activities("download", BEN))[-1]
        assert (newest.actor.email, newest.account is not None and newest.account.deleted) == (BEN, False)
        assert len(await here.alerts(BEN)) == 2
