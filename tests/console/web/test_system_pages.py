"""Policies, connectors, governance and news in the browser; whatever things are named."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import duckdb
import httpx
import pytest
from aiokafka.errors import KafkaConnectionError

from agents.backtest_report import Compared
from agents.backtest_run import Report
from agents.governing.requests import asked_by, outcome
from connectors.egnyte.standing import Report as ConnectorReport
from console import backtests
from console.archive import rows
from console.archive.database import ArchiveError
from console.archive.follower import Follower
from console.commands.policies import Row, rows_of
from console.policy_about import about
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.news import MAX_OF_ONE, News
from console.web.outside import Outside
from console.web.sessions import IDLE_S, Role, Sessions
from detections.policies import PoliciesError
from detections.settings import Mistake
from schemas import governance
from schemas.governance import GovernanceRecord
from streams.errors import Refused
from streams.sections import Settings
from tests.console.archive.archives import Kept
from tests.console.web.served import browser, serving
from tests.console.web.stories import FORMULA, RAISED, SCRIPT, WHO, told

SESSIONS = Sessions()
POLICY = f"""
id: mine
title: "{SCRIPT}"
description: "A file called {SCRIPT}."
enabled: true
severity: low
filters: {{type: download}}
"""
AT = 1_764_133_200_000
WANTED = asked_by(SCRIPT, "suspend_user", FORMULA, "acme", AT, SCRIPT, RAISED.finding_info.uid)
STARTED = outcome(WANTED, "started", AT + 1)
DONE = outcome(STARTED, "succeeded", AT + 2, detail=SCRIPT)


def kept(offset: int, record: GovernanceRecord) -> Kept:
    return Kept("t.governance", 0, offset, record.at_ms, record.uid.encode(), governance.encode(record))


class Broker:
    def __init__(self) -> None:
        self.asked: list[GovernanceRecord] = []
        self.error: Exception | None = None

    async def ask(self, requests: Sequence[GovernanceRecord]) -> None:
        self.asked += requests

    async def connectors(self) -> list[ConnectorReport]:
        if self.error:
            raise self.error
        return [
            ConnectorReport(connector="acme", url="https://acme.example", state="error", error=SCRIPT, advice="log in")
        ]

    @staticmethod
    def policies() -> list[Row]:
        return rows_of(Path("nowhere"), directory=False)

    @staticmethod
    def backtest() -> backtests.Kept | None:
        compared = Compared(policy="impossible_travel", live=1, backtest=3, same=1, changed=0, added=2, gone=0)
        return backtests.Kept(
            AT, f"/tried/{SCRIPT}",
            Report(from_ms=AT - 5, to_ms=AT, agents=("detect",), policy_set="0", judged=12_345, letters={}, topics=(),
                   policies=(compared,)),
        )  # fmt: skip


@pytest.fixture(scope="module")
def broker() -> Broker:
    return Broker()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[str]:
    database = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    records = [kept(n, each) for n, each in enumerate((WANTED, STARTED, DONE, WANTED))]
    database.store({"governance": [rows.governance(records).table]}, {("t.governance", 0): 4})
    folder = tmp_path_factory.mktemp("policies")
    (folder / "activity").mkdir()
    (folder / "activity" / "mine.yaml").write_text(POLICY)
    (folder / "builtin.yaml").write_text("impossible_travel: {min_distance_km: 321}")
    outside = Outside(
        ask=broker.ask,
        connectors=broker.connectors,
        policies=broker.policies,
        about=partial(about, folder),
        backtest=broker.backtest,
    )
    with serving(make_app(database, Follower(Settings(), database), "-", sessions=SESSIONS, outside=outside)) as there:
        yield there
    database.close()


def signed_in(console: str, role: Role) -> tuple[httpx.Client, dict[str, str]]:
    client, identity = browser(console), SESSIONS.begin("mara", role)
    client.cookies.set(COOKIE, identity, domain="127.0.0.1")
    session = SESSIONS.known(identity)
    assert session is not None
    return client, {"csrf": session.csrf}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/policies", ["Impossible travel", "impossible_travel", "12,345 records", "3 (+2, −0)", "&lt;script&gt;"]),
        ("/", ["acme</a>", "<td>error</td>", "log in", "&lt;script&gt;"]),
        (
            "/policies/impossible_travel",
            ["min_distance_km", "<strong>321</strong>", "What to do", "1 open", "3 by the policies"],
        ),
        ("/policies/mine", ["&lt;script&gt;", "mine.yaml"]),
        ("/connectors", ["acme: error", "log in", "&lt;script&gt;"]),
        ("/governance", ["suspend user", ">succeeded</td>", FORMULA, "&lt;script&gt;"]),
        (f"/governance/{DONE.uid}", ["succeeded", "govern undo", RAISED.finding_info.uid, "&lt;script&gt;"]),
        (f"/governance?user_key={WHO}", ["suspend user"]),
        (f"/governance?origin={RAISED.finding_info.uid}", ["suspend user"]),
    ],
)
def test_pages_tell_and_escape(console: str, path: str, words: list[str]) -> None:
    with signed_in(console, "viewer")[0] as client:
        page = client.get(path)
    assert page.status_code == 200
    for each in words:
        assert each in page.text, each
    assert SCRIPT not in page.text


def test_what_is_not_there_is_told(console: str) -> None:
    with signed_in(console, "viewer")[0] as client:
        assert client.get("/policies/none").status_code == 404
        assert client.get("/governance/none").status_code == 404
        assert client.get("/governance", params={"page": "x"}).status_code == 400
        assert "None." in client.get("/governance", params={"origin": "other"}).text
        assert "None." in client.get("/governance", params={"user_key": "acme/other"}).text


def test_undo_is_asked_for_by_admins_alone(console: str, broker: Broker) -> None:
    path, form = f"/governance/{DONE.uid}/ask", {"way": "undo", "sure": "yes", "why": "a mistake"}
    analyst, csrf = signed_in(console, "analyst")
    with analyst:
        assert analyst.post(path, data=form | csrf).status_code == 403
    admin, csrf = signed_in(console, "admin")
    with admin:
        assert admin.post(path, data={"way": "undo"} | csrf).status_code == 400, "not sure"
        assert admin.post(path, data=form | csrf | {"way": "retry"}).status_code == 400, "it is done"
        assert broker.asked == []
        assert "It is asked for" in admin.post(path, data=form | csrf).text
    (asked,) = broker.asked
    assert (asked.action, asked.reverts, asked.by, asked.why) == ("unsuspend_user", DONE.uid, "mara", "a mistake")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TimeoutError(), 503),
        (Refused(SCRIPT), 400),
        (KafkaConnectionError(SCRIPT), 503),
        (PoliciesError((Mistake("a", SCRIPT, "b"),)), 503),
        (ArchiveError(SCRIPT), 503),
        (duckdb.OutOfMemoryException(SCRIPT), 503),
        (KeyError(SCRIPT), 500),
    ],
)
def test_trouble_becomes_a_page(console: str, broker: Broker, error: Exception, status: int) -> None:
    broker.error = error
    with signed_in(console, "viewer")[0] as client:
        page = client.get("/connectors")
    broker.error = None
    assert (page.status_code, SCRIPT in page.text, "<h1>" in page.text) == (status, False, True)


async def test_news_reaches_every_page_and_stops_with_it() -> None:
    news = News()
    pages = [news._stream("", lambda: True) for _ in range(2)]
    assert [await anext(page) for page in pages] == ["retry: 5000\n\n"] * 2
    waiting = [asyncio.ensure_future(anext(page)) for page in pages]
    news.stored({"activities": 5})
    news.stored({"finding_records": 3})
    assert await asyncio.gather(*waiting) == ["event: findings\ndata: 3\n\n"] * 2
    for page in pages:
        await page.aclose()  # type: ignore[attr-defined]
    assert news._listeners == set()


async def test_a_slow_page_misses_nothing_and_costs_one_number() -> None:
    news = News()
    slow = news._stream("", lambda: True)
    await anext(slow)
    for _ in range(10_000):
        news.stored({"finding_records": 2})
    assert await anext(slow) == "event: findings\ndata: 20000\n\n"
    await slow.aclose()  # type: ignore[attr-defined]


async def test_who_signed_out_is_told_nothing_more() -> None:
    news, signed_in = News(), [True]
    page = news._stream("", lambda: signed_in[0])
    await anext(page)
    signed_in[0] = False
    news.stored({"finding_records": 1})
    with pytest.raises(StopAsyncIteration):
        await anext(page)
    assert news._listeners == set()


def test_nobody_takes_all_places_to_listen(console: str) -> None:
    (client, _), (other, _) = signed_in(console, "viewer"), signed_in(console, "viewer")
    with client, other, ExitStack() as streams:
        heard = [streams.enter_context(client.stream("GET", "/events")).iter_text() for _ in range(MAX_OF_ONE)]
        assert {next(each) for each in heard} == {"retry: 5000\n\n"}
        assert client.get("/events").status_code == 503
        with other.stream("GET", "/events") as answer:
            assert answer.status_code == 200


def test_waiting_for_news_keeps_no_session() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    identity = sessions.begin("a", "viewer")
    now[0] = IDLE_S
    assert sessions.known(identity, used=False) is not None
    now[0] = IDLE_S + 1
    assert sessions.known(identity, used=False) is None


def test_news_comes_over_http(console: str) -> None:
    with signed_in(console, "viewer")[0] as client, client.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next(answer.iter_text()).startswith("retry")
