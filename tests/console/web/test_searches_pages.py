"""Searches that people keep: each their own, whatever they are called, and there again when the archive is not."""

import html
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.archive import searches
from console.archive.database import Database
from console.archive.follower import Follower
from console.archive.searches import Saved
from console.archive.tables import SCHEMA
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.searches_pages import target_of
from console.web.sessions import Sessions
from streams.errors import Refused
from streams.sections import Settings
from tests.console.web.served import browser, serving
from tests.console.web.stories import SCRIPT, told

SESSIONS = Sessions()
QUERY = "type=download&country.neq=PT&from=7d"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    with serving(make_app(database, Follower(Settings(), database), "-", sessions=SESSIONS)) as address:
        yield address
    database.close()


def signed_in(console: str, user: str, identity: str = "") -> tuple[httpx.Client, dict[str, str]]:
    client, made = browser(console), SESSIONS.begin(user, "viewer", identity)
    client.cookies.set(COOKIE, made, domain="127.0.0.1")
    session = SESSIONS.known(made)
    assert session is not None
    return client, {"csrf": session.csrf}


def test_a_search_is_kept_found_again_and_forgotten(console: str) -> None:
    client, csrf = signed_in(console, "mara")
    with client:
        page = client.post("/searches", data=csrf | {"name": f" {SCRIPT} ", "query": f"{QUERY}&after=x&columns=ip"})
        assert page.status_code == 200, page.text
        assert dict(page.url.params) == {"type": "download", "country.neq": "PT", "from": "7d"}
        assert SCRIPT not in page.text
        assert f'<a href="/activities?{html.escape(QUERY)}">{html.escape(SCRIPT)}</a>' in page.text
        assert f'value="{html.escape(QUERY)}"' in page.text, "what is shown is what would be kept"
        again = client.post("/searches", data=csrf | {"name": SCRIPT, "query": "type=login"})
        assert again.text.count(f'<option value="{html.escape(SCRIPT)}">') == 1, "one of the same name is replaced"
        page = client.post("/searches/forget", data=csrf | {"name": SCRIPT, "query": ""})
        assert (page.url.path, "none yet" in page.text) == ("/activities", True)


def test_everybody_has_their_own(console: str) -> None:
    people = [("mara", ""), ("mara", "https://idp.example 1"), ("mara", "https://idp.example 2"), ("jon", "")]
    for number, (user, identity) in enumerate(people):
        client, csrf = signed_in(console, user, identity)
        with client:
            page = client.post("/searches", data=csrf | {"name": f"mine {number}", "query": QUERY})
            assert [n for n in range(4) if f">mine {n}</a>" in page.text] == [number]
            client.post("/searches/forget", data=csrf | {"name": "mine 0", "query": ""})
    client, _ = signed_in(console, "jon")
    with client:
        assert ">mine 3</a>" in client.get("/activities").text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "", "query": QUERY}, "name of 1 to 80"),
        ({"name": "\n\u200b", "query": QUERY}, "name of 1 to 80"),
        ({"name": "x" * 81, "query": QUERY}, "name of 1 to 80"),
        ({"name": "a", "query": "countri=PT"}, "did you mean"),
        ({"name": "a", "query": "from=soon"}, "is no time"),
        ({"name": "a", "query": "path=" + "x" * 4_000}, "4,000"),
        ({"name": "a", "query": "&".join(f"path=/{n}" for n in range(101))}, "at most 100"),
    ],
)
def test_what_can_not_be_kept_is_told(console: str, form: dict[str, str], words: str) -> None:
    client, csrf = signed_in(console, "olga")
    with client:
        page = client.post("/searches", data=csrf | form)
        assert (page.status_code, words in page.text) == (400, True), page.text
        assert "none yet" in client.get("/activities").text


@pytest.mark.parametrize(
    "query", ["//evil.example", "https://evil.example/?type=login", "?next=//evil.example", "a\r\nb=c"]
)
def test_a_kept_search_leads_to_the_log_alone(query: str) -> None:
    target = target_of(query)
    assert target.partition("?")[0] == "/activities"
    assert target.isprintable()


def test_one_keeps_so_many(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.duckdb")
    for n in range(searches.MOST):
        searches.keep(database, "mara", Saved(f"{n}", ""))
    searches.keep(database, "mara", Saved("7", QUERY))
    searches.keep(database, "jon", Saved("another's", ""))
    with pytest.raises(Refused, match="forget one"):
        searches.keep(database, "mara", Saved("one more", ""))
    database.close()


def test_they_outlive_an_archive_that_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.duckdb"
    database = Database(path)
    searches.keep(database, "mara", Saved("mine", QUERY))
    database.close()
    monkeypatch.setattr("console.archive.database.SCHEMA", SCHEMA + 1)
    database = Database(path)
    assert searches.of(database, "mara") == [Saved("mine", QUERY)]
    assert list(tmp_path.glob("*.before-*")) != []
    database.change("DROP TABLE saved_searches")
    database.close()
    monkeypatch.setattr("console.archive.database.SCHEMA", SCHEMA + 2)
    database = Database(path)
    assert searches.of(database, "mara") == [], "one that knew nothing of them"
    database.close()
