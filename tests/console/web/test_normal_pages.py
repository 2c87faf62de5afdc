"""What is normal for a user, in the browser: the numbers of the learned state; whatever things are named."""

import time
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from console.archive import rows
from console.archive.follower import Follower
from console.learned import Learned
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.normal_pages import normal_of
from console.web.outside import Outside
from console.web.sessions import Sessions
from detections.history import observe
from detections.seen import USUAL_DAYS
from detections.state import FailedLogins, SessionDay, UserState, Volume, Volumes
from schemas.activity import Network, Person
from streams.sections import DAY_MS, Settings
from tests.console.archive.archives import record
from tests.console.web.served import browser, serving
from tests.console.web.stories import ACTIVITIES, LISBON, SCRIPT, WHO, told
from tests.detections.activity_policies.policies_of import DAY, act

NOW = round(time.time() * 1000)


def learnt() -> UserState:
    """Of ten days, with a login each, nine from Lisbon by web and the last from Madrid by phone."""
    user = UserState(
        volumes=Volumes(downloads=Volume(day=DAY // DAY_MS + 9, days=bytes((0, 40, 0, 10, 0, 20, 1, 0)))),
        failed_logins=FailedLogins(days=[SessionDay(DAY // DAY_MS, 2, 6, 20, 4)]),
    )
    for n in range(10):
        place = LISBON if n < 9 else msgspec.structs.replace(LISBON, country="ES", city="Madrid")
        observe(
            act(
                DAY + n * DAY_MS, event_id=f"e{n}", type="login", outcome="success", interactive=True, place=place,
                actor=Person(email="m@acme.example"), client="web" if n < 9 else SCRIPT, ip=f"198.51.100.{n}",
                network=Network(prefix="198.51.100.0/24", asn=64500 if n < 9 else 64501, organisation="Net"),
            ),
            user,
        )  # fmt: skip
    return user


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    database, sessions = told(tmp_path_factory.mktemp("console") / "a.duckdb"), Sessions()
    lately = [msgspec.structs.replace(each, time_ms=NOW - n * 3_600_000) for n, each in enumerate(ACTIVITIES[:3])]
    database.store(
        {"activities": [rows.activities([record(n, each, 1) for n, each in enumerate(lately)]).table]},
        {("t.activities", 1): 3},
    )
    user = learnt()

    async def learned(key: str) -> Learned:
        if key == "acme/late":
            raise TimeoutError
        of = {
            WHO: Learned(user, DAY),
            "acme/again": Learned(None, 0, warming=True),
            "acme/v": Learned(other_version=True),
        }
        return of.get(key, Learned())

    app = make_app(database, Follower(Settings(), database), "-", sessions=sessions, outside=Outside(learned=learned))
    with serving(app) as address, browser(address) as client:
        client.cookies.set(COOKIE, sessions.begin("mara", "viewer"), domain="127.0.0.1")
        yield client
    database.close()


def test_the_numbers_are_those_that_policies_judge_by() -> None:
    normal = normal_of(learnt(), {"64500": "Net"})
    assert (normal.known_days, normal.active_days, normal.logins, normal.last_day) == (10, 10, 10, "2025-12-05")
    assert [(each.name, each.days, each.last) for each in normal.countries] == [
        ("PT", 9, "2025-12-04"),
        ("ES", 1, "2025-12-05"),
    ]
    assert [(each.name, each.days) for each in normal.networks] == [("Net (AS 64500)", 9), ("AS 64501", 1)]
    assert [(each.name, each.days, each.last) for each in normal.clients][1] == ("web", None, "2025-12-04")
    (downloads,) = normal.volumes
    assert (downloads.days, downloads.most, round(downloads.mean, 1)) == (3, 256, 23.3), "the largest is left out"
    assert (normal.failed_sessions, normal.failed_mean, normal.failed_most) == (2, 3.0, 4)
    assert normal_of(UserState(), {}).known_days == 0


def test_the_page_tells_and_escapes(client: httpx.Client) -> None:
    page = client.get("/user/normal", params={"key": WHO})
    assert page.status_code == 200
    for words in ("10 days, 10 of them", "files downloaded", "2 series", f"last {USUAL_DAYS} days", "no policy judges"):
        assert words in page.text, words
    assert SCRIPT not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        ("acme/nobody", 200, "Nothing is known"),
        ("acme/again", 200, "learned anew"),
        ("acme/v", 200, "another version"),
        ("acme/late", 200, "not found in time"),
        ("", 404, "No such user"),
    ],
)
def test_what_is_not_known_is_told(client: httpx.Client, key: str, status: int, words: str) -> None:
    page = client.get("/user/normal", params={"key": key})
    assert (page.status_code, words in page.text) == (status, True), page.text


def test_the_users_page_leads_there(client: httpx.Client) -> None:
    assert "/user/normal?key=" in client.get("/user", params={"key": WHO}).text
