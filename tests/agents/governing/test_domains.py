"""Domains that are connected, renewed and disconnected while a worker governs, over real HTTP and a real vault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.governing.domains import RETIRED_S, Domains
from agents.governing.in_egnyte import InEgnyte
from connectors.egnyte.clock import SystemClock
from connectors.secrets.vault import Entry, Vault
from schemas.governance import Action, GovernanceRecord
from simulators.clock import RealClock
from simulators.egnyte import EgnyteSimulator, Switches
from simulators.egnyte.users import User
from streams.secret import Secret
from streams.sections import EgnyteSettings, Settings, VaultSettings
from tests.agents.governing.records import NOW_MS, request, standing
from tests.broker.waiting import until

OLD = "old"


class Site:
    """A domain with Jane, a vault, and what a worker knows of both."""

    def __init__(self, domain: EgnyteSimulator, url: str, folder: Path) -> None:
        self.domain = domain
        self.url = url
        self.vault = Vault(VaultSettings(dir=str(folder)))
        self.settings = Settings(vault=VaultSettings(dir=str(folder)))

    def connect(self, name: str = "acme", token: str = "") -> Entry:
        given = Secret(token or self.domain.issue_token(scopes=()))
        entry = Entry(connector=name, url=self.url, token=given, issued_ms=NOW_MS, connected_ms=NOW_MS)
        self.vault.write(entry)
        return entry

    def active(self) -> bool:
        return self.domain.users.one("77").active


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    domain = EgnyteSimulator((), RealClock(), Switches.unlimited())
    domain.users.add(User(id=77, user_name="jane", email="jane@acme.example"))
    async with domain.serve() as url:
        yield Site(domain, url, folder / "vault")


async def done(performer: InEgnyte | None, action: Action, origin: str) -> GovernanceRecord:
    assert performer is not None
    record = await performer.prepare(request(action, origin=origin), standing(egnyte_ids=("77",)))
    return await performer.perform(record) if record.state == "started" else record


async def test_a_domain_connected_later_is_acted_on_and_one_that_is_disabled_is_not(tmp_path: Path) -> None:
    async with site(tmp_path) as here, Domains(here.settings, SystemClock()).opened() as domains:
        assert domains.performer("acme") is None
        entry = here.connect()
        await domains.look()
        assert (await done(domains.performer("acme"), "deactivate_egnyte_user", "f1")).state == "succeeded"
        assert not here.active()
        here.vault.write(replace(entry, disabled=True))
        await domains.look()
        assert domains.performer("acme") is None


async def test_changes_are_followed_without_being_asked(tmp_path: Path) -> None:
    async with site(tmp_path) as here, Domains(here.settings, SystemClock()).opened() as domains:
        following = asyncio.create_task(domains.follow())
        here.connect()

        async def taken_up() -> bool:
            return domains.performer("acme") is not None

        await until(taken_up, "the domain that was connected")
        following.cancel()
        assert (await done(domains.performer("acme"), "deactivate_egnyte_user", "f1")).state == "succeeded"


async def test_a_token_replaced_a_moment_ago_does_not_fail_an_action(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.connect(token=here.domain.issue_token(scopes=(), token=OLD))
        async with Domains(here.settings, SystemClock()).opened() as domains:
            begun = domains.performer("acme")
            here.connect()
            here.domain.revoke_token(OLD)
            assert (await done(begun, "deactivate_egnyte_user", "f1")).state == "succeeded"
            assert (await done(domains.performer("acme"), "reactivate_egnyte_user", "f2")).state == "succeeded"
            here.domain.revoke_token(here.vault.read("acme").token.reveal())  # type: ignore[union-attr]
            lost = await done(begun, "deactivate_egnyte_user", "f3")
            assert (lost.state, lost.reason) == ("failed", "login")
            assert here.active()
            here.vault.remove("acme")
            await domains.look()
            gone = await done(begun, "deactivate_egnyte_user", "f4")
            assert (gone.state, gone.reason) == ("failed", "login")


async def test_a_connection_that_was_replaced_is_kept_for_what_is_under_way_and_then_closed(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.connect()
        async with Domains(here.settings, SystemClock()).opened() as domains:
            first = domains._domains["acme"].api
            here.connect()
            await domains.look()
            assert [api for _, api in domains._retired] == [first]
            assert not first._http.is_closed
            domains._retired = [(since_s - RETIRED_S - 1, api) for since_s, api in domains._retired]
            await domains.look()
            assert domains._retired == []
            assert (await done(domains.performer("acme"), "reactivate_egnyte_user", "f0")).reason == "already_done"
            with pytest.raises(RuntimeError, match="closed"):
                await first.send("GET", "/pubapi/v2/users")
            assert (await done(domains.performer("acme"), "deactivate_egnyte_user", "f1")).state == "succeeded"


async def test_a_token_of_the_settings_that_cant_be_used_is_told_and_leaves_the_others(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.connect("other")
        wrong = EgnyteSettings(name="acme", url=here.url, token=Secret("two words"))
        async with Domains(replace(here.settings, egnyte=wrong), SystemClock()).opened() as domains:
            assert domains.performer("acme") is None
            assert (await done(domains.performer("other"), "deactivate_egnyte_user", "f1")).state == "succeeded"
