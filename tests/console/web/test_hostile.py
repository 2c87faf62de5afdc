"""What comes in numbers, or in forms that nobody would type: lists stay pages, and nothing breaks or leaks."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from console.archive import rows
from console.archive.database import Database
from console.archive.findings import PAGE
from console.archive.follower import Follower
from console.events import Published
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.outside import Outside
from console.web.sessions import Sessions
from detections.closing import closed
from schemas.verdict import COMMENT_CHARS, Verdict
from streams.sections import Settings
from tests.console.web.served import browser, serving
from tests.console.web.stories import RAISED, WHO, journey, kept, told

SESSIONS = Sessions()
UID = RAISED.finding_info.uid
MANY = 10_000
STRANGE = ("%00", "%ED%A0%80", "%FF", "'%3B--", "%F0%9F%92%A9", "..%2F..%2Fetc", "-1", "9" * 400, "%0d%0aX-Evil:1")


class Written:
    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    async def publish(self, verdict: Verdict) -> Published:
        self.verdicts.append(verdict)
        return Published("t.events", 3, 17)


@pytest.fixture(scope="module")
def written() -> Written:
    return Written()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    one = kept(10, RAISED)
    body = (one.value or b"").decode()
    records = []
    for n in range(MANY):
        uid = f"{n:08d}-0000-5000-8000-000000000000"
        records.append(
            type(one)(one.topic, 0, 10 + n, one.timestamp, uid.encode(), body.replace(UID, uid).encode(), one.headers)
        )
    made.store({"finding_records": [rows.finding_records(records).table]}, {("t.alerts", 0): 10 + MANY})
    yield made
    made.close()


@pytest.fixture(scope="module")
def console(database: Database, written: Written) -> Iterator[str]:
    app = make_app(
        database, Follower(Settings(), database), "-", sessions=SESSIONS, outside=Outside(publish=written.publish)
    )
    with serving(app) as address:
        yield address


@pytest.fixture
def client(console: str) -> Iterator[httpx.Client]:
    with browser(console) as made:
        made.cookies.set(COOKIE, SESSIONS.begin("mara", "analyst"), domain="127.0.0.1")
        yield made


def csrf(client: httpx.Client) -> dict[str, str]:
    session = SESSIONS.known(client.cookies[COOKIE])
    assert session is not None
    return {"csrf": session.csrf}


def test_ten_thousand_findings_are_pages_that_join(client: httpx.Client) -> None:
    seen: list[str] = []
    following = "/findings?kind=alert&state=open"
    for _ in range(5):
        page = client.get(following)
        assert len(page.text) < 200_000
        found = re.findall(r'href="/findings/([0-9a-f-]{36})"', page.text)
        assert len(found) == PAGE
        seen += found
        following = html.unescape(re.findall(r'href="([^"]+)" rel="next"', page.text)[0])
    assert len(set(seen)) == 5 * PAGE


def test_a_user_with_ten_thousand_findings_has_a_page(client: httpx.Client) -> None:
    page = client.get("/user", params={"key": WHO})
    assert (page.status_code, page.text.count('href="/findings/')) == (200, PAGE)
    assert "/findings?user=" in page.text, "the way to all of them"
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("strange", STRANGE, ids=range(len(STRANGE)))
def test_no_id_breaks_a_page(client: httpx.Client, strange: str) -> None:
    paths = (
        f"/findings/{strange}", f"/governance/{strange}", f"/activity/{strange}/1", f"/activity/1/{strange}",
        f"/user?key={strange}", f"/user/normal?key={strange}", f"/ip?ip={strange}",
        f"/activity?id={strange}&at={strange}",
        f"/findings?before={strange}", f"/findings?user={strange}&policy={strange}", f"/governance?page={strange}",
        f"/governance?origin={strange}", f"/activities?after={strange}", f"/activities?path={strange}",
        f"/activities?{strange}={strange}", f"/activities?attribute={strange}&value=1", f"/login?next={strange}",
        f"/{strange}", f"/login/callback?state={strange}&code={strange}",
    )  # fmt: skip
    for path in paths:
        answer = client.get(path)
        assert answer.status_code in (200, 400, 404), (path, answer.status_code)
        assert "Traceback" not in answer.text
        assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    ("comment", "status"),
    [("x" * COMMENT_CHARS, 200), ("x" + "\r\n" * COMMENT_CHARS + "x", 400), ("ä\r\n" * (COMMENT_CHARS // 2), 200),
     ("x" * (COMMENT_CHARS + 1), 400), ("x" * 60_000, 400), ("x" * 70_000, 413), ("\x00\ud7ff\U0001f4a9", 200)],
)  # fmt: skip
def test_comments_have_a_length_as_browsers_count_it(
    client: httpx.Client, written: Written, comment: str, status: int
) -> None:
    written.verdicts.clear()
    page = client.post(
        f"/findings/{UID}/verdict", data=csrf(client) | {"said": "benign", "sure": "yes", "comment": f"{comment}"}
    )
    assert page.status_code == status, page.text[-500:]
    assert len(written.verdicts) == (status == 200)
    assert "<h1>" in page.text, "a page for people"


@pytest.mark.parametrize("form", [b"\xff=1", b"csrf=%FF&said=benign", b"&".join(b"a=1" for _ in range(200)), b"%"])
def test_what_is_no_form_is_refused(client: httpx.Client, form: bytes) -> None:
    answer = client.post(f"/findings/{UID}/verdict", content=form)
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5_000, "é", '"', ";;==", f"{COOKIE}=", f"{COOKIE}=x; {COOKIE}=y"])
def test_no_cookie_but_a_sessions_lets_anybody_in(console: str, cookie: str) -> None:
    with browser(console) as stranger:
        answer = stranger.get("/api/status", headers={b"Cookie": cookie.encode()})
    assert answer.status_code == 401


@pytest.mark.parametrize("neighbour", ["a b=1", 'x={"json": [1, 2]}', "é=1", "=", "[broken]=1"])
def test_cookies_of_others_on_this_host_do_not_hide_the_sessions(console: str, neighbour: str) -> None:
    identity = SESSIONS.begin("mara", "viewer")
    with browser(console) as client:
        cookies = f"{neighbour}; {COOKIE}={identity}"
        assert client.get("/api/status", headers={b"Cookie": cookies.encode()}).status_code == 200


def test_an_id_from_before_signing_in_is_not_the_sessions(console: str) -> None:
    planted = SESSIONS.begin("mallory", "viewer")
    with browser(console) as client:
        client.cookies.set(COOKIE, planted, domain="127.0.0.1")
        answer = client.post("/login", data={"token": "-"}, follow_redirects=False)
        assert answer.status_code == 303
        made = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert made != planted
    assert SESSIONS.known(planted) is None
    assert SESSIONS.known("chosen-by-somebody") is None


def test_no_answer_may_be_framed_sniffed_or_kept(client: httpx.Client) -> None:
    for path in ("/", "/login", "/nowhere", "/login/callback", "/login/provider", f"/findings/{UID}", "/api/status"):
        headers = client.get(path, follow_redirects=False).headers
        assert headers["x-frame-options"] == "DENY", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["cache-control"] == "no-store", path


def test_two_tabs_may_judge_and_the_second_is_told(client: httpx.Client, database: Database, written: Written) -> None:
    twice = journey("e07")
    database.store({"finding_records": [rows.finding_records([kept(90_000, twice)]).table]}, {("t.alerts", 0): 90_001})
    form = csrf(client) | {"said": "benign", "sure": "yes"}
    path = f"/findings/{twice.finding_info.uid}/verdict"
    written.verdicts.clear()
    assert client.post(path, data=form).status_code == 200
    done = closed(written.verdicts[0], twice.time + 1)
    database.store({"finding_records": [rows.finding_records([kept(90_001, done)]).table]}, {("t.alerts", 0): 90_002})
    page = client.post(path, data=form | {"said": "true-positive"})
    assert (page.status_code, "already closed" in page.text) == (400, True)
    assert len(written.verdicts) == 1
