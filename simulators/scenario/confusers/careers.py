"""People who come and go: a new joiner, somebody hired again, somebody switched off for a while, and the last minutes
of a leaver.
"""

from collections.abc import Callable
from typing import Final

from simulators.scenario import files
from simulators.scenario.events import RawEvent, file_event, login_event
from simulators.scenario.role import DAY_MS, HOUR_MS, MINUTE_MS, Behaviour, Role, Staged, silence

POLL_MS: Final = 5 * MINUTE_MS
Stage = Callable[[Role], Staged]


def stage_joiner(role: Role) -> Staged:
    """A first day: wrong passwords, 20 to 40 files to read in, and ordinary days from then on."""
    draw, joiner = role.draw, role.person
    day = role.workday()
    start_ms = role.at(day, 9)
    events: list[RawEvent] = [
        login_event(joiner, start_ms + number * 20_000, "Failed Login", ip=joiner.home_ip)
        for number in range(draw.randint(1, 5))
    ]
    events.append(login_event(joiner, start_ms + 3 * MINUTE_MS, "Login", ip=joiner.home_ip))
    read = files.plunder(f"/Shared/{joiner.department}/Welcome", draw.randint(20, 40), draw)
    moments = role.moments(start_ms + 5 * MINUTE_MS, HOUR_MS, len(read))
    events += [
        file_event(joiner, at_ms, "Download", path, ip=joiner.home_ip)
        for at_ms, path in zip(moments, read, strict=True)
    ]
    return Staged(
        start_ms=start_ms,
        end_ms=start_ms + 7 * DAY_MS,
        events=tuple(events),
        stretches=(silence(role.begins_ms - DAY_MS, role.at(day, 0)), role.at_home(day)),
        directory=(
            role.change(role.begins_ms, role.begins_ms, enabled=False),
            role.change(role.at(day, 0), role.at(day, 0) + POLL_MS),
        ),
        about=f"{joiner.name} joins",
    )


def stage_rehired(role: Role) -> Staged:
    """Removed, and made anew three days later; works as ever from then on."""
    draw, person = role.draw, role.person
    day = role.workday(5)
    gone_ms = role.at(day, draw.uniform(16, 18))
    back_ms = gone_ms + 3 * DAY_MS
    return Staged(
        start_ms=gone_ms,
        end_ms=role.last_ms,
        stretches=(silence(gone_ms - HOUR_MS, back_ms + HOUR_MS),),
        directory=(
            role.change(gone_ms, gone_ms + POLL_MS, deleted=True),
            role.change(back_ms, back_ms + POLL_MS),
        ),
        about=f"{person.name} leaves and is hired again",
    )


def stage_paused(role: Role) -> Staged:
    """Switched off for two days by the help desk, and on again."""
    draw, person = role.draw, role.person
    off_ms = role.at(role.workday(4), draw.uniform(12, 18))
    on_ms = off_ms + 2 * DAY_MS
    return Staged(
        start_ms=off_ms,
        end_ms=role.last_ms,
        stretches=(silence(off_ms - HOUR_MS, on_ms + HOUR_MS),),
        directory=(
            role.change(off_ms, off_ms + POLL_MS, enabled=False),
            role.change(on_ms, on_ms + POLL_MS),
        ),
        about=f"the account of {person.name} is switched off for two days",
    )


def stage_last_minutes(role: Role) -> Staged:
    """A leaver whose last files are seen some minutes after the removal, for clocks differ, and never again."""
    draw, leaver = role.draw, role.person
    day = role.workday()
    gone_ms = role.at(day, draw.uniform(16, 17.5))
    moments = [gone_ms - 20 * MINUTE_MS, gone_ms - 5 * MINUTE_MS, gone_ms + 2 * MINUTE_MS, gone_ms + 8 * MINUTE_MS]
    events = tuple(
        file_event(leaver, at_ms, "Preview", files.own_file(leaver, draw), ip=leaver.home_ip) for at_ms in moments
    )
    return Staged(
        start_ms=gone_ms,
        end_ms=role.last_ms,
        events=events,
        stretches=(
            silence(gone_ms - HOUR_MS, role.last_ms + DAY_MS),
            silence(role.at(day, 0), gone_ms - 2 * HOUR_MS),
        ),
        directory=(role.change(gone_ms, gone_ms + POLL_MS, deleted=True),),
        about=f"{leaver.name} works until the account is removed",
    )


def _confuser(kind: str, stage: Stage) -> Behaviour:
    return Behaviour(kind=kind, policy="terminated_user", malicious=False, stage=stage)


CAREERS: Final = (
    Behaviour(
        kind="new_joiner", policy="infrequent_country", malicious=False, stage=stage_joiner, also=("new_client",)
    ),
    _confuser("rehired", stage_rehired),
    _confuser("paused_account", stage_paused),
    _confuser("last_minutes", stage_last_minutes),
)
