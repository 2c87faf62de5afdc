"""The activity log in the browser: filters, ways on, the raw event; whatever things are named."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from console.archive.follower import Follower
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.sessions import Sessions
from schemas.activity import TYPES
from streams.sections import Settings
from tests.console.web.served import browser, serving
from tests.console.web.stories import ACTIVITIES, FORMULA, SCRIPT, WHO, told

RANGE = {"from": "2025-11-26", "until": "2025-11-27"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    database = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    sessions = Sessions()
    app = make_app(database, Follower(Settings(), database), "-", sessions=sessions)
    with serving(app) as address, browser(address) as client:
        client.cookies.set(COOKIE, sessions.begin("mara", "viewer"), domain="127.0.0.1")
        yield client
    database.close()


def links(page: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'href="([^"]*)"', page)]


def count(page: str) -> int:
    return len(set(re.findall(r'href="(/activity/\d+/\d+)"', page)))


@pytest.mark.parametrize(
    ("filters", "number"),
    [
        ({}, 12),
        ({"actor": FORMULA}, 12),
        ({"actor": "nobody"}, 0),
        ({"user_key": WHO, "type": "download"}, 12),
        ({"user_key": "acme/other"}, 0),
        *(({"type": kind}, 12 if kind == "download" else 0) for kind in TYPES),
        ({"attribute": "country", "operator": "neq", "value": "PT"}, 0),
        ({"attribute": "time", "value": "03:00-06:00"}, 3),
        ({"attribute": "time", "operator": "in", "value": "03:00-06:00", "zone": "Europe/Berlin"}, 3),
    ],
)
def test_filters_are_those_of_policies(client: httpx.Client, filters: dict[str, str], number: int) -> None:
    page = client.get("/activities", params={**RANGE, **filters})
    assert (page.status_code, count(page.text)) == (200, number)


def test_empty_fields_leave_no_trace_in_the_address(client: httpx.Client) -> None:
    page = client.get("/activities", params={**RANGE, "actor": "", "country": " PT ", "attribute": "", "value": "x"})
    assert dict(page.url.params) == {**RANGE, "country": "PT"}


def test_times_out_of_all_reason_find_nothing_more(client: httpx.Client) -> None:
    page = client.get("/activities", params={"from": "999999d"})
    assert (page.status_code, count(page.text)) == (200, 12)


def test_a_mistake_is_told_on_a_page(client: httpx.Client) -> None:
    page = client.get("/activities", params={"countri": SCRIPT})
    assert (page.status_code, "did you mean" in page.text, SCRIPT in page.text) == (400, True, False)


def test_every_way_on_leads_somewhere_with_the_activity_in_it(client: httpx.Client) -> None:
    page = client.get("/activity", params={"id": "e05", "at": str(ACTIVITIES[5].time_ms)})
    assert page.status_code == 200
    place = page.url.path
    ways = [each for each in links(page.text) if each.startswith("/activities?")]
    assert len(ways) >= 8
    for each in ways:
        assert place in client.get(each).text, each


def test_exports_give_what_the_page_shows_and_no_formula(client: httpx.Client) -> None:
    page = client.get("/activities", params=RANGE).text
    (csv,) = [each for each in links(page) if each.startswith("/api/") and "format=csv" in each]
    lines = client.get(csv).text.splitlines()
    assert len(lines) == 13
    assert all(f",{FORMULA}," not in line and f",'{FORMULA}," in line for line in lines[1:])


def test_nothing_out_of_events_becomes_a_part_of_a_page(client: httpx.Client) -> None:
    for path, params in (("/activities", RANGE), ("/activity/0/3", {}), ("/activities", {**RANGE, "actor": SCRIPT})):
        page = client.get(path, params=params)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


@pytest.mark.parametrize(
    "path", ["/activity/0/999", "/activity/99999999999/1", "/activity?id=x&at=y", "/activity?id=x&at=1"]
)
def test_what_is_not_there_is_told(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404
