"""A browser in which nothing may go wrong unseen: dialogs, errors of scripts, violations of the content policy."""

import time
from collections.abc import Callable
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, StorageState
from playwright.sync_api import Error as BrowserError

WITHIN_S: Final = 60
"""For what a worker does in a second on a quiet machine."""
PAGE_S: Final = 15
"""For what the console alone does."""
EXPECTED: Final = ("the server responded with a status of 40", "net::ERR_ABORTED")
"""What Chromium calls an error where a page was asked for that is not there, or was left."""


class Watched:
    """Opens pages at `url` as somebody who is signed in; `close` raises AssertionError where something went wrong."""

    def __init__(self, browser: Browser, url: str, state: StorageState) -> None:
        self._browser, self._url, self._state = browser, url, state
        self._contexts: list[BrowserContext] = []
        self.wrong: list[str] = []

    def page(self, *, width: int = 1280, height: int = 900, **options: Any) -> Page:
        """A new page; `options` are those of Playwright's contexts, such as `color_scheme`."""
        context = self._browser.new_context(
            base_url=self._url, storage_state=self._state, viewport={"width": width, "height": height}, **options
        )
        context.set_default_timeout(PAGE_S * 1000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("dialog", self._dialog)
        page.on("console", self._console)
        page.on("pageerror", self._error)
        return page

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(each in message.text for each in EXPECTED):
            self.wrong.append(f"{message.type}: {message.text}")

    def _error(self, error: BrowserError) -> None:
        self.wrong.append(f"a script failed: {error}")

    def close(self) -> None:
        """Ends all pages."""
        for context in self._contexts:
            context.close()
        assert self.wrong == []


def reloaded(page: Page, condition: Callable[[Page], bool], what: str) -> None:
    """Reloads `page` until `condition` holds. Raises TimeoutError that says `what` did not come."""
    deadline = time.monotonic() + WITHIN_S
    while not condition(page):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {WITHIN_S} s: {what}")
        page.wait_for_timeout(200)
        page.reload()
