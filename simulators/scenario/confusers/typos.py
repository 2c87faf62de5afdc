"""Monday morning: a few wrong passwords, then the right one."""

from typing import Final

from simulators.scenario.events import RawEvent, login_event
from simulators.scenario.role import MONDAY, Behaviour, Role, Staged


def stage(role: Role) -> Staged:
    """Three to six failures within two minutes and a login, from home, before the day begins; on a Monday if there is
    one.
    """
    draw, person = role.draw, role.person
    days = role.workdays()
    today = draw.choice([day for day in days if day.weekday() == MONDAY] or days)
    at_ms = role.at(today, person.starts_h - 0.6)
    events: list[RawEvent] = []
    for _ in range(draw.randint(3, 6)):
        events.append(login_event(person, at_ms, "Failed Login", ip=person.home_ip))
        at_ms += draw.randint(4_000, 20_000)
    events.append(login_event(person, at_ms, "Login", ip=person.home_ip))
    about = f"{person.name} has forgotten the password over the weekend"
    return Staged(
        start_ms=events[0]["date"],
        end_ms=at_ms,
        events=tuple(events),
        stretches=(role.all_day(today, (person.home_ip,)),),
        about=about,
    )


TYPOS: Final = Behaviour(kind="monday_typos", policy="failed_logins", malicious=False, stage=stage)
