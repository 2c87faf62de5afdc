"""The overview, and the pages of users and addresses; whatever they are named."""

import time
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from console.archive import rows, summaries
from console.archive.database import Database
from console.archive.findings import raised_by_day
from console.archive.follower import Follower
from console.web.app import make_app
from console.web.drawing import drawing
from console.web.guard import COOKIE
from console.web.sessions import Sessions
from console.worldmap import Spot
from streams.sections import DAY_MS, Settings
from tests.console.archive.archives import record
from tests.console.web.served import browser, serving
from tests.console.web.stories import ACTIVITIES, FORMULA, HOUR, RAISED, SCRIPT, WHO, told

NOW = round(time.time() * 1000)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    lately = [msgspec.structs.replace(each, time_ms=NOW - n * HOUR) for n, each in enumerate(ACTIVITIES)]
    records = [record(n, each, partition=1) for n, each in enumerate(lately)]
    made.store({"activities": [rows.activities(records).table]}, {("t.activities", 1): len(records)})
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[httpx.Client]:
    sessions = Sessions()
    app = make_app(database, Follower(Settings(), database), "-", sessions=sessions)
    with serving(app) as address, browser(address) as client:
        client.cookies.set(COOKIE, sessions.begin("mara", "viewer"), domain="127.0.0.1")
        yield client


@pytest.mark.parametrize(
    ("path", "parameters", "words"),
    [
        ("/", {}, [RAISED.finding_info.uid, "<b>1</b>", "24, from 2025-11-26", "not known yet"]),
        ("/user", {"key": WHO}, [RAISED.finding_info.uid, "12 activities in the last 30 days", "Lisbon", "<circle"]),
        ("/ip", {"ip": "198.51.100.7"}, ["12 activities in the last 30 days", "198.51.100.0/24", FORMULA, "<circle"]),
    ],
)
def test_pages_tell_and_escape(client: httpx.Client, path: str, parameters: dict[str, str], words: list[str]) -> None:
    page = client.get(path, params=parameters)
    assert page.status_code == 200
    for each in words:
        assert each in page.text, each
    assert SCRIPT not in page.text
    assert "&lt;script&gt;" in page.text
    assert "<img" not in page.text
    assert " style=" not in page.text
    assert page.text.count("<script") == 1, "the console's own"


@pytest.mark.parametrize("path", ["/user", "/user?key=acme/nobody", "/ip", "/ip?ip=203.0.113.9", "/ip?ip='"])
def test_who_is_not_known_has_no_page(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_summary_counts_what_is_in_its_span(database: Database) -> None:
    whole = summaries.of_user(database, WHO, 0, NOW + 1)
    assert whole.activities == 24
    assert [(each.value, each.number) for each in whole.counts["places"]] == [("Lisbon, PT", 24)]
    assert sum(each.number for each in whole.counts["hours"]) == 24
    lately = summaries.of_user(database, WHO, NOW - 2 * HOUR, NOW)
    assert (lately.activities, lately.counts["networks"][0].first_ms) == (2, NOW - 2 * HOUR)


def test_the_trend_has_every_day(database: Database) -> None:
    days = raised_by_day(database, RAISED.time + 2 * DAY_MS)
    assert len(days) == 14
    assert [number for _, number in days][-3:] == [1, 0, 0]
    assert all(day % DAY_MS == 0 for day, _ in days)


@pytest.mark.parametrize(
    "spots",
    [
        [Spot(38.7, -9.1, "a")],
        [Spot(-33.9, 151.2, "a"), Spot(37.8, -122.4, "b")],
        [Spot(90, 180, "a"), Spot(-90, -180, "b")],
        [Spot(52.5, 13.4, "a"), Spot(52.5, 13.4, "b")],
    ],
)
def test_a_map_holds_all_its_marks_and_stays_in_the_world(spots: list[Spot]) -> None:
    drawn = drawing(spots, "m", joined=True)
    assert drawn is not None
    left, top, width, height = drawn.box
    assert min(left, top) >= 0
    assert left + width <= 360.1
    assert top + height <= 180.1
    assert all(left <= mark.x <= left + width and top <= mark.y <= top + height for mark in drawn.marks)


def test_a_way_over_the_date_line_does_not_cross_the_map() -> None:
    drawn = drawing([Spot(-33.9, 151.2, "Sydney"), Spot(37.8, -122.4, "San Francisco")], "m", joined=True)
    assert drawn is not None
    assert drawn.ways[0].count("M") == 2
    assert drawing([], "m") is None
