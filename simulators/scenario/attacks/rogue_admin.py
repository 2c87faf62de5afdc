"""Unusual administrative activity: rights that somebody was given or took, and an administrator's account gone wild."""

from typing import Final

from simulators.scenario.events import RawEvent, user_event
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person, Stranger
from simulators.scenario.role import MINUTE_MS, Behaviour, Role, Staged


def stage_upstart(role: Role) -> Staged:
    """Somebody who never administered anything creates an account, raises it and resets passwords."""
    draw, upstart = role.draw, role.person
    today = role.workday()
    start_ms = role.at(today, draw.uniform(11, 21))
    backdoor = Stranger(f"Backup Service ( backup{draw.randint(10, 99)}@example.com )")
    events: list[RawEvent] = [
        user_event(upstart, start_ms, backdoor, "Create"),
        user_event(upstart, start_ms + 40_000, backdoor, "Update", "Upgraded to Power User"),
    ]
    victims = draw.sample(role.organisation.people, min(len(role.organisation.people), draw.randint(2, 6)))
    moments = role.moments(start_ms + 2 * MINUTE_MS, 15 * MINUTE_MS, len(victims))
    events += [
        user_event(upstart, at_ms, victim, "Password Reset") for at_ms, victim in zip(moments, victims, strict=True)
    ]
    return _staged(role, events, f"{upstart.name}, who never administered anything, makes a back door")


def stage_spree(role: Role) -> Staged:
    """An administrator's account resets the passwords of 40 to 90 people, or switches them off, within half an hour."""
    draw, admin = role.draw, role.person
    people = [person for person in role.organisation.people if person != admin]
    victims = draw.sample(people, min(len(people), draw.randint(40, 90)))
    start_ms = role.at(role.workday(), draw.uniform(0, 23))
    moments = role.moments(start_ms, 25 * MINUTE_MS, len(victims))
    action = draw.choice(("Password Reset", "Disable"))
    events = [user_event(admin, at_ms, victim, action) for at_ms, victim in zip(moments, victims, strict=True)]
    return _staged(role, events, f"the account of the administrator {admin.name}: {action} of {len(victims)} people")


def _staged(role: Role, events: list[RawEvent], about: str) -> Staged:
    return Staged(start_ms=events[0]["date"], end_ms=events[-1]["date"], events=tuple(events), about=about)


def an_admin(person: Person, organisation: Organisation) -> bool:
    """An administrator of a domain with enough people."""
    return person.is_admin and len(organisation.people) > 40


UPSTART: Final = Behaviour(kind="upstart_admin", policy="admin_activity", malicious=True, stage=stage_upstart)
SPREE: Final = Behaviour(
    kind="admin_spree", policy="admin_activity", malicious=True, stage=stage_spree, fits=an_admin, per_400=3
)
