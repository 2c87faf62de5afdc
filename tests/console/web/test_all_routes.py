"""Every route there is, with every method: who may, and who may not. A route that is not named here fails."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from console.archive.follower import Follower
from console.marking import Marking
from console.web.app import make_app
from console.web.guard import COOKIE, OPEN
from console.web.oidc.provider import Provider
from console.web.outside import Outside
from console.web.sessions import ROLES, Role, Sessions
from streams.section_oidc import OidcSettings
from streams.sections import Settings
from tests.console.archive.archives import filled
from tests.console.web.served import browser, serving

OIDC = OidcSettings(issuer="http://127.0.0.1:9", client_id="c", console_url="http://127.0.0.1:9", admins="a")
READ = frozenset({
    "/", "/activities", "/activity", "/activity/{partition:int}/{position:int}", "/api/activities",
    "/api/activities/count", "/api/activities/export", "/api/activities/lines", "/api/status", "/connectors", "/events",
    "/findings", "/findings/{uid}", "/governance", "/governance/{uid}", "/ip", "/policies", "/policies/{id}", "/user",
    "/user/normal",
})  # fmt: skip
"""For everybody with a session, or the token."""
POSTED: dict[str, Role] = {
    "/logout": "viewer",
    "/searches": "viewer",
    "/searches/forget": "viewer",
    "/findings/{uid}/verdict": "analyst",
    "/governance/ask": "admin",
    "/governance/{uid}/ask": "admin",
    "/ip/mark": "admin",
}
"""The least role for each."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Stage:
    def __init__(self, address: str, sessions: Sessions, routes: list[Any]) -> None:
        self.address, self.sessions, self.routes = address, sessions, routes

    def client(self, role: Role | None) -> tuple[httpx.Client, dict[str, str]]:
        client = browser(self.address)
        client.follow_redirects = False
        if role is None:
            return client, {}
        identity = self.sessions.begin("somebody", role)
        client.cookies.set(COOKIE, identity, domain="127.0.0.1")
        session = self.sessions.known(identity)
        assert session is not None
        return client, {"csrf": session.csrf}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("console")
    database, sessions = filled(folder / "a.duckdb", []), Sessions()

    async def never(_: object) -> Any:
        raise AssertionError("nothing may be published here")

    guard = make_app(
        database,
        Follower(Settings(), database),
        "-",
        sessions=sessions,
        outside=Outside(marking=Marking(folder / "lists", never)),
        provider=Provider(OIDC),
    )
    with serving(guard) as address:
        yield Stage(address, sessions, guard._app.routes)
    database.close()


def filled_in(path: str) -> str:
    return re.sub(r"\{\w+(:int)?\}", "7", path)


def test_every_route_is_known_here(stage: Stage) -> None:
    given = {(route.path, method) for route in stage.routes for method in route.methods - {"HEAD"}}
    known = {(path, "GET") for path in READ | OPEN} | {(path, "POST") for path in {*POSTED, "/login"}}
    assert given == known


def test_nobody_is_in_without_a_session_whatever_the_method(stage: Stage) -> None:
    client, _ = stage.client(None)
    with client:
        for path in sorted({*READ, *POSTED, "/nowhere", "/ip/", "//ip", "/IP", "/login/", "/login/other", "/assets/"}):
            for method in METHODS:
                answer = client.request(method, filled_in(path))
                to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
                assert answer.status_code == 401 or (to_login and method in ("GET", "HEAD")), (method, path, answer)
                assert "somebody" not in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_roles_look_at_all_and_change_what_is_theirs_to_change(stage: Stage, role: Role) -> None:
    client, csrf = stage.client(role)
    with client:
        for path in sorted(READ - {"/events"}):  # that one never ends
            assert client.get(filled_in(path)).status_code in (200, 303, 400, 404), path
        for path, least in POSTED.items():
            if path == "/logout":
                continue
            allowed = ROLES.index(role) >= ROLES.index(least)
            assert (client.post(filled_in(path), data=csrf).status_code == 403) == (not allowed), path
            refused = client.post(filled_in(path), data={"csrf": "guessed"})
            assert refused.status_code == 403, (path, "without the session's own token nobody may")
        for path in (*READ, "/nowhere", "/ip/mark", "/governance/7"):
            for method in ("PUT", "PATCH", "DELETE"):
                assert client.request(method, filled_in(path), data=csrf).status_code in (403, 404, 405), (method, path)


def test_a_viewer_cannot_judge_and_an_analyst_cannot_act(stage: Stage) -> None:
    for role, path in (("viewer", "/findings/7/verdict"), ("analyst", "/governance/7/ask"), ("analyst", "/ip/mark")):
        client, csrf = stage.client(role)  # type: ignore[arg-type]
        with client:
            page = client.post(path, data=csrf)
        assert (page.status_code, f"Your role, {role}, may not do this" in page.text) == (403, True)


def test_what_is_typed_after_the_session_ended_is_not_done_and_that_is_told(stage: Stage) -> None:
    client, csrf = stage.client("admin")
    with client:
        stage.sessions.end(client.cookies[COOKIE])
        page = client.post("/ip/mark", data=csrf)
    assert (page.status_code, "Your session has ended" in page.text) == (401, True)


def test_a_form_of_another_tabs_older_session_is_told(stage: Stage) -> None:
    older, newer = stage.client("admin"), stage.client("admin")
    with older[0], newer[0] as client:
        page = client.post("/ip/mark", data=older[1])
    assert (page.status_code, "of another session" in page.text) == (403, True)
