"""Activity by terminated users: the account at Egnyte outlives the one in the directory, and is used."""

from collections.abc import Callable, Iterator
from typing import Final

from simulators.scenario import files
from simulators.scenario.directory import DirectoryChange
from simulators.scenario.events import WEB, RawEvent, file_event, login_event
from simulators.scenario.role import DAY_MS, HOUR_MS, MINUTE_MS, Behaviour, Role, Staged, silence

POLL_MS: Final = 5 * MINUTE_MS
"""So long after a change the directory tells of it."""


def stage_removed(role: Role) -> Staged:
    """Removed in the afternoon; back one to three days later."""
    return _back(role, lambda gone_ms: role.change(gone_ms, gone_ms + POLL_MS, deleted=True), "was removed")


def stage_disabled(role: Role) -> Staged:
    """The same, disabled only."""
    return _back(role, lambda gone_ms: role.change(gone_ms, gone_ms + POLL_MS, enabled=False), "was disabled")


def stage_left(role: Role) -> Staged:
    """Nobody closed the account, but the date of leaving has passed. It was known weeks before."""
    known_ms = role.begins_ms + 2 * DAY_MS
    return _back(role, lambda gone_ms: role.change(known_ms, known_ms + POLL_MS, leaves_ms=gone_ms), "has left")


def stage_learned_late(role: Role) -> Staged:
    """Removed in the morning and active on, and the directory tells of it in the evening only."""
    draw, leaver = role.draw, role.person
    today = role.workday()
    gone_ms = role.at(today, draw.uniform(8, 9))
    learned_ms = gone_ms + round(draw.uniform(6, 10) * HOUR_MS)
    start_ms = gone_ms + round(draw.uniform(1, 2) * HOUR_MS)
    events = tuple(_use(role, start_ms, round(2.5 * HOUR_MS)))
    return Staged(
        start_ms=start_ms,
        end_ms=max(learned_ms, events[-1]["date"]),
        events=events,
        stretches=(silence(role.at(today, 0), role.last_ms + DAY_MS),),
        directory=(role.change(gone_ms, learned_ms, deleted=True),),
        about=f"{leaver.name} was removed and works on for hours before anybody tells",
    )


def _back(role: Role, change: Callable[[int], DirectoryChange], what: str) -> Staged:
    draw, leaver = role.draw, role.person
    last = role.workday(3)
    gone_ms = role.at(last, draw.uniform(16, 17))
    start_ms = gone_ms + round(draw.uniform(0.5, 2) * DAY_MS)
    start_ms = min(start_ms, role.last_ms - 2 * HOUR_MS)
    events = tuple(_use(role, start_ms, HOUR_MS))
    return Staged(
        start_ms=start_ms,
        end_ms=events[-1]["date"],
        events=events,
        stretches=(silence(gone_ms - HOUR_MS, role.last_ms + DAY_MS),),
        directory=(change(gone_ms),),
        about=f"{leaver.name} {what} and comes back with the old password",
    )


def _use(role: Role, start_ms: int, length_ms: int) -> Iterator[RawEvent]:
    """A login from home, and 5 to 20 files."""
    draw, leaver = role.draw, role.person
    yield login_event(leaver, start_ms, "Login", ip=leaver.home_ip, client=WEB)
    for at_ms in role.moments(start_ms + MINUTE_MS, length_ms, draw.randint(5, 20)):
        action = draw.choice(("Preview", "Download"))
        yield file_event(leaver, at_ms, action, files.own_file(leaver, draw), ip=leaver.home_ip)


REMOVED: Final = Behaviour(
    kind="leaver_removed", policy="terminated_user", malicious=True, stage=stage_removed, per_400=3
)
DISABLED: Final = Behaviour(
    kind="leaver_disabled", policy="terminated_user", malicious=True, stage=stage_disabled, per_400=3
)
LEFT: Final = Behaviour(
    kind="leaver_past_the_date", policy="terminated_user", malicious=True, stage=stage_left, per_400=3
)
LEARNED_LATE: Final = Behaviour(
    kind="leaver_learned_late", policy="terminated_user", malicious=True, stage=stage_learned_late, per_400=3
)
