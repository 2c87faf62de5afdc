"""A worker's lists from URLs: a failure is told once, and its end as well."""

from pathlib import Path
from typing import Any

import pytest

from agents import fetch_lists
from agents.fetch_lists import look
from connectors.places import PlacesError
from connectors.places.fetched import Fetch, FetchedLists


class Scripted(FetchedLists):
    def __init__(self, results: list[Any]) -> None:
        super().__init__(Path())
        self.results = results

    def refresh(self, now_ms: int, *, due_only: bool = True) -> dict[str, Fetch]:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return {"tor": Fetch("https://a.example/", error=result)}


async def test_what_fails_is_told_once_for_each_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(fetch_lists.log, "error", lambda what, **facts: said.append((facts["list"], facts["reason"])))
    broken = PlacesError("sources.toml", "is no TOML", "Mend it.")
    script = ["503", "503", "", "503", broken, broken, PermissionError("read-only"), ""]
    lists, told = Scripted([*script]), dict[str, str]()
    for _ in script:
        await look(lists, told)
    assert said == [
        ("tor", "503"), ("tor", "503"), ("", "sources.toml: is no TOML. Mend it."), ("", "read-only"),
    ]  # fmt: skip
