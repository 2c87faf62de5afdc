"""Several connectors in one process: those of the vault come, go and change their tokens while it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from connectors.egnyte import supervisor
from connectors.egnyte.clock import SystemClock
from connectors.egnyte.supervisor import Wishes, supervise
from connectors.secrets.vault import Entry, Vault
from schemas.connector import StatusRecord
from schemas.event import Envelope
from simulators.clock import RealClock
from simulators.egnyte import App, EgnyteSimulator, Fault, Switches
from streams.secret import Secret
from streams.sections import EgnyteSettings, Settings, VaultSettings
from tests.connectors.egnyte.harness import Log, upload

DAY_MS = 86_400_000
ROTATED = "rotated-token"


class Site:
    """One process with its vault and its log, and domains beside it."""

    def __init__(self, folder: Path, log: Log) -> None:
        egnyte = EgnyteSettings(poll_interval_s=1, max_per_minute=60_000, max_per_hour=3_600_000, max_per_day=0)
        self.settings = Settings(egnyte=egnyte, vault=VaultSettings(dir=str(folder)))
        self.vault = Vault(self.settings.vault)
        self.log = log
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(
            supervise(self.settings, stop=self.stop, new_cluster=lambda _: self.log, look_s=0.02)
        )

    def connect(self, name: str, url: str, token: str, **fields: object) -> Entry:
        now_ms = SystemClock().now_ms()
        entry = Entry(connector=name, url=url, token=Secret(token), issued_ms=now_ms, connected_ms=now_ms)
        entry = replace(entry, **fields)
        self.vault.write(entry)
        return entry

    async def until(self, condition: Callable[[], bool]) -> None:
        assert self.task is not None
        async with asyncio.timeout(30):
            while not condition():
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the process has ended")
                await asyncio.sleep(0.01)

    def status(self, name: str) -> StatusRecord | None:
        found = self.log.statuses(name)
        return found[-1] if found else None

    def seen(self, name: str) -> int:
        return sum(Envelope.from_headers(each.headers).connector == name for each in self.log.events())


@contextlib.asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    place = Site(folder, Log())
    try:
        yield place
    finally:
        place.stop.set()
        if place.task is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(30):
                    await place.task


def egnyte(name: str) -> EgnyteSimulator:
    date = RealClock().now_ms() - 60_000
    return EgnyteSimulator([upload(1, date=date)], switches=Switches.unlimited(slice_minutes=0), domain=name)


async def test_domains_come_and_go_while_it_runs(tmp_path: Path) -> None:
    one, two = egnyte("one"), egnyte("two")
    async with site(tmp_path) as place, one.serve() as first, two.serve() as second:
        place.connect("one", first, one.token)
        place.start()
        await place.until(lambda: place.seen("one") == 1)
        entry = place.connect("two", second, two.token)
        await place.until(lambda: place.seen("two") == 1)
        place.vault.write(replace(entry, disabled=True))
        await place.until(lambda: (status := place.status("two")) is not None and status.state == "stopped")
        two.append(upload(2, date=RealClock().now_ms()))
        one.append(upload(3, date=RealClock().now_ms()))
        await place.until(lambda: place.seen("one") == 2)
        assert place.seen("two") == 1
        place.vault.write(entry)
        await place.until(lambda: place.seen("two") == 2)
        assert len(place.log.events()) == 4


async def test_one_that_fails_harms_no_other(tmp_path: Path) -> None:
    good, bad = egnyte("good"), egnyte("bad")
    async with site(tmp_path) as place, good.serve() as url, bad.serve() as other:
        place.connect("bad", other, "revoked-long-ago")
        place.connect("good", url, good.token)
        place.connect("broken", "http://127.0.0.1:9", "t")
        (tmp_path / "unreadable.connector").write_bytes(b"x")
        place.start()
        await place.until(lambda: place.seen("good") == 1)
        await place.until(lambda: (status := place.status("bad")) is not None and status.state == "refused")
        await place.until(lambda: (status := place.status("broken")) is not None and status.error_kind == "unreachable")
        good.append(upload(2, date=RealClock().now_ms()))
        await place.until(lambda: place.seen("good") == 2)
        assert (place.seen("bad"), place.seen("broken"), place.status("unreadable")) == (0, 0, None)
        assert (status := place.status("good")) is not None
        assert (status.state, status.error_kind) == ("following", "")


async def test_a_new_token_is_taken_up_from_the_cursor(tmp_path: Path) -> None:
    acme = egnyte("acme")
    async with site(tmp_path) as place, acme.serve() as url:
        entry = place.connect("acme", url, acme.token)
        place.start()
        await place.until(lambda: place.seen("acme") == 1)
        acme.append(upload(2, date=RealClock().now_ms()))
        place.vault.write(replace(entry, token=Secret(acme.issue_token(token=ROTATED))))
        acme.revoke_token()
        await place.until(lambda: place.seen("acme") == 2)
        starts = [record for record in acme.journal.records() if record.start_date]
        assert len(starts) == 1, "it went on where it was"
        status = place.status("acme")
        assert status is not None
        assert status.token is not None
        assert status.token.id != entry.token_id
    told = b"".join(record.value or b"" for log in place.log.logs.values() for record in log)
    assert acme.token.encode() not in told
    assert ROTATED.encode() not in told


def granted(acme: EgnyteSimulator, key: App, now_ms: int) -> Any:
    """A token that can be refreshed."""
    return acme.oauth.token(
        {"client_id": key.client_id, "client_secret": key.client_secret, "grant_type": "authorization_code",
         "redirect_uri": "http://x/", "code": acme.oauth.code(
             acme.oauth.asked({"client_id": key.client_id, "redirect_uri": "http://x/", "response_type": "code",
                               "scope": "Egnyte.audit"}), acme.account, acme.switches, now_ms)},
        acme.account, acme.switches, now_ms,
    )  # fmt: skip


def renewing(key: App, grant: Any, issued_ms: int) -> dict[str, Any]:
    """What an entry knows of such a token that was got at `issued_ms`."""
    return {
        "refresh_token": Secret(grant.refresh_token), "client_id": key.client_id, "redirect_uri": "http://x/",
        "client_secret": Secret(key.client_secret), "issued_ms": issued_ms, "expires_ms": issued_ms + 30 * DAY_MS,
    }  # fmt: skip


@pytest.mark.parametrize("refused", [False, True], ids=["half of its life is over", "Egnyte does not take it"])
async def test_a_token_that_can_be_refreshed_is(tmp_path: Path, refused: bool) -> None:
    acme, key, now_ms = egnyte("acme"), App(), RealClock().now_ms()
    grant = granted(acme, key, now_ms)
    if refused:
        acme.access.revoke(grant.access_token)
    async with site(tmp_path) as place, acme.serve() as url:
        acme.fault(Fault(kind="status", status=409, retry_after_s=1, path="/puboauth/"))
        before = place.connect(
            "acme", url, grant.access_token, **renewing(key, grant, now_ms - (0 if refused else 16 * DAY_MS))
        )
        place.start()
        await place.until(lambda: (entry := place.vault.read("acme")) is not None and entry.token_id != before.token_id)
        after = place.vault.read("acme")
        assert after is not None
        assert after.expires_ms >= now_ms + 30 * DAY_MS
        assert after.refresh_token.reveal() not in {"", grant.refresh_token}
        await place.until(
            lambda: (
                (status := place.status("acme")) is not None
                and status.state == "following"
                and status.token is not None
                and status.token.id == after.token_id
            )
        )
        kinds = [record.grant_type for record in acme.journal.records() if record.grant_type]
        assert kinds == ["refresh_token"] * 2  # the first was answered with 409


async def test_a_refreshed_token_is_held_until_the_vault_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "KEEP_AGAIN_S", 0.02)
    acme, key, now_ms = egnyte("acme"), App(), RealClock().now_ms()
    grant = granted(acme, key, now_ms)
    async with site(tmp_path) as place, acme.serve() as url:
        before = place.connect("acme", url, grant.access_token, **renewing(key, grant, now_ms - 16 * DAY_MS))
        lock = tmp_path / ".lock"
        lock.unlink()
        lock.mkdir()  # nothing can be written now
        with capture_logs() as logs:
            place.start()
            await place.until(lambda: sum("can't be written" in each["event"] for each in logs) >= 3)
        unwritten = place.vault.read("acme")
        assert unwritten == before
        assert "vault.dir" in next(each["reason"] for each in logs if "can't be written" in each["event"])
        lock.rmdir()
        await place.until(lambda: (entry := place.vault.read("acme")) is not None and entry.token_id != before.token_id)
        assert [record.grant_type for record in acme.journal.records() if record.grant_type] == ["refresh_token"]


async def test_one_that_is_started_again_and_again_refreshes_its_token_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "AGAIN_S", 0.01)
    good, bad, key, now_ms = egnyte("good"), egnyte("bad"), App(), RealClock().now_ms()
    renewal = renewing(key, granted(bad, key, now_ms), now_ms - 16 * DAY_MS) | {"refresh_token": Secret("used-up")}
    async with site(tmp_path) as place, good.serve() as url, bad.serve() as other:
        place.connect("good", url, good.token)
        place.connect("bad", other, "two words", **renewal)

        def refreshed() -> int:
            return sum(bool(record.grant_type) for record in bad.journal.records())

        with capture_logs() as logs:
            place.start()
            await place.until(lambda: refreshed() > 0)
            ends = len(logs)
            await place.until(lambda: sum(each["event"] == "the connector ends" for each in logs[ends:]) >= 5)
        assert refreshed() == 1
        await place.until(lambda: place.seen("good") == 1)


def test_what_could_not_be_read_is_read_when_it_can_be(tmp_path: Path) -> None:
    place = Site(tmp_path, Log())
    place.connect("acme", "https://acme.egnyte.com", "t")
    wishes, key = Wishes(place.settings, place.vault), tmp_path / "key"
    key.chmod(0o644)
    with capture_logs() as logs:
        assert [wishes.look() for _ in range(3)] == [{}] * 3
        assert [(each["log_level"], each["connector"]) for each in logs] == [("warning", "acme")], "said once"
        aside = key.rename(tmp_path / "aside")
        assert wishes.look() == {}
        assert "missing" in logs[-1]["reason"]
    aside.chmod(0o600)
    aside.rename(key)
    assert list(wishes.look()) == ["acme"]
    key.unlink()
    assert list(wishes.look()) == ["acme"], "read once, while nothing of it has changed"


async def test_with_nothing_to_connect_it_says_so(tmp_path: Path) -> None:
    async with site(tmp_path) as place:
        with pytest.raises(ValueError, match="nothing is in the vault: connect a domain"):
            await supervise(place.settings, stop=place.stop)


async def test_it_ends_when_none_can_go_on(tmp_path: Path) -> None:
    async with site(tmp_path) as place:
        place.connect("acme", "https://acme.egnyte.com", "two words")
        with pytest.raises(ValueError, match="white space"):
            await supervise(place.settings, stop=place.stop, new_cluster=lambda _: place.log)
