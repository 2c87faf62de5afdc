"""Signing in with an OpenID provider, in Chromium: from one site to the other and back, with cookies for one alone."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from console.archive.database import Database
from console.archive.follower import Follower
from console.web.app import make_app
from console.web.oidc.provider import Provider
from simulators.oidc.simulator import Behaviour, OidcSimulator
from streams.secret import Secret
from streams.section_oidc import OidcSettings
from streams.sections import Settings
from tests.console.web.served import serving
from tests.console.web.stories import RAISED, told


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = told(tmp_path_factory.mktemp("console") / "a.duckdb")
    yield made
    made.close()


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of somebody who was never here."""
    context = browser.new_context()
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def console(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    simulator = OidcSimulator()
    with serving(simulator.app) as there:
        simulator.issuer = there.replace("127.0.0.1", "localhost")  # another site, as a provider is
        settings = OidcSettings(
            issuer=simulator.issuer, client_id="console", client_secret=Secret("s3cret"), admins="console-admins"
        )
        provider = Provider(settings)
        with serving(make_app(database, Follower(Settings(), database), "-", provider=provider)) as here:
            provider.settings = OidcSettings(
                issuer=simulator.issuer, client_id="console", client_secret=Secret("s3cret"), admins="console-admins",
                console_url=here,
            )  # fmt: skip
            simulator.does = Behaviour(redirect_uris={f"{here}/login/callback"}, asks=True)
            yield here


def test_the_page_that_was_asked_for_opens_after_signing_in(console: str, person: BrowserContext) -> None:
    page = person.new_page()
    page.goto(f"{console}/findings/{RAISED.finding_info.uid}")
    page.get_by_role("link", name="Sign in with localhost").click()
    page.get_by_role("link", name="Yes, it is me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(RAISED.finding_info.title)
    assert urlsplit(page.url).path == f"/findings/{RAISED.finding_info.uid}"
    expect(page.get_by_text("mara@acme.example (admin)")).to_be_visible()
    page.reload()
    expect(page.get_by_text("mara@acme.example (admin)")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign out of localhost").click()
    expect(page.get_by_role("link", name="Sign in with localhost")).to_be_visible()
    page.goto(f"{console}/findings")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_link_from_elsewhere_brings_no_session(console: str, person: BrowserContext, tmp_path: Path) -> None:
    page = person.new_page()
    page.goto(f"{console}/login/provider")
    page.get_by_role("link", name="Yes, it is me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    other = person.new_page()
    (tmp_path / "elsewhere.html").write_text(f'<iframe src="{console}/"></iframe><a href="{console}/">go</a>')
    other.goto(f"file://{tmp_path}/elsewhere.html")
    assert other.frames[1].get_by_text("Sign in").count() == 0, "nobody frames it, not even the page to sign in"
    other.get_by_text("go").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
