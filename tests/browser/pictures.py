"""`make screenshots`: every page of the console over some weeks of an organisation, as pictures for the documentation.

In the organisation all kinds of attacks of the labelled scenario happen. The weeks end now, so the pictures change.
"""

import io
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from connectors.egnyte.standing import Report
from console.archive.database import Database
from console.archive.follower import Follower
from console.commands.policies import rows_of
from console.web.app import make_app
from console.web.guard import COOKIE
from console.web.outside import Outside
from console.web.sessions import Sessions
from schemas.governance import GovernanceRecord
from streams.sections import Settings
from tests.browser.conftest import ADVICE, NAMES, QUIET
from tests.browser.world import reports, weeks
from tests.console.web.served import serving

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "docs" / "pictures"
WIDTH: Final = 1180
HIGHEST: Final = 900
PHONE: Final = (390, 780)
MOST_BYTES: Final = 150_000
COLOURS: Final = 255
DARK: Final = ("finding", "overview")
PHONES: Final = ("finding", "overview")


async def _asked(_: Sequence[GovernanceRecord]) -> None:
    """Nobody is there to act."""


async def _connectors() -> list[Report]:
    return reports(time.time_ns() // 1_000_000)


def paths(database: Database) -> dict[str, str]:
    """Each page that is pictured, by the picture's name."""
    read = database.read
    ((uid, user),) = read(
        "SELECT uid, user_key FROM findings WHERE policy = 'impossible_travel' AND suppressed = '' AND open "
        "ORDER BY time_ms DESC LIMIT 1"
    )
    ((ip, partition, position),) = read(
        "SELECT ip, partition, position FROM activities WHERE user_key = ? AND ip <> '' ORDER BY time_ms DESC LIMIT 1",
        (user,),
    )
    ((action,),) = read("SELECT uid FROM governance WHERE body LIKE '%suspend_user%' ORDER BY time_ms DESC LIMIT 1")
    return {
        "overview": "/",
        "findings": "/findings",
        "finding": f"/findings/{uid}",
        "activities": "/activities?type=download",
        "activity": f"/activity/{partition}/{position}",
        "user": f"/user?key={quote(user)}",
        "address": f"/ip?ip={ip}",
        "policies": "/policies",
        "connectors": "/connectors",
        "governance": "/governance",
        "action": f"/governance/{action}",
    }


def main() -> int:
    """Write them all; returns 1 where there is no browser, or a picture is too large."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        print(ADVICE, file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    sessions = Sessions()
    outside = Outside(ask=_asked, connectors=_connectors, policies=lambda: rows_of(ROOT / "policies", directory=True))
    with tempfile.TemporaryDirectory(prefix="egnyte-watch-pictures-") as folder:
        database = weeks(Path(folder) / "world").into(Path(folder) / "archive.duckdb")
        follower = Follower(Settings(), database)
        follower.behind = 0
        app = make_app(database, follower, "-", ("example.com",), sessions=sessions, outside=outside)
        with serving(app) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, "--disable-lcd-text"])
            found = paths(database)
            page = _page(browser, url, sessions, WIDTH, HIGHEST, "light")
            for name, path in found.items():
                _taken(page, url + path, name)
            page = _page(browser, url, sessions, WIDTH, HIGHEST, "dark")
            for name in DARK:
                _taken(page, url + found[name], f"{name}-dark")
            page = _page(browser, url, sessions, *PHONE, "light")
            for name in PHONES:
                _taken(page, url + found[name], f"{name}-phone")
            browser.close()
        database.close()
    large = [each.name for each in PICTURES.glob("*.png") if each.stat().st_size > MOST_BYTES]
    print(f"{len(list(PICTURES.glob('*.png')))} pictures in {PICTURES}" + (f"; too large: {large}" if large else ""))
    return 1 if large else 0


def _page(browser: Browser, url: str, sessions: Sessions, width: int, height: int, scheme: str) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.add_cookies([{"name": COOKIE, "value": sessions.begin("mara", "admin"), "url": url}])
    return context.new_page()


def _taken(page: Page, address: str, name: str) -> None:
    """The top of the page, no more of it than there is."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.ok, f"{address}: {answer.status}"
    size = page.viewport_size
    assert size is not None
    height = min(page.evaluate("document.documentElement.scrollHeight"), size["height"])
    clip = {"x": 0.0, "y": 0.0, "width": float(size["width"]), "height": float(height)}
    taken = page.screenshot(clip=clip)  # type: ignore[arg-type]
    drawn = Image.open(io.BytesIO(taken)).convert("RGB")
    drawn.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        PICTURES / f"{name}.png", optimize=True
    )


if __name__ == "__main__":
    sys.exit(main())
