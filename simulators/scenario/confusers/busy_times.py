"""Busy times: accountants at the end of a quarter, and an administrator who lets a team in."""

from typing import Final

from simulators.scenario import files
from simulators.scenario.events import RawEvent, file_event, group_event, user_event
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person, Stranger
from simulators.scenario.role import HOUR_MS, MINUTE_MS, SECOND_MS, Behaviour, Role, Staged


def stage_quarter_end(role: Role) -> Staged:
    """Three days with 90 to 160 downloads each: now and then 10 to 40 statements at once, the others one by one."""
    draw, person = role.draw, role.person
    first = role.workday(3)
    events: list[RawEvent] = []
    for number in range(3):
        start_ms = role.at(first, 8.5 + 24 * number)
        paths = files.plunder("/Shared/Finance/Statements", draw.randint(90, 160), draw)
        at_once = draw.randint(10, 40)
        batch_ms = start_ms + draw.randint(1, 7) * HOUR_MS
        moments = sorted(
            [batch_ms + draw.randint(0, 40) * SECOND_MS for _ in range(at_once)]
            + role.moments(start_ms, 9 * HOUR_MS, len(paths) - at_once)
        )
        events += [
            file_event(person, at_ms, "Download", path, ip=person.home_ip)
            for at_ms, path in zip(moments, paths, strict=True)
        ]
    return Staged(
        start_ms=events[0]["date"],
        end_ms=events[-1]["date"],
        events=tuple(events),
        stretches=(role.all_day(first, (person.home_ip,), days=3),),
        about=f"{person.name} closes the quarter: {len(events)} statements",
    )


def stage_onboarding(role: Role) -> Staged:
    """A planned batch: 6 to 15 accounts created one after the other, each put into a group."""
    draw, admin = role.draw, role.person
    at_ms = role.at(role.workday(), draw.uniform(9, 15))
    department = draw.choice(tuple(files.FOLDERS))
    events: list[RawEvent] = []
    for number in range(draw.randint(6, 15)):
        newcomer = Stranger(f"Newcomer {number} ( newcomer{number}.{department.lower()}@example.com )")
        events.append(user_event(admin, at_ms, newcomer, "Create"))
        group = f"{department} Team"
        events.append(group_event(admin, at_ms + 20 * SECOND_MS, group, "Add Users", newcomer.label))
        events.append(user_event(admin, at_ms + 20 * SECOND_MS + 1, newcomer, "Update", f'Added to group "{group}"'))
        at_ms += draw.randint(1, 4) * MINUTE_MS
    return Staged(
        start_ms=events[0]["date"],
        end_ms=events[-1]["date"],
        events=tuple(events),
        about=f"{admin.name} lets a team of {len(events) // 3} in",
    )


def _accountant(person: Person, organisation: Organisation) -> bool:
    return person.department == "Finance" and not person.is_admin


def _admin(person: Person, organisation: Organisation) -> bool:
    return person.is_admin


QUARTER_END: Final = Behaviour(
    kind="quarter_end", policy="mass_download", malicious=False, stage=stage_quarter_end, fits=_accountant
)
ONBOARDING: Final = Behaviour(
    kind="onboarding_batch", policy="admin_activity", malicious=False, stage=stage_onboarding, fits=_admin, per_400=3
)
