"""Failed logins: somebody guesses a password, from one network far away, by day or by night."""

from typing import Final

from simulators.scenario.atlas import address_in
from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.events import RawEvent, login_event
from simulators.scenario.role import Behaviour, Role, Staged


def stage_guessing(role: Role) -> Staged:
    """25 to 80 failures some seconds apart, and no success; half of them end in a lockout."""
    failures, ip, city = _failures(role)
    if role.draw.random() < 0.5:
        failures.append(login_event(role.person, failures[-1]["date"] + 500, "Account Lockout", ip=ip))
    return Staged(
        start_ms=failures[0]["date"],
        end_ms=failures[-1]["date"],
        events=tuple(failures),
        about=f"somebody in {city} guesses the password of {role.person.name} in vain",
    )


def stage_patient(role: Role) -> Staged:
    """30 to 60 failures some minutes apart, each from another address of one network; no success."""
    draw, victim = role.draw, role.person
    at_ms = role.at(role.workday(), draw.uniform(0, 12))
    lair = draw.choice(role.organisation.atlas.far_from(victim.city))
    network = lair.ipv4[2 + draw.randrange(5)]
    failures: list[RawEvent] = []
    for _ in range(draw.randint(30, 60)):
        failures.append(login_event(victim, at_ms, "Failed Login", ip=address_in(network, draw)))
        at_ms += draw.randint(60_000, 900_000)
    return Staged(
        start_ms=failures[0]["date"],
        end_ms=failures[-1]["date"],
        events=tuple(failures),
        about=f"somebody in {lair.name} guesses the password of {victim.name} for hours, patiently",
    )


def stage_guessed(role: Role) -> Staged:
    """The same, but the last guess is right: a login from the same network, and a folder that is taken."""
    failures, ip, city = _failures(role)
    login = login_event(role.person, failures[-1]["date"] + role.draw.randint(1_000, 9_000), "Login", ip=ip)
    events = (*failures, login, *plundering(role, login["date"] + role.draw.randint(20_000, 90_000), ip))
    return Staged(
        start_ms=events[0]["date"],
        end_ms=events[-1]["date"],
        events=events,
        about=f"somebody in {city} guesses the password of {role.person.name} and gets in",
    )


def _failures(role: Role) -> tuple[list[RawEvent], str, str]:
    draw, victim = role.draw, role.person
    at_ms = role.at(role.workday(), draw.uniform(0, 22))
    lair = draw.choice(role.organisation.atlas.far_from(victim.city))
    ip = lair.address(draw)
    failures: list[RawEvent] = []
    for _ in range(draw.randint(25, 80)):
        failures.append(login_event(victim, at_ms, "Failed Login", ip=ip))
        at_ms += draw.randint(1_000, 12_000)
    return failures, ip, lair.name


GUESSING: Final = Behaviour(kind="password_guessing", policy="failed_logins", malicious=True, stage=stage_guessing)
PATIENT: Final = Behaviour(kind="patient_guessing", policy="failed_logins", malicious=True, stage=stage_patient)
GUESSED: Final = Behaviour(
    kind="password_guessed",
    policy="failed_logins",
    malicious=True,
    stage=stage_guessed,
    also=("impossible_travel", "infrequent_country", "mass_download"),
)
