"""What is normal for a user: what detection has learned, with the numbers that policies judge by."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import anyio
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.archive import summaries
from console.archive.database import Database
from console.learned import Learned
from console.web.drawing import bars
from console.web.people_pages import DAYS
from console.web.rendering import render
from detections import bursts
from detections.history import learning
from detections.model import DAY_MS
from detections.seen import USUAL_DAYS, days_seen
from detections.state import KEPT_DAYS, Burst, Seen, UserState

VOLUMES: Final[Mapping[str, str]] = {
    "downloads": "files downloaded",
    "deletions": "files deleted",
    "links": "links shared",
    "encryptions": "files written anew as if encrypted",
    "administration": "administrative actions",
}
"""Kinds of bursts, as in `detections.state.Volumes`, in words."""


class SeenRow(msgspec.Struct, frozen=True):
    """A country, network or client. `days`: of the last `USUAL_DAYS`, None where only the last day is kept. `last`: a
    day."""

    name: str
    days: int | None
    last: str


class VolumeRow(msgspec.Struct, frozen=True):
    """Bursts of one kind. `days`: with a burst; `mean`, `sigma`, `most`: of each day's largest, the largest of all left
    out of the first two, as policies do."""

    name: str
    days: int
    mean: float
    sigma: float
    most: int


class Normal(msgspec.Struct, frozen=True):
    """All of it, ready to be shown."""

    known_days: int
    active_days: int
    logins: int
    last_day: str
    admin_day: str
    countries: list[SeenRow]
    networks: list[SeenRow]
    clients: list[SeenRow]
    volumes: list[VolumeRow]
    failed_sessions: int
    failed_mean: float
    failed_most: int
    benign: list[str]
    """Networks that people found harmless when they judged findings."""


class NormalPages:
    """The route `/user/normal?key=`. `learned`: what is known of a user; it may take seconds where the user was not
    active for long, which is why this page is one of its own."""

    def __init__(self, database: Database, learned: Callable[[str], Awaitable[Learned]]) -> None:
        self._database, self._learned = database, learned
        self.routes = [Route("/user/normal", self._look)]

    async def _look(self, request: Request) -> Response:
        key = request.query_params.get("key", "")
        if not key:
            raise HTTPException(404, "No such user")
        found, late = await self._found(key)
        now_ms = round(time.time() * 1000)
        span = now_ms - DAYS * DAY_MS, now_ms + 1
        run = anyio.to_thread.run_sync
        providers = await run(self._providers, key)
        hours = await run(summaries.hours_of_user, self._database, key, *span)
        return render(
            request,
            "normal",
            key=key,
            learned=found,
            late=late,
            normal=normal_of(found.state, providers) if found.state is not None else None,
            title=f"What is normal for {key.partition('/')[2] or key}",
            usual_days=USUAL_DAYS,
            kept_days=KEPT_DAYS,
            hours=bars([(f"{hour:02}", number) for hour, number in enumerate(hours)]) if any(hours) else None,
        )

    async def _found(self, key: str) -> tuple[Learned, bool]:
        """What is known, and whether that was not found in time."""
        try:
            return await self._learned(key), False
        except TimeoutError:
            return Learned(), True

    def _providers(self, key: str) -> dict[str, str]:
        """Names of networks by their AS numbers: state keeps the numbers alone."""
        query = "SELECT asn::VARCHAR, max(organisation) FROM activities WHERE user_key = ? AND asn > 0 GROUP BY 1"
        return dict(self._database.read(query, (key,)))


def normal_of(user: UserState, providers: Mapping[str, str]) -> Normal:
    """What `user` tells, as of the day after its newest: so that its newest day counts too."""
    history = user.history
    day = history.day + 1
    known = learning(user, day)
    failed = user.failed_logins.days
    sessions, failures = sum(each.sessions for each in failed), sum(each.failures for each in failed)
    return Normal(
        known_days=known.days,
        active_days=known.active_days,
        logins=known.logins,
        last_day=_day(history.day),
        admin_day=_day(history.admin_day),
        countries=_seen(history.countries, day, {}),
        networks=_seen(history.networks, day, providers),
        clients=[
            SeenRow(name, None, _day(last)) for name, last in sorted(history.clients.items(), key=lambda each: -each[1])
        ],
        volumes=[row for name, words in VOLUMES.items() if (row := _volume(user, name, words, day)) is not None],
        failed_sessions=sessions,
        failed_mean=failures / sessions if sessions else 0.0,
        failed_most=max((each.largest for each in failed), default=0),
        benign=[providers.get(asn, f"AS {asn}") for asn in sorted(user.verdicts.benign)],
    )


def _seen(known: Mapping[str, Seen], day: int, names: Mapping[str, str]) -> list[SeenRow]:
    """The most usual first."""
    rows = [(days_seen(seen, day), seen.last_day, key) for key, seen in known.items()]
    return [SeenRow(_named(key, names), days, _day(last)) for days, last, key in sorted(rows, reverse=True)]


def _named(key: str, names: Mapping[str, str]) -> str:
    if not key.isdecimal():
        return key
    return f"{names[key]} (AS {key})" if names.get(key) else f"AS {key}"


def _volume(user: UserState, name: str, words: str, day: int) -> VolumeRow | None:
    volume = getattr(user.volumes, name)
    usual = bursts.baseline(volume, Burst(day * DAY_MS, day * DAY_MS), USUAL_DAYS)
    most = bursts.largest(volume)
    return VolumeRow(words, usual.days, usual.mean, usual.sigma, most) if most else None


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%Y-%m-%d") if day else ""
