"""An admin asks for an action on a finding's page: once, on purpose, on somebody who has an account."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from agents.governing.requests import outcome
from console.archive import rows
from console.archive.database import Database
from console.archive.follower import Follower
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.outside import Outside
from console.web.sessions import Sessions
from schemas import governance
from schemas.governance import GovernanceRecord
from streams.sections import Settings
from tests.console.archive.archives import Kept
from tests.console.web.served import browser, serving
from tests.console.web.stories import FORMULA, RAISED, told

SESSIONS = Sessions()
UID = RAISED.finding_info.uid
FORM = {"finding": UID, "action": "suspend_user", "why": "a thief", "sure": "yes"}


class Broker:
    def __init__(self) -> None:
        self.asked: list[GovernanceRecord] = []

    async def ask(self, requests: Sequence[GovernanceRecord]) -> None:
        self.asked += requests


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = told(tmp_path / "a.duckdb")
    yield made
    made.close()


@pytest.fixture
def client(database: Database, broker: Broker) -> Iterator[httpx.Client]:
    app = make_app(database, Follower(Settings(), database), "-", sessions=SESSIONS, outside=Outside(ask=broker.ask))
    with serving(app) as address, browser(address) as client:
        client.cookies.set(COOKIE, SESSIONS.begin("mara", "admin"), domain="127.0.0.1")
        yield client


def posted(client: httpx.Client, form: dict[str, str]) -> httpx.Response:
    session = SESSIONS.known(client.cookies[COOKIE])
    assert session is not None
    return client.post("/governance/ask", data={"csrf": session.csrf} | form)


def test_an_action_is_asked_for_under_ones_name(client: httpx.Client, broker: Broker) -> None:
    assert f"Act on {FORMULA}" in client.get(f"/findings/{UID}").text
    page = posted(client, FORM)
    assert (page.status_code, "It is asked for" in page.text) == (200, True)
    (asked,) = broker.asked
    assert (asked.action, asked.user, asked.by, asked.why, asked.origin, asked.state) == (
        "suspend_user", FORMULA, "mara", "a thief", UID, "requested",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"sure": ""}, 400, "sure"),
        ({"action": "unsuspend_user"}, 400, "what is to be done"),
        ({"why": "x" * 501}, 400, "501"),
        ({"finding": "none"}, 404, "nothing here"),
    ],
)
def test_what_is_not_meant_is_not_done(
    client: httpx.Client, broker: Broker, change: dict[str, str], status: int, words: str
) -> None:
    page = posted(client, FORM | change)
    assert (page.status_code, words in page.text) == (status, True), page.text
    assert broker.asked == []


def test_what_was_done_is_not_done_again(client: httpx.Client, database: Database, broker: Broker) -> None:
    posted(client, FORM)
    (asked,) = broker.asked
    started = outcome(asked, "started", asked.at_ms + 1)
    said = [asked, started, outcome(started, "succeeded", asked.at_ms + 2)]
    records = [
        Kept("t.governance", 0, n, each.at_ms, each.uid.encode(), governance.encode(each))
        for n, each in enumerate(said)
    ]
    database.store({"governance": [rows.governance(records).table]}, {("t.governance", 0): 3})
    page = posted(client, FORM)
    assert (page.status_code, "is succeeded" in page.text) == (400, True), page.text
    assert len(broker.asked) == 1
