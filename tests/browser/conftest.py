"""Chromium, and what it looks at."""

import os
import secrets
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from tests.browser.stage import Stage
from tests.browser.watched import Watched

REQUIRED: Final = "EGNYTE_WATCH_REQUIRE_BROWSER"
"""Set where these tests must run: without a browser they fail then, and are left out otherwise."""
expect.set_options(timeout=15_000)
NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ADVICE: Final = (
    "no Chromium is on PATH: `sudo apt-get install chromium` on Debian and Ubuntu, `brew install --cask chromium` on "
    "macOS, or put any Chrome on PATH as `chromium`"
)
QUIET: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
"""No sandbox, for continuous integration runs as root; the rest keeps it from asking anything of the internet."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        (pytest.fail if os.environ.get(REQUIRED) == "1" else pytest.skip)(ADVICE)
    return found


@pytest.fixture(scope="session")
def stage(chromium: str, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All that runs, once for all tests of these files."""
    with Stage(kafka, f"t{secrets.token_hex(3)}", tmp_path_factory.mktemp("stage")).up() as made:
        yield made


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One for each file of tests: Playwright's loop must not run on beneath other tests' own."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=QUIET)


@pytest.fixture(scope="session")
def signed_in() -> list[StorageState]:
    """Where the session is kept that the printed link has opened: it works only once."""
    return []


@pytest.fixture
def watched(browser: Browser, stage: Stage, signed_in: list[StorageState]) -> Iterator[Watched]:
    """Somebody who is signed in, before a browser in which nothing may go wrong unseen."""
    if not signed_in:
        first = browser.new_context()
        first.new_page().goto(stage.link)
        signed_in.append(first.storage_state())
        first.close()
    here = Watched(browser, stage.url, signed_in[0])
    yield here
    here.close()


@pytest.fixture
def page(watched: Watched) -> Page:
    """A page of a desktop's size."""
    return watched.page()
