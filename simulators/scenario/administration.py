"""What administrators do on an ordinary day, and the approvals that run beside everybody's work. None of these events
carries an address.
"""

from collections.abc import Callable, Iterator
from datetime import date

from simulators.scenario import files
from simulators.scenario.chance import chance
from simulators.scenario.events import (
    RawEvent,
    group_event,
    permission_event,
    setting_event,
    user_event,
    workflow_event,
)
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.whereabouts import local_ms

SETTINGS = (
    ("Password strength", "Good", "Strong"),
    ("Session timeout", "8 hours", "4 hours"),
    ("Allow public file links", "Enabled", "Disabled"),
)


Reachable = Callable[[Person, int], bool]
"""Whether a person can do anything at a time (ms)."""


def admin_day(admin: Person, organisation: Organisation, today: date, reachable: Reachable) -> Iterator[RawEvent]:
    """A few changes by `admin` to people, groups, permissions and, rarely, settings; not sorted by time."""
    draw = chance(organisation.seed, "administration", admin.number, today)
    if today.weekday() >= 5:
        return
    for _ in range(draw.randint(0, 4)):
        at_ms = local_ms(today, draw.uniform(9.5, 17), admin.city.zone)
        colleague = draw.choice(organisation.people)
        kind = draw.random()
        if not reachable(admin, at_ms):
            continue
        if kind < 0.35:
            folder = f"/Shared/{colleague.department}/{draw.choice(files.FOLDERS[colleague.department])}"
            yield permission_event(
                admin, at_ms, folder, colleague, draw.choice(("+Editor", "+Viewer", "-Viewer", "+Full"))
            )
        elif kind < 0.65:
            group = f"{colleague.department} Team"
            yield group_event(admin, at_ms, group, "Add Users", colleague.email)
            yield user_event(admin, at_ms + 1, colleague, "Update", f'Added to group "{group}"')
        elif kind < 0.9:
            yield user_event(admin, at_ms, colleague, draw.choice(("Password Reset", "Update")))
        else:
            yield setting_event(admin, at_ms, *draw.choice(SETTINGS))


def approval_day(person: Person, organisation: Organisation, today: date, reachable: Reachable) -> Iterator[RawEvent]:
    """At times, a file that `person` puts up for approval, and a colleague's answer."""
    draw = chance(organisation.seed, "approval", person.number, today)
    if today.weekday() >= 5 or draw.random() > 0.05:
        return
    path = files.own_file(person, draw)
    name = f"Approve {path.rpartition('/')[2]}"
    at_ms = local_ms(today, draw.uniform(9.5, 15), person.city.zone)
    answer = draw.choice(("Task Approved", "Task Approved", "Task Rejected"))
    later_ms = at_ms + draw.randint(600_000, 7_200_000)
    colleague = draw.choice(organisation.people)
    if not (reachable(person, at_ms) and reachable(person, later_ms) and reachable(colleague, later_ms)):
        return
    yield workflow_event(person, at_ms, name, path, "Created")
    yield workflow_event(colleague, later_ms, name, path, answer)
    if answer == "Task Approved":
        yield workflow_event(person, later_ms + draw.randint(500, 5_000), name, path, "Completed")
