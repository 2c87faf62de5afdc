"""Every page in light, dark and on a phone: nothing serious for axe-core, nothing to be pushed about sideways."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.stage import ADDRESS, Stage
from tests.browser.watched import Watched

PAGES: Final = (
    "overview", "findings", "finding", "hostile finding", "activities", "activity", "user", "normal", "address",
    "policies", "policy", "connectors", "governance", "action", "nowhere", "login",
)  # fmt: skip
GRAVE: Final = ("serious", "critical")
PHONE: Final = 390


@pytest.fixture(scope="module")
def paths(request: pytest.FixtureRequest) -> dict[str, str]:
    """Filled when first asked for."""
    return {}


def path_of(name: str, page: Page, stage: Stage, paths: dict[str, str]) -> str:
    """Where the page `name` is."""
    if not paths:
        paths.update(
            {each: f"/{each}" for each in PAGES}
            | {
                "overview": "/",
                "user": f"/user?key=acme/{quote(stage.victim)}",
                "normal": f"/user/normal?key=acme/{quote(stage.victim)}",
                "policy": "/policies/impossible_travel",
                "finding": first(page, "/findings?policy=impossible_travel&kind=alert", "/findings/"),
                "hostile finding": first(page, f"/findings?user={quote(ADDRESS)}", "/findings/"),
                "activity": first(page, "/activities?path.contains=locky", "/activity/"),
                "address": first(page, "/activities?from=20d&country.is_set=true", "/ip?"),
                "action": first(page, "/governance", "/governance/"),
            }
        )
    return paths[name]


def first(page: Page, path: str, leading: str) -> str:
    page.goto(path)
    found = page.locator(f'main a[href^="{leading}"]').first.get_attribute("href")
    assert found is not None
    return found


def told(violations: list[Mapping[str, Any]]) -> list[str]:
    return [
        f"{each['impact']} {each['id']}: {each['help']}: {[node['html'] for node in each['nodes']][:3]}"
        for each in violations
        if each["impact"] in GRAVE
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(
    watched: Watched, stage: Stage, paths: dict[str, str], name: str, scheme: str
) -> None:
    page = watched.page(color_scheme=scheme)
    path = path_of(name, page, stage, paths)
    if name == "login":
        page.context.clear_cookies()
    page.goto(path)
    found = Axe().run(page)
    assert len(found.response["passes"]) > 10, "it has looked"
    assert told(found.response["violations"]) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_it_without_scrolling_sideways(
    watched: Watched, stage: Stage, paths: dict[str, str], name: str
) -> None:
    page = watched.page(width=PHONE, height=844, is_mobile=True, has_touch=True)
    path = path_of(name, page, stage, paths)
    if name == "login":
        page.context.clear_cookies()
    page.goto(path)
    shown, there = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert (shown, there) == (PHONE, PHONE)
