"""Signing in with an OpenID provider, over HTTP with real keys: who gets in, as what; and all that must not."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from console.archive.database import Database
from console.archive.follower import Follower
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.oidc.begun import ANSWER_S, Begun
from console.web.oidc.pages import MOST_BEGUN
from console.web.oidc.provider import KEPT_S, NEW_KEYS_S, Provider
from console.web.sessions import GUESSES, Session, Sessions
from simulators.oidc.keys import SigningKey
from simulators.oidc.simulator import MARA, Behaviour, OidcSimulator
from streams.secret import Secret
from streams.section_oidc import OidcSettings
from streams.sections import Settings
from tests.console.archive.archives import filled
from tests.console.web.served import NO_TLS, browser, serving

SETTINGS = OidcSettings(
    client_id="console",
    client_secret=Secret("s3cret"),
    viewers="console-viewers, 7c1e-group",
    analysts="console-analysts",
    admins="console-admins",
    contact="the security desk",
    clock_skew_s=0,
)


class Scene:
    """A console and its provider, each at its address; `now`: the console's clock, s."""

    def __init__(self, database: Database, simulator: OidcSimulator) -> None:
        self.simulator, self.issuer, self.sessions, self.now = simulator, simulator.issuer, Sessions(), [0.0]
        self.provider = Provider(msgspec.structs.replace(SETTINGS, issuer=self.issuer), clock=lambda: self.now[0])
        self.app = make_app(
            database, Follower(Settings(), database), "the-token", sessions=self.sessions, provider=self.provider
        )
        self.console = ""
        self.clients: list[httpx.Client] = []

    def begin(self) -> None:
        """All as it is at first, and a day later: what was kept is too old, and nobody is slowed."""
        self.now[0] += 86_400
        self.simulator.does = Behaviour(redirect_uris={f"{self.console}/login/callback"})
        self.simulator.asked.clear()
        self.provider.settings = SETTINGS
        self.configure(issuer=self.issuer, console_url=self.console)

    def configure(self, **changes: Any) -> None:
        self.provider.settings = msgspec.structs.replace(self.provider.settings, **changes)

    def session(self, client: httpx.Client) -> Session | None:
        return self.sessions.known(client.cookies.get(COOKIE) or "")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = filled(tmp_path_factory.mktemp("console") / "a.duckdb", [])
    yield made
    made.close()


@pytest.fixture(scope="module")
def stage(database: Database) -> Iterator[Scene]:
    simulator = OidcSimulator()
    with serving(simulator.app) as issuer:
        simulator.issuer = issuer
        made = Scene(database, simulator)
        with serving(made.app) as console:
            made.console = console
            yield made


@pytest.fixture
def scene(stage: Scene) -> Iterator[Scene]:
    stage.begin()
    yield stage
    for client in stage.clients:
        client.close()


def sign_in(scene: Scene, following: str = "/") -> tuple[httpx.Client, httpx.Response]:
    client = browser(scene.console)
    scene.clients.append(client)
    return client, client.get("/login/provider", params={"next": following})


def test_somebody_signs_in_and_out(scene: Scene) -> None:
    client, page = sign_in(scene, "/findings?kind=alert&state=open")
    assert page.status_code == 200, page.text
    assert 'content="0; url=/findings?kind=alert&amp;state=open"' in page.text
    session = scene.session(client)
    assert session is not None
    assert (session.user, session.role) == ("mara@acme.example", "admin")
    assert session.identity == f"{scene.issuer} 5b1f"
    assert client.get("/findings").status_code == 200
    left = client.post("/logout", data={"csrf": session.csrf})
    assert (left.status_code, f"{scene.issuer}/logout?client_id=console" in left.text) == (200, True)
    assert scene.session(client) is None
    assert client.get("/api/status").status_code == 401


def test_the_cookies_are_out_of_reach(scene: Scene) -> None:
    scene.configure(console_url=scene.console.replace("http://", "https://"))
    with browser(scene.console) as client:
        asked = client.get("/login/provider", follow_redirects=False)
    cookie = asked.headers["set-cookie"].lower()
    for words in ("httponly", "samesite=lax", "secure", "path=/login/callback"):
        assert words in cookie
    question = parse_qs(urlsplit(asked.headers["location"]).query)
    assert question["code_challenge_method"] == ["S256"]
    assert question["redirect_uri"] == [f"{scene.provider.settings.console_url}/login/callback"]
    assert len(question["nonce"][0]) >= 43, "256 bits"


def test_behind_tls_the_sessions_cookie_is_for_tls_alone(scene: Scene) -> None:
    outside = scene.console.replace("http://", "https://")
    scene.configure(console_url=outside)
    scene.simulator.does.redirect_uris = {f"{outside}/login/callback"}
    with browser(scene.console) as client:
        asked = client.get("/login/provider", follow_redirects=False)
        back = httpx.get(asked.headers["location"], trust_env=False, verify=NO_TLS).headers["location"]
        kept = asked.headers["set-cookie"].partition(";")[0]
        answer = client.get(back.removeprefix(outside), headers={"Cookie": kept})
    cookies = [value.lower() for value in answer.headers.get_list("set-cookie") if value.startswith(f"{COOKIE}=")]
    assert (answer.status_code, len(cookies), "secure" in cookies[0]) == (200, 1, True)


def test_the_session_cookie_is_strict_and_new(scene: Scene) -> None:
    planted = scene.sessions.begin("mallory", "viewer")
    with browser(scene.console) as client:
        client.cookies.set(COOKIE, planted, domain="127.0.0.1")
        page = client.get("/login/provider")
    cookies = [value.lower() for value in page.headers.get_list("set-cookie") if value.startswith(f"{COOKIE}=")]
    assert len(cookies) == 1
    assert all(words in cookies[0] for words in ("httponly", "samesite=strict"))
    assert scene.sessions.known(planted) is None, "an id from before signing in has ended"


@pytest.mark.parametrize(
    ("claims", "settings", "role"),
    [
        ({"roles": ["console-admins", "console-viewers"]}, {}, "admin"),
        ({"roles": ["console-analysts", "other"]}, {}, "analyst"),
        ({"roles": "console-viewers"}, {}, "viewer"),
        ({"groups": ["7c1e-group"]}, {"roles_claim": "groups"}, "viewer"),
        ({"realm_access": {"roles": ["console-admins"]}}, {"roles_claim": "realm_access.roles"}, "admin"),
        ({"https://acme.example/roles": ["console-admins"]}, {"roles_claim": "https://acme.example/roles"}, "admin"),
        ({"roles": None}, {"viewers": "*"}, "viewer"),
    ],
)
def test_roles_come_from_a_claim(scene: Scene, claims: dict[str, Any], settings: dict[str, str], role: str) -> None:
    scene.configure(**settings)
    scene.simulator.does.user = {**MARA, "roles": None, **claims}
    client, _ = sign_in(scene)
    session = scene.session(client)
    assert session is not None
    assert session.role == role


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"roles": ["cooks"]}, "roles: cooks"),
        ({"roles": None}, "sends no roles"),
        ({"roles": None, "_claim_names": {"roles": "src1"}}, "too many groups"),
        ({"roles": {"console-admins": True}}, "sends no roles"),
        ({"roles": ["console-admins-of-nothing"]}, "console-admins-of-nothing"),
        ({"roles": ["<script>alert(1)</script>"]}, "&lt;script&gt;"),
        ({"roles": ["\ud800cooks"], "preferred_username": "\ud800"}, "roles: cooks"),
    ],
)
def test_who_has_no_role_is_told_whom_to_ask(scene: Scene, claims: dict[str, Any], words: str) -> None:
    scene.simulator.does.user = {**MARA, **claims}
    client, page = sign_in(scene)
    assert page.status_code == 403
    assert words in page.text
    assert "Ask the security desk" in page.text
    assert scene.session(client) is None


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another"}, "Audience"),
        ({"aud": ["console", "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"nbf": 99_999_999_999}, "not yet valid"),
        ({"iat": None}, "iat"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "\n"}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "\ud800"}, "sub"),
        ({"nonce": "\ud800"}, "nonce"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(scene: Scene, spoilt: dict[str, Any], words: str) -> None:
    scene.simulator.does.spoilt = spoilt
    client, page = sign_in(scene)
    assert (page.status_code, words in page.text) == (403, True), page.text
    assert scene.session(client) is None


def test_a_token_that_anybody_can_make_is_refused(scene: Scene) -> None:
    for algorithm in ("none", "HS256"):
        scene.simulator.does.forge = algorithm
        client, page = sign_in(scene)
        assert (page.status_code, "proves nothing" in page.text) == (403, True), algorithm
        assert scene.session(client) is None
    scene.simulator.does.forge, scene.simulator.does.stranger = None, SigningKey()
    client, page = sign_in(scene)
    assert (page.status_code, "Signature verification failed" in page.text) == (403, True)
    assert scene.session(client) is None


def test_rotated_keys_are_found_and_made_up_ones_are_not_asked_for_without_end(scene: Scene) -> None:
    asked = scene.simulator.asked
    assert sign_in(scene)[1].status_code == 200
    for algorithm in ("ES256", "PS256"):
        scene.simulator.rotate(algorithm)
        scene.now[0] += NEW_KEYS_S
        assert sign_in(scene)[1].status_code == 200, "the new key is looked for at once"
    assert asked["/jwks"] == 3
    scene.simulator.rotate()
    assert sign_in(scene)[1].status_code == 403
    assert sign_in(scene)[1].status_code == 403
    assert asked["/jwks"] == 3, "not twice within seconds"
    scene.now[0] += NEW_KEYS_S
    assert sign_in(scene)[1].status_code == 200
    assert asked["/.well-known/openid-configuration"] == 1
    scene.now[0] += KEPT_S
    assert sign_in(scene)[1].status_code == 200
    assert asked["/.well-known/openid-configuration"] == 2


def answer_of(scene: Scene, client: httpx.Client) -> str:
    """The address that the provider sends the browser back to."""
    asked = client.get("/login/provider", follow_redirects=False)
    return str(httpx.get(asked.headers["location"], trust_env=False, verify=NO_TLS).headers["location"])


def test_an_answer_is_taken_once_and_in_its_own_browser_alone(scene: Scene) -> None:
    with browser(scene.console) as victim, browser(scene.console) as thief:
        stolen = answer_of(scene, victim)
        assert thief.get(stolen).status_code == 403
        assert scene.session(thief) is None
        assert victim.get(stolen).status_code == 403, "it is used up"
        mine = answer_of(scene, victim)
        assert victim.head(mine).status_code == 204, "a look does not use it up"
        assert victim.get(mine).status_code == 200
        again = victim.get(mine)
        assert (again.status_code, "begin again" in again.text) == (403, True)


def test_two_tabs_sign_in_side_by_side(scene: Scene) -> None:
    with browser(scene.console) as client:
        first, second = answer_of(scene, client), answer_of(scene, client)
        assert client.get(second).status_code == 200
        assert client.get(first).status_code == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [({"state": "x"}, "begin again"), ({"iss": "https://evil.example"}, "iss"), ({"code": ""}, "no code"),
     ({"code": "guessed"}, "unknown code")],
)  # fmt: skip
def test_an_answer_that_was_changed_is_refused(scene: Scene, change: dict[str, str], words: str) -> None:
    with browser(scene.console) as client:
        parts = urlsplit(answer_of(scene, client))
        given = {name: values[0] for name, values in parse_qs(parts.query).items()} | change
        page = client.get(parts.path, params=given)
    assert (page.status_code, words in page.text) == (403, True), page.text


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example", "/\\evil.example", "/a\nb"])
def test_signing_in_leads_nowhere_else(scene: Scene, elsewhere: str) -> None:
    _, page = sign_in(scene, elsewhere)
    assert 'content="0; url=/"' in page.text
    assert "evil" not in page.text


def test_the_provider_may_refuse_be_away_or_be_another(scene: Scene) -> None:
    scene.simulator.does.refusal = "access_denied"
    _, page = sign_in(scene)
    assert (page.status_code, "access_denied &lt;b&gt;as asked" in page.text) == (403, True)
    scene.simulator.does.refusal = ""
    scene.simulator.does.client_secret = "changed"  # noqa: S105
    _, page = sign_in(scene)
    assert (page.status_code, "invalid_client" in page.text) == (403, True)
    scene.provider._metadata = None
    scene.simulator.does.away = True
    _, page = sign_in(scene)
    assert (page.status_code, "has trouble" in page.text) == (503, True)
    scene.simulator.does.away = False
    scene.simulator.does.calls_itself = "https://evil.example"
    _, page = sign_in(scene)
    assert (page.status_code, "calls itself https://evil.example" in page.text) == (503, True)
    scene.configure(issuer="http://127.0.0.1:9")
    _, page = sign_in(scene)
    assert (page.status_code, "did not answer" in page.text) == (503, True)


@pytest.mark.parametrize(("methods", "secret"), [(("client_secret_basic",), "s3cret"), (("none",), "")])
def test_clients_prove_themselves_as_the_provider_wants(scene: Scene, methods: tuple[str, ...], secret: str) -> None:
    scene.simulator.does.methods, scene.simulator.does.client_secret = methods, secret
    scene.configure(client_secret=Secret(secret))
    assert sign_in(scene)[1].status_code == 200


def test_attempts_are_slowed(scene: Scene) -> None:
    with browser(scene.console) as client:
        for _ in range(GUESSES):
            assert client.get("/login/callback", params={"state": "guessed"}).status_code == 403
        slowed = client.get("/login/callback", params={"state": "guessed"})
        assert (slowed.status_code, int(slowed.headers["retry-after"]) <= 60) == (429, True)
        asked = [client.get("/login/provider", follow_redirects=False).status_code for _ in range(MOST_BEGUN + 1)]
    assert asked == [303] * MOST_BEGUN + [429]


def test_the_token_still_opens_it_and_the_page_offers_both(scene: Scene) -> None:
    with browser(scene.console) as client:
        page = client.get("/", headers={"Accept": "text/html"})
        assert f"Sign in with {urlsplit(scene.issuer).netloc}" in page.text
        assert client.post("/login", data={"token": "the-token"}, follow_redirects=False).status_code == 303


def test_a_sign_in_waits_ten_minutes() -> None:
    now = [0.0]
    begun = Begun(lambda: now[0])
    first, second = begun.begin("/"), begun.begin("/")
    now[0] = ANSWER_S
    assert begun.answered(first.state, first.browser) == first
    now[0] = ANSWER_S + 1
    assert begun.answered(second.state, second.browser) is None
