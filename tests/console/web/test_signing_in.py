"""Signing in: links that work once, sessions that end, guesses that are slowed, posts that were meant."""

from collections.abc import Iterator

import httpx
import pytest

from console.archive.follower import Follower
from console.web.app import make_app
from console.web.guard import COOKIE, OPEN, OWN, role_for
from console.web.sessions import GUESSES, GUESSES_S, IDLE_S, LINK_S, LONGEST_S, Guesses, Role, Sessions
from streams.sections import Settings
from tests.console.archive.archives import filled
from tests.console.web.served import browser, serving

TOKEN = "a-token-of-this-test"  # noqa: S105
SESSIONS = Sessions()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = filled(tmp_path_factory.mktemp("console") / "a.duckdb", [])
    with serving(make_app(database, Follower(Settings(), database), TOKEN, sessions=SESSIONS)) as address:
        yield address
    database.close()


def signed_in(console: str, role: Role) -> httpx.Client:
    client = browser(console)
    client.cookies.set(COOKIE, SESSIONS.begin("somebody", role), domain="127.0.0.1")
    return client


def test_a_link_works_once_and_its_cookie_is_out_of_reach(console: str) -> None:
    link = f"/login?token={SESSIONS.link('owner', 'admin')}"
    with browser(console) as first:
        assert first.head(link).status_code == 200, "a look does not use it up"
        answer = first.get(link, follow_redirects=False)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert first.get("/api/status").status_code == 200
    with browser(console) as second:
        refused = second.get(link)
        assert (refused.status_code, "was used" in refused.text) == (403, True)
        assert second.get("/api/status").status_code == 401


def test_the_token_signs_in_and_a_session_ends(console: str) -> None:
    with browser(console) as client:
        assert client.post("/login", data={"token": TOKEN}, follow_redirects=False).status_code == 303
        session = SESSIONS.known(client.cookies[COOKIE])
        assert session is not None
        assert client.post("/logout", data={"csrf": "guessed"}).status_code == 403
        old = client.cookies[COOKIE]
        assert client.post("/logout", data={"csrf": session.csrf}).status_code == 200
        assert SESSIONS.known(old) is None


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example", "/\\evil.example", "/a\nb"])
def test_signing_in_leads_nowhere_else(console: str, elsewhere: str) -> None:
    link = SESSIONS.link("owner", "admin")
    with browser(console) as client:
        answer = client.get("/login", params={"token": link, "next": elsewhere}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_each_answer_bears_the_headers(console: str) -> None:
    with browser(console) as client:
        for path in ("/login", "/nowhere", "/api/status", "/assets/console.js"):
            headers = client.get(path, follow_redirects=False).headers
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert "unsafe" not in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert "referrer-policy" in headers


def test_roles_on_every_route(console: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    database = filled(tmp_path_factory.mktemp("other") / "b.duckdb", [])
    guard = make_app(database, Follower(Settings(), database), TOKEN)
    paths = [route.path for route in guard._app.routes]
    with signed_in(console, "viewer") as viewer:
        for path in paths:
            if path == "/events":
                continue  # it never ends
            assert viewer.get(path).status_code in (200, 204, 400, 404, 405), path
            if path != "/login":  # that refuses for reasons of its own
                refused = viewer.post(path).status_code
                assert (refused == 403) == (path not in OPEN), (path, refused)
    assert [role_for("POST", path) for path in paths if path not in OPEN | OWN].count("viewer") == 0
    database.close()


def test_a_post_from_elsewhere_or_too_large_is_refused(console: str) -> None:
    with signed_in(console, "admin") as client:
        session = SESSIONS.known(client.cookies[COOKIE])
        assert session is not None
        data = {"csrf": session.csrf}
        assert client.post("/logout", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert client.post("/logout", data=data | {"more": "x" * 70_000}).status_code == 413
        assert client.get("/api/status").status_code == 200, "still signed in"


def test_guesses_are_slowed_even_right_ones(console: str) -> None:
    with browser(console) as client:
        for _ in range(GUESSES + 1):
            answer = client.post("/login", data={"token": "wrong"})
            if answer.status_code == 429:
                break
        assert int(answer.headers["retry-after"]) <= GUESSES_S
        assert client.post("/login", data={"token": TOKEN}).status_code == 429


def test_sessions_and_links_end() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    late, idle, worked = sessions.link("a", "admin"), sessions.begin("b", "viewer"), sessions.begin("c", "analyst")
    now[0] = LINK_S + 1
    assert sessions.redeem(late) is None
    for _ in range(100):
        now[0] += IDLE_S / 2
        if sessions.known(worked) is None:
            break
    assert LONGEST_S < now[0] <= LONGEST_S + IDLE_S
    assert sessions.known(idle) is None


def test_guesses_are_forgotten() -> None:
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for _ in range(GUESSES):
        assert guesses.wait_s("a") == 0
        guesses.wrong("a")
    assert guesses.wait_s("a") == GUESSES_S
    assert guesses.wait_s("b") == 0
    now[0] = GUESSES_S
    assert guesses.wait_s("a") == 0
