"""Every page for everybody: headings, landmarks, labels, headers of tables, contrast; nothing from elsewhere, nothing
inline."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise

import httpx
import pytest

from agents.governing.requests import asked_by
from console.archive import rows
from console.archive.follower import Follower
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.rendering import HERE
from console.web.sessions import Sessions
from schemas import governance
from streams.sections import Settings
from tests.console.archive.archives import Kept
from tests.console.web.served import browser, serving
from tests.console.web.stories import FORMULA, RAISED, WHO, told

ASKED = asked_by("mara", "suspend_user", FORMULA, "acme", 1_764_133_200_000)
PAGES = (
    "/", "/findings", f"/findings/{RAISED.finding_info.uid}", "/activities?from=2025-11-26&until=2025-11-27",
    "/activity/0/3", f"/user?key={WHO}", "/ip?ip=198.51.100.7", "/policies", "/connectors", "/governance",
    f"/governance/{ASKED.uid}", "/nowhere",
)  # fmt: skip
NAMES = [path.partition("?")[0].split("/")[1] or "overview" for path in PAGES]
"""The same in every process that collects these tests; a request's uid is not."""
TEXT_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3."""


class Outline(HTMLParser):
    """What a screen reader goes by."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.unnamed: list[str] = []
        self._labels = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self._labels += tag == "label"
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden" and not self._labels:
            self.unnamed.append(f"{tag} {given}")

    def handle_endtag(self, tag: str) -> None:
        self._labels -= tag == "label"

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [given for tag, given in self.tags if tag == name]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    database = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    record = Kept("t.governance", 0, 0, ASKED.at_ms, ASKED.uid.encode(), governance.encode(ASKED))
    database.store({"governance": [rows.governance([record]).table]}, {("t.governance", 0): 1})
    sessions = Sessions()
    app = make_app(database, Follower(Settings(), database), "-", sessions=sessions)
    with serving(app) as address, browser(address) as client:
        client.cookies.set(COOKIE, sessions.begin("mara", "admin"), domain="127.0.0.1")
        yield client
    database.close()


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_a_page_can_be_heard_and_walked_by_keyboard(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (200, 404), answer.text
    outline = Outline(answer.text)
    assert outline.all("html") == [{"lang": "en"}]
    assert [len(outline.all(name)) for name in ("h1", "main", "header", "title")] == [1, 1, 1, 1]
    assert len(outline.all("nav")) == 1
    assert all("aria-label" in given for given in outline.all("nav"))
    assert outline.all("a")[0] == {"class": "skip", "href": "#content"}
    assert outline.unnamed == []
    assert len(outline.all("table")) == len(outline.all("caption"))
    assert all("scope" in given for given in outline.all("th"))
    assert all(given.get("role") == "img" and given.get("aria-label") for given in outline.all("svg"))
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    identities = [given["id"] for _, given in outline.tags if "id" in given]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_a_page_needs_nothing_from_elsewhere_and_nothing_inline(client: httpx.Client, path: str) -> None:
    outline = Outline(client.get(path).text)
    for tag, given in outline.tags:
        assert not [name for name in given if name == "style" or name.startswith("on")], (tag, given)
        for name in ("src", "href", "action"):
            target = given.get(name) or "/"
            assert target.startswith(("/", "#")), (tag, given)
            assert not target.startswith("//"), (tag, given)
    assert [given.get("src") for given in outline.all("script")] == ["/assets/console.js"]
    assert outline.all("style") == []


@pytest.mark.parametrize("path", ["/assets/console.css", "/assets/console.js", "/assets/icon.svg", "/assets/land.svg"])
def test_what_pages_are_made_of_comes_from_here(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")


def luminance(colour: str) -> float:
    """Relative, of WCAG 2.2."""
    digits = colour.lstrip("#")
    digits = "".join(each * 2 for each in digits) if len(digits) == 3 else digits
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(theme: int) -> None:
    css = (HERE / "assets" / "console.css").read_text()
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]+)", block))
    for ground in ("ground", "panel", "sea"):
        for ink in ("ink", "quiet", "link", "critical", "high", "medium", "low"):
            light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= TEXT_CONTRAST, (ink, ground)
