"""The faults of the trial: each puts bad hours on the agenda of a run."""

import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Fault

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
BROKEN: Final = b'{"date":17,"broken":'
"""What an event that is no JSON begins with."""


class Site(Protocol):
    """What a fault may do: to Egnyte, to the connector, and when."""

    egnyte: EgnyteSimulator
    clock: VirtualClock
    chance: random.Random
    start_ms: int
    end_ms: int

    def at(self, time_ms: int, action: Callable[[], Awaitable[None]]) -> None: ...
    async def kill(self, down_s: float = 0) -> None: ...


Bad = Callable[[Site], None]


def _moments(site: Site, count: int) -> list[int]:
    """`count` moments of the run, none in its last day, in which everything has to come right again."""
    return sorted(site.chance.randint(site.start_ms, site.end_ms - DAY_MS) for _ in range(count))


def _strikes(count: int = 12, **fault: Any) -> Bad:
    """The fault, `count` times, for a few requests or for a while."""

    def schedule(site: Site) -> None:
        for moment_ms in _moments(site, count):
            lasting: dict[str, Any] = {"count": site.chance.randint(1, 6)}
            if site.chance.random() < 0.4:
                lasting = {"count": 0, "duration_s": site.chance.uniform(300, 7_200)}
            given = {
                key: (site.chance.choice(value) if isinstance(value, list) else value) for key, value in fault.items()
            }

            async def strike(struck: dict[str, Any] = given | lasting) -> None:
                site.egnyte.fault(Fault(**struck))

            site.at(moment_ms, strike)

    return schedule


def _throttled(style: str) -> Bad:
    def schedule(site: Site) -> None:
        site.egnyte.change(throttle_style=style)
        _strikes(kind="throttle", retry_after_s=[0, 5, 90, 1_800])(site)

    return schedule


def _cursor_dies(site: Site) -> None:
    """The connector is away for longer than a cursor lives."""
    site.egnyte.change(cursor_days=1)
    for moment_ms in _moments(site, 2):
        site.at(moment_ms, lambda: site.kill(site.chance.uniform(1.1, 2.5) * DAY_MS / 1_000))


def _cursor_lost(site: Site) -> None:
    """Egnyte no longer takes the cursor that it has just given."""
    for moment_ms in _moments(site, 5):

        async def forget() -> None:
            site.egnyte.fault(Fault(kind="status", status=400, path="/pubapi/v2/audit/stream"))

        site.at(moment_ms, forget)


def _beyond_reach(site: Site) -> None:
    """The connector is away for longer than the stream reaches back: a gap, which it has to report."""
    site.at(site.start_ms + DAY_MS // 2, lambda: site.kill(7.8 * DAY_MS / 1_000))


def _revoked(gateway: bool) -> Bad:
    def schedule(site: Site) -> None:
        site.egnyte.change(gateway_refuses=gateway)
        token = site.egnyte.token
        for moment_ms in _moments(site, 3):

            async def revoke() -> None:
                site.egnyte.revoke_token(token)

            async def allow() -> None:
                site.egnyte.issue_token(token=token)

            site.at(moment_ms, revoke)
            site.at(moment_ms + site.chance.randint(1, 5) * HOUR_MS, allow)

    return schedule


def _no_plan(site: Site) -> None:
    for moment_ms in _moments(site, 2):

        async def change(has: bool) -> None:
            site.egnyte.change(plan_has_audit=has)

        site.at(moment_ms, lambda: change(False))
        site.at(moment_ms + 3 * HOUR_MS, lambda: change(True))


def _repeats(site: Site) -> None:
    site.egnyte.change(repeat_events=9)


def _small_pages(site: Site) -> None:
    site.egnyte.change(page_cap=7, error_style="html", limit_headers=False)


def _fixed_windows(site: Site) -> None:
    site.egnyte.change(limit_window="fixed", count_refused=True)


def _others(site: Site) -> None:
    """Somebody else uses the token: a few hundred requests of a day's thousand."""
    for day in range((site.end_ms - site.start_ms) // DAY_MS):

        async def take() -> None:
            egnyte, now_ms = site.egnyte, site.clock.now_ms()
            for number in range(site.chance.randint(100, 400)):
                then_ms = now_ms - 400_000 + number * 1_000
                egnyte.limits.admit(egnyte.token, egnyte.name, False, egnyte.switches, then_ms)

        site.at(site.start_ms + day * DAY_MS + site.chance.randint(0, 20) * HOUR_MS, take)


def _broken_event(site: Site) -> None:
    """Events that are no JSON, among the others: they become dead letters, and all else goes on."""
    for number, moment_ms in enumerate(_moments(site, 4)):

        async def add(raw: bytes = b"%b%d" % (BROKEN, number)) -> None:
            site.egnyte.append(raw)

        site.at(moment_ms, add)


def _none(site: Site) -> None:
    pass


FAULTS: Final[dict[str, Bad]] = {
    "none": _none,
    "5xx": _strikes(kind="status", status=[500, 502, 503, 504]),
    "5xx, Retry-After": _strikes(kind="status", status=503, retry_after_s=[7, 600, 4_000]),
    "404": _strikes(kind="status", status=404),
    "429": _throttled("429"),
    "Mashery 403": _throttled("mashery"),
    "fault envelope": _throttled("fault"),
    "HTML body": _strikes(kind="html"),
    "cut JSON": _strikes(kind="cut_json"),
    "truncated": _strikes(kind="truncate"),
    "reset": _strikes(kind="reset"),
    "slow": _strikes(6, kind="slow", seconds=[20.0, 170.0, 400.0]),
    "stalled": _strikes(6, kind="stall", seconds=[20.0, 170.0, 400.0]),
    "token revoked": _revoked(gateway=False),
    "developer inactive": _revoked(gateway=True),
    "plan lost": _no_plan,
    "cursor expired": _cursor_dies,
    "cursor refused": _cursor_lost,
    "away for 7.8 days": _beyond_reach,
    "repeated events": _repeats,
    "pages of 7": _small_pages,
    "fixed windows": _fixed_windows,
    "token shared": _others,
    "broken events": _broken_event,
}
MIXABLE: Final = tuple(name for name in FAULTS if name not in {"none", "away for 7.8 days"})
"""Those that are drawn at random: an absence of 7.8 days leaves no room for others."""
