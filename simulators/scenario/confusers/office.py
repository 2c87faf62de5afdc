"""What happens to whole offices: Monday morning behind one address, a breakdown of sign-in, a move, a new VPN, a
conference, and a provider that a list takes for what it is not.
"""

from typing import Final

from simulators.scenario.atlas import address_in
from simulators.scenario.confusers.flight import flight_ms
from simulators.scenario.events import RawEvent, login_event
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    MONDAY,
    SECOND_MS,
    Behaviour,
    Role,
    Staged,
    anybody,
    midnight,
    silence,
)
from simulators.scenario.surroundings import ListLine
from simulators.scenario.whereabouts import Stretch


def stage_monday(role: Role) -> Staged:
    """An hour of a Monday: everybody of an office mistypes one to four times and gets in, from one address."""
    days = role.workdays()
    today = role.draw.choice([day for day in days if day.weekday() == MONDAY] or days)
    ip = role.organisation.office_ip(role.person.city)
    return _mistyped(role, role.at(today, 8), HOUR_MS, (1, 4), {mate.email: ip for mate in _all(role)}, "on Monday")


def stage_outage(role: Role) -> Staged:
    """A quarter of an hour in which sign-in does not work: one to three failures of each, everybody from home."""
    start_ms = role.at(role.workday(), role.draw.uniform(9, 11))
    home = {mate.email: mate.home_ip for mate in _all(role)}
    return _mistyped(role, start_ms, 15 * MINUTE_MS, (1, 3), home, "while sign-in is out of order")


def stage_move(role: Role) -> Staged:
    """An office gets a line of another provider, which is on no list yet."""
    address = address_in(role.person.city.ipv4[9], role.draw)
    moves_ms = role.at(role.workday(3), 0)
    stretch = Stretch(start_ms=moves_ms, end_ms=role.last_ms + DAY_MS, desk=(address,))
    return Staged(
        start_ms=moves_ms,
        end_ms=role.last_ms,
        stretches=(_with_phone(stretch, role.person),),
        elsewhere={mate.email: (_with_phone(stretch, mate),) for mate in role.company},
        about=f"the office in {role.person.city.name} has moved",
    )


def stage_new_vpn(role: Role) -> Staged:
    """A new exit of the company's VPN on another continent; it is on the company's list from the first day on."""
    exit_city = role.draw.choice(role.organisation.atlas.far_from(role.person.city))
    opens_ms = midnight(role.at(role.workday(3), 12))
    network = exit_city.ipv4[1]
    elsewhere = {}
    for mate in _all(role):
        address = address_in(network, role.draw)
        stretch = Stretch(start_ms=opens_ms + DAY_MS, end_ms=role.last_ms + DAY_MS, desk=(address, mate.home_ip))
        elsewhere[mate.email] = (_with_phone(stretch, mate),)
    return Staged(
        start_ms=opens_ms,
        end_ms=role.last_ms,
        stretches=elsewhere.pop(role.person.email),
        elsewhere=elsewhere,
        surroundings=(ListLine(at_ms=opens_ms, file="company.csv", line=f"{network},vpn,company"),),
        about=f"a new exit of the VPN in {exit_city.name}",
    )


def stage_conference(role: Role) -> Staged:
    """Colleagues of many offices fly to one city, share its Wi-Fi for two days, and fly back."""
    draw = role.draw
    there = draw.choice(role.organisation.atlas.far_from(role.person.city))
    begins_ms = role.at(role.workday(5), 9) + DAY_MS
    ends_ms = begins_ms + 2 * DAY_MS
    wifi = there.public_wifi(draw)
    elsewhere = {}
    for mate in _all(role):
        away_ms = flight_ms(mate.city, there) if mate.city != there else 2 * HOUR_MS
        elsewhere[mate.email] = (
            silence(begins_ms - away_ms, begins_ms),
            Stretch(start_ms=begins_ms, end_ms=ends_ms, desk=(wifi,), mobile=there.mobile(draw), zone=there.zone),
            silence(ends_ms, ends_ms + away_ms),
        )
    return Staged(
        start_ms=begins_ms - DAY_MS,
        end_ms=ends_ms + DAY_MS,
        stretches=elsewhere.pop(role.person.email),
        elsewhere=elsewhere,
        about=f"{1 + len(role.company)} colleagues are at a conference in {there.name}",
    )


def stage_mistagged(role: Role) -> Staged:
    """A list of VPN services takes the line of a quarter of a town for one."""
    city = role.person.city
    network = max(city.ipv4[2:7], key=lambda each: sum(_lives_on(mate, each) for mate in role.organisation.people))
    people = [mate for mate in role.organisation.people if _lives_on(mate, network)]
    at_ms = midnight(role.at(role.workday(3), 12))
    return Staged(
        start_ms=at_ms,
        end_ms=role.last_ms,
        surroundings=(ListLine(at_ms=at_ms, file="anonymous-vpns.csv", line=f"{network},risky,anonymous_vpn"),),
        networks=(network,),
        about=f"the home lines of {len(people)} people in {city.name} are taken for a VPN service",
    )


def _lives_on(person: Person, network: str) -> bool:
    return person.home_ip.rpartition(".")[0] == network.rpartition(".")[0]


def _mistyped(
    role: Role, start_ms: int, length_ms: int, tries: tuple[int, int], addresses: dict[str, str], when: str
) -> Staged:
    draw, people = role.draw, _all(role)
    events: list[RawEvent] = []
    for at_ms, person in zip(role.moments(start_ms, length_ms, len(people)), people, strict=True):
        ip, moment = addresses[person.email], at_ms
        for _ in range(draw.randint(*tries)):
            events.append(login_event(person, moment, "Failed Login", ip=ip))
            moment += draw.randint(5 * SECOND_MS, 60 * SECOND_MS)
        events.append(login_event(person, moment + length_ms // 4, "Login", ip=ip))
    events.sort(key=lambda event: int(event["date"]))
    day = midnight(start_ms)
    stretches = {
        person.email: (
            Stretch(
                start_ms=day - HOUR_MS, end_ms=day + DAY_MS, desk=(addresses[person.email],), mobile=person.mobile_ip
            ),
        )
        for person in people
    }
    return Staged(
        start_ms=events[0]["date"],
        end_ms=events[-1]["date"],
        events=tuple(events),
        stretches=stretches.pop(role.person.email),
        elsewhere=stretches,
        about=f"{len(people)} colleagues mistype {when}",
    )


def _all(role: Role) -> tuple[Person, ...]:
    return (role.person, *role.company)


def _with_phone(stretch: Stretch, person: Person) -> Stretch:
    return Stretch(start_ms=stretch.start_ms, end_ms=stretch.end_ms, desk=stretch.desk, mobile=person.mobile_ip)


def _same_city(person: Person, other: Person) -> bool:
    return person.city == other.city


def _has_neighbours(person: Person, organisation: Organisation) -> bool:
    """Enough people are with the person's provider for a list's mistake to be seen as one."""
    asn = [mate for mate in organisation.people if mate.city == person.city]
    return len(asn) >= 20


OFFICE: Final = (
    Behaviour(
        kind="monday_office", policy="password_spray", malicious=False, stage=stage_monday, per_400=1, fits=anybody,
        company=7, mate=_same_city,
    ),
    Behaviour(
        kind="sign_in_outage", policy="credential_stuffing", malicious=False, stage=stage_outage, per_400=1,
        fits=anybody, company=14,
    ),
    Behaviour(
        kind="office_move", policy="infrequent_country", malicious=False, stage=stage_move, per_400=1, fits=anybody,
        company=5, mate=_same_city,
    ),
    Behaviour(
        kind="new_vpn_exit", policy="impossible_travel", malicious=False, stage=stage_new_vpn, per_400=1,
        fits=anybody, company=4, mate=_same_city,
    ),
    Behaviour(
        kind="conference", policy="infrequent_country", malicious=False, stage=stage_conference, per_400=1,
        fits=anybody, company=5, also=("infrequent_country",),
    ),
    Behaviour(
        kind="mistagged_provider", policy="anonymous_ip", malicious=False, stage=stage_mistagged, per_400=1,
        fits=_has_neighbours,
    ),
)  # fmt: skip
