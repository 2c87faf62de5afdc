"""Findings in the browser: found, understood, judged; whatever they are named."""

from collections.abc import Iterator

import httpx
import pytest

from console.archive import rows
from console.archive.database import Database
from console.archive.findings import FindingSearch, search
from console.archive.follower import Follower
from console.events import Published
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.outside import Outside
from console.web.sessions import Sessions
from detections.closing import closed
from schemas.verdict import Verdict
from streams.sections import Settings
from tests.console.web.served import browser, serving
from tests.console.web.stories import QUIET, RAISED, SCRIPT, WHO, journey, kept, told

SESSIONS = Sessions()
UID = RAISED.finding_info.uid


class Written:
    """Takes the place of the broker."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    async def publish(self, verdict: Verdict) -> Published:
        self.verdicts.append(verdict)
        return Published("t.events", 3, 17)


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    yield made
    made.close()


@pytest.fixture
def client(database: Database, written: Written) -> Iterator[httpx.Client]:
    app = make_app(
        database, Follower(Settings(), database), "-", sessions=SESSIONS, outside=Outside(publish=written.publish)
    )
    with serving(app) as address, browser(address) as client:
        client.cookies.set(COOKIE, SESSIONS.begin("mara", "analyst"), domain="127.0.0.1")
        yield client


def posted(client: httpx.Client, **form: str) -> httpx.Response:
    session = SESSIONS.known(client.cookies[COOKIE])
    assert session is not None
    return client.post(f"/findings/{UID}/verdict", data={"csrf": session.csrf, **form})


def test_the_list_shows_what_is_open_and_can_be_asked(client: httpx.Client) -> None:
    assert UID in client.get("/findings").text
    assert QUIET.finding_info.uid not in client.get("/findings").text
    assert QUIET.finding_info.uid in client.get("/findings", params={"kind": "suppressed"}).text
    assert UID not in client.get("/findings", params={"severity": "5"}).text
    assert UID not in client.get("/findings", params={"user": "nobody"}).text
    refused = client.get("/findings", params={"severity": "'; DROP"})
    assert (refused.status_code, "expected 1" in refused.text) == (400, True)


def test_the_page_tells_why_where_and_what_was_not_raised(client: httpx.Client) -> None:
    page = client.get(f"/findings/{UID}")
    assert page.status_code == 200
    for words in (
        "11,790 km",
        "11,790 km/h",
        "speed in km/h",
        "900",
        "not raised: same country",
        'class="way"',
        "60 minutes later",
    ):
        assert words in page.text, words
    assert page.text.count('aria-label="evidence"') == 2
    assert SCRIPT not in page.text
    assert "&lt;script&gt;" in page.text
    assert client.get("/findings/none").status_code == 404


@pytest.mark.parametrize("opinion", ["true-positive", "benign", "false-positive"])
def test_a_verdict_is_published_under_ones_name(client: httpx.Client, written: Written, opinion: str) -> None:
    page = posted(client, said=opinion, comment="asked her", sure="yes")
    assert (page.status_code, "t.events/3/17" in page.text) == (200, True)
    (verdict,) = written.verdicts
    assert (verdict.said, verdict.opinion, verdict.by, verdict.comment) == ("close", opinion, "mara", "asked her")
    assert verdict.finding == RAISED


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"said": "benign"}, "sure"),
        ({"said": "maybe", "sure": "yes"}, "no verdict"),
        ({"said": "reopen", "sure": "yes"}, "is open"),
        ({"said": "benign", "sure": "yes", "comment": "x" * 2_001}, "2,001"),
    ],
)
def test_what_is_no_verdict_is_told(client: httpx.Client, written: Written, form: dict[str, str], words: str) -> None:
    page = posted(client, **form)
    assert (page.status_code, words in page.text) == (400, True), page.text
    assert written.verdicts == []


def test_a_closed_finding_can_be_opened_again(client: httpx.Client, database: Database, written: Written) -> None:
    verdict = Verdict(said="close", opinion="benign", by=SCRIPT, comment=SCRIPT, finding=RAISED)
    database.store(
        {"finding_records": [rows.finding_records([kept(2, closed(verdict, RAISED.time + 1))]).table]},
        {("t.alerts", 0): 3},
    )
    page = client.get(f"/findings/{UID}").text
    assert "Open it again" in page
    assert SCRIPT not in page
    assert posted(client, said="benign", sure="yes").status_code == 400, "closed already"
    assert posted(client, said="reopen", sure="yes").status_code == 200
    assert [each.said for each in written.verdicts] == ["reopen"]


def test_pages_of_findings_join(database: Database) -> None:
    many = [kept(n + 10, journey(f"x{n}")) for n in range(20)]
    database.store({"finding_records": [rows.finding_records(many).table]}, {("t.alerts", 0): 30})
    seen, before = [], ""
    while True:
        found, before = search(database, FindingSearch(kind="alert", before=before), limit=6)
        seen += [row["uid"] for row in found]
        if not before:
            break
    assert len(seen) == len(set(seen)) == 21
    assert all(row["user_key"] == WHO for row in found)
