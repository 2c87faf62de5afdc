"""What runs beside the agents ends with the worker, and never before."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents import keep_going, worker
from streams.sections import PlacesSettings, Settings


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was told of failures; nobody waits in between."""
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(keep_going, "PAUSE_S", 0)
    for level in ("exception", "warning"):
        monkeypatch.setattr(
            keep_going.log, level, lambda what, level=level, **facts: said.append({level: what, **facts})
        )
    return said


async def test_a_loop_begins_again_and_says_why(said: list[dict[str, Any]]) -> None:
    left = [KeyError("cidr"), KeyError("cidr"), AssertionError(), asyncio.CancelledError()]

    async def loop() -> None:
        raise left.pop(0)

    with pytest.raises(asyncio.CancelledError):
        await keep_going.keep_going("refresh places", loop)
    assert left == []
    assert [(each["task"], each["reason"]) for each in said] == [
        ("refresh places", "KeyError: 'cidr'"),
        ("refresh places", "KeyError: 'cidr'"),
        ("refresh places", "AssertionError: "),
    ]
    assert ["exception" in each for each in said] == [True, False, True]  # a traceback, where it says something new


def test_all_of_a_workers_side_tasks_are_kept_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[dict[str, Any]]
) -> None:
    begun: dict[str, int] = {}
    again = asyncio.Event()

    def failing(name: str) -> Callable[..., Any]:
        async def loop(*given: Any) -> None:
            begun[name] = begun.get(name, 0) + 1
            if begun[name] == 1:
                raise RuntimeError(name)
            if len(begun) == 4 and min(begun.values()) == 2:
                again.set()
            await asyncio.Event().wait()

        return loop

    def host(build: Callable[[], Sequence[Any]], stop_within_ms: int, beside: Sequence[Any]) -> int:
        async def serve() -> int:
            build()
            await asyncio.wait_for(again.wait(), 10)
            return 0

        return asyncio.run(serve())

    loops = ("_refresh", "keep_fetched", "keep_current", "tell_rejections")
    for name in loops:
        monkeypatch.setattr(worker, name, failing(name))
    monkeypatch.setattr("streams.host.run", host)
    monkeypatch.setattr(worker, "build", lambda *given: SimpleNamespace())
    assert worker.run(Settings(places=PlacesSettings(lists_dir=str(tmp_path))), ("enrich", "detect")) == 0
    assert begun == dict.fromkeys(loops, 2)
    assert sorted(each["reason"] for each in said) == sorted(f"RuntimeError: {name}" for name in loops)
