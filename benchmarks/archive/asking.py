"""How long the console takes to answer, pages and all: the application itself, without a network in between."""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Final

import httpx
import msgspec

from benchmarks.workload import CONNECTOR
from console.archive.database import Database
from console.archive.follower import Follower
from console.web.app import make_app
from streams.sections import Settings

TOKEN: Final = "benchmark"  # noqa: S105 - of a console that nobody else can reach
BARS_S: Final = {"a user's 30 days": 0.5, "a filter over 7 days": 2.0, "the overview": 1.0}
QUESTIONS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "a user's 30 days": [
        (f"user{number}, {words}", f"/user?key={CONNECTOR}/user{number}@example.com")
        for number, words in ((0, "the busiest"), (3, "busy"), (50, "busy"), (400, "ordinary"), (2_500, "ordinary"),
                              (4_999, "quiet"))
    ],
    "a filter over 7 days": [
        ("type", "/activities?from=7d&type=delete"),
        ("words in the path", "/activities?from=7d&path.contains=plan+level+77"),
        ("words in any text", "/activities?from=7d&text.contains=Harbor+399"),
        ("words that nothing has", "/activities?from=7d&path.contains=nowhere"),
        ("block of addresses", "/activities?from=7d&ip=104.0.0.0/8&type=failed_login"),
        ("country and client", "/activities?from=7d&country=PT&client.contains=Public"),
        ("folder and time of day", "/activities?from=7d&path.under=/Shared/Projects/Harbor/7&time=22:00-06:00"),
        ("user", "/activities?from=7d&actor=user2500%40example.com"),
    ],
    "the overview": [("", "/")],
}  # fmt: skip


class Timed(msgspec.Struct, frozen=True):
    """One question, asked several times (s)."""

    what: str
    how: str
    times_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The usual one."""
        return statistics.median(self.times_s)

    @property
    def holds(self) -> bool:
        """Whether the worst is within its bar."""
        return max(self.times_s) < BARS_S[self.what]


def ask(database: Database, times: int) -> list[Timed]:
    """Every question `times` times. Raises RuntimeError where one has no answer."""
    return asyncio.run(_ask(database, times))


async def _ask(database: Database, times: int) -> list[Timed]:
    app = make_app(database, Follower(Settings(), database), TOKEN, ("example.com",))
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://console", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    made = []
    async with client:
        await client.get("/governance")  # a process that has just started has no page ready yet
        for what, asked in QUESTIONS.items():
            for how, path in asked:
                taken = []
                for _ in range(times):
                    begun = time.perf_counter()
                    answer = await client.get(path)
                    taken.append(time.perf_counter() - begun)
                    if answer.status_code != httpx.codes.OK:
                        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")
                made.append(Timed(what, how, tuple(taken)))
    return made
