"""Somebody comes back from a leave of six weeks: long, but no dormant account."""

from collections.abc import Iterator
from typing import Final

from simulators.scenario import files
from simulators.scenario.events import DESKTOP, MOBILE, WEB, RawEvent, file_event, login_event
from simulators.scenario.role import DAY_MS, HOUR_MS, Behaviour, Role, Staged, silence


def stage(role: Role) -> Staged:
    """Ten days of work, 36 to 50 days of silence, and every day as usual from then on."""
    draw, person = role.draw, role.person
    back_ms = role.at(role.workday(), 0)
    last_ms = back_ms - draw.randint(36, 50) * DAY_MS
    return Staged(
        start_ms=back_ms,
        end_ms=back_ms + DAY_MS,
        past=tuple(past_life(role, last_ms)),
        stretches=(silence(role.begins_ms - DAY_MS, back_ms),),
        about=f"{person.name} is back from leave",
    )


def past_life(role: Role, last_ms: int) -> Iterator[RawEvent]:
    """What somebody did on the twelve days before `last_ms`: a login or two a day, and some files; before the
    scenario begins.
    """
    draw, person = role.draw, role.person
    for days in range(12, -1, -1):
        for client in (WEB, MOBILE, *((DESKTOP,) if person.has_desktop_app else ())):
            at_ms = last_ms - days * DAY_MS - draw.randint(0, 6) * HOUR_MS
            ip = person.mobile_ip if client == MOBILE else person.home_ip
            if at_ms < role.begins_ms - DAY_MS:
                yield login_event(person, at_ms, "Login", ip=ip, client=client)
                for more_ms in role.moments(at_ms + 30_000, HOUR_MS, draw.randint(3, 8)):
                    path = files.own_file(person, draw)
                    yield file_event(person, more_ms, draw.choice(("Preview", "Download")), path, ip=ip, client=client)


LEAVE: Final = Behaviour(kind="back_from_leave", policy="dormant_account", malicious=False, stage=stage)
