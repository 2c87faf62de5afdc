"""docs/connect.md shows what the commands print today."""

from tests.console.connect_page import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.console.connect_page`"
