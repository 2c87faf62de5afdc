"""The page of an address: marks set and taken away by admins, in the audit trail and in force; whatever is written."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError

from connectors.places import Places
from connectors.places.marks import FILE
from console.archive import rows
from console.archive.database import Database
from console.archive.follower import Follower
from console.events import Published
from console.marking import Marking
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.outside import Outside
from console.web.sessions import Role, Sessions
from schemas import mark as marks
from schemas.activity import Activity
from schemas.mark import KEY, Mark
from streams.sections import PlacesSettings, Settings
from tests.console.archive.archives import Kept
from tests.console.web.served import browser, serving
from tests.console.web.stories import SCRIPT, told

IP = "198.51.100.7"
SESSIONS = Sessions()


class Trail:
    """Takes the place of the broker and of the workers: what is published is in the archive at once."""

    def __init__(self, database: Database) -> None:
        self.database, self.marks, self.away = database, list[Mark](), False

    async def publish(self, mark: Mark) -> Published:
        if self.away:
            raise KafkaConnectionError
        self.marks.append(mark)
        at_ms, number = 1_764_200_000_000 + len(self.marks), len(self.marks)
        activity = Activity(
            connector="console", event_id=f"m{number}", time_ms=at_ms, received_ms=at_ms, source="mark", type="mark",
            raw=msgspec.Raw(marks.encode(mark)),
        )  # fmt: skip
        record = Kept("t.activities", 7, number, at_ms, KEY.encode(), msgspec.json.encode(activity))
        self.database.store({"activities": [rows.activities([record]).table]}, {("t.activities", 7): number + 1})
        return Published("t.events", 7, number)


class Place:
    """A console with its trail and its folder of lists."""

    def __init__(self, address: str, trail: Trail, lists: Path) -> None:
        self.address, self.trail, self.lists = address, trail, lists

    def signed_in(self, role: Role, user: str = "mara") -> tuple[httpx.Client, dict[str, str]]:
        client, identity = browser(self.address), SESSIONS.begin(user, role)
        client.cookies.set(COOKIE, identity, domain="127.0.0.1")
        session = SESSIONS.known(identity)
        assert session is not None
        return client, {"csrf": session.csrf, "ip": IP, "block": IP, "sure": "yes"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    database, lists = told(tmp_path / "a.duckdb"), tmp_path / "lists"
    trail = Trail(database)
    outside = Outside(marking=Marking(lists, trail.publish))
    with serving(make_app(database, Follower(Settings(), database), "-", sessions=SESSIONS, outside=outside)) as there:
        yield Place(there, trail, lists)
    database.close()


def test_a_mark_is_set_shown_in_force_and_taken_away(place: Place) -> None:
    place.lists.mkdir()
    places = Places(PlacesSettings(lists_dir=str(place.lists)))
    client, form = place.signed_in("admin")
    with client:
        page = client.post("/ip/mark", data=form | {"category": "corporate", "why": "our office"})
        assert page.status_code == 200, page.text
        for words in ("The mark is set", f"<code>{IP}</code>, by mara", "our office", "What was said of it"):
            assert words in page.text, words
        places.refresh()
        assert places.locate(IP).network.category == "corporate"
        page = client.post("/ip/mark", data=form | {"category": "none"})
        assert "The mark is taken away" in page.text
        assert page.text.count("<td>taken away</td>") == 1
        places.refresh()
        assert places.locate(IP).network.category == ""
    assert [(each.block, each.category, each.by) for each in place.trail.marks] == [
        (IP, "corporate", "mara"),
        (IP, "", "mara"),
    ]


def test_its_network_can_be_marked_too(place: Place) -> None:
    client, form = place.signed_in("admin")
    with client:
        assert 'value="198.51.100.0/24"' not in client.get("/ip", params={"ip": IP}).text, "it is not of these 30 days"
        page = client.post("/ip/mark", data=form | {"category": "vpn", "block": "198.51.100.0/24"})
        assert "<code>198.51.100.0/24</code>, by mara" in page.text
        page = client.post("/ip/mark", data=form | {"category": "risky"})
        assert (page.status_code, "overlaps marks.csv" in page.text) == (400, True), "an address has one category"


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_marks_are_for_admins(place: Place, role: Role) -> None:
    client, form = place.signed_in(role)
    with client:
        assert "Admins may mark" in client.get("/ip", params={"ip": IP}).text
        assert client.post("/ip/mark", data=form | {"category": "vpn"}).status_code == 403
    assert place.trail.marks == []
    assert not place.lists.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sure": ""}, "sure"),
        ({"category": "ours"}, "no category"),
        ({"category": ""}, "no category"),
        ({"category": "none"}, "not marked"),
        ({"block": "everything"}, "not understood"),
        ({"block": "0.0.0.0/0"}, "more than one network"),
        ({"block": f"{IP}\n203.0.113.7"}, "not understood"),
        ({"why": "x" * 501}, "501"),
    ],
)
def test_what_is_no_mark_is_told(place: Place, change: dict[str, str], words: str) -> None:
    client, form = place.signed_in("admin")
    with client:
        page = client.post("/ip/mark", data=form | {"category": "vpn"} | change)
    assert (page.status_code, words in page.text) == (400, True), page.text
    assert place.trail.marks == []
    assert not (place.lists / FILE).exists()


def test_without_the_audit_trail_nothing_is_marked(place: Place) -> None:
    place.trail.away = True
    client, form = place.signed_in("admin")
    with client:
        assert client.post("/ip/mark", data=form | {"category": "vpn"}).status_code == 503
        assert "None." in client.get("/ip", params={"ip": IP}).text
    assert not (place.lists / FILE).exists()


def test_hostile_words_stay_words(place: Place) -> None:
    client, form = place.signed_in("admin", user=f"{SCRIPT}\u2028")
    with client:
        page = client.post("/ip/mark", data=form | {"category": "risky", "why": f"{SCRIPT}\r\n203.0.113.7,corporate"})
    assert page.status_code == 200
    assert SCRIPT not in page.text
    assert Places(PlacesSettings(lists_dir=str(place.lists))).locate("203.0.113.7").network.category == ""


def test_a_broken_file_of_marks_is_told_on_the_page(place: Place) -> None:
    place.lists.mkdir()
    (place.lists / FILE).write_text("cidr,category\nnonsense,vpn\n")
    client, form = place.signed_in("admin")
    with client:
        page = client.get("/ip", params={"ip": IP})
        assert (page.status_code, "line 2" in page.text) == (200, True)
        assert client.post("/ip/mark", data=form | {"category": "vpn"}).status_code == 400
    assert (place.lists / FILE).read_text() == "cidr,category\nnonsense,vpn\n"
