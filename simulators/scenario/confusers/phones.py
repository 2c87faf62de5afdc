"""Phones that are seen where their owners are not: by a carrier's hub abroad, by roaming, and by a new phone."""

from typing import Final

from simulators.scenario.atlas import address_in
from simulators.scenario.confusers.flight import flight_ms
from simulators.scenario.events import file_event, login_event
from simulators.scenario.organisation import ROAMING_COUNTRIES, Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import DAY_MS, HOUR_MS, Behaviour, Role, Staged, silence
from simulators.scenario.whereabouts import Stretch


def stage_hub(role: Role) -> Staged:
    """A carrier whose hub is in another country far away, all the time."""
    draw, person = role.draw, role.person
    hubs = [
        city for city in role.organisation.atlas.cities
        if city.country != person.city.country and city.distance_km(person.city) > 1_200
    ]  # fmt: skip
    hub = min(hubs, key=person.city.distance_km)
    stretch = Stretch(
        start_ms=role.begins_ms - DAY_MS,
        end_ms=role.last_ms + DAY_MS,
        desk=(person.home_ip,),
        mobile=address_in(hub.odd.hub, draw),
    )
    about = f"the phone of {person.name} in {person.city.name} always comes out at its carrier's hub in {hub.name}"
    return Staged(start_ms=stretch.start_ms, end_ms=stretch.end_ms, stretches=(stretch,), about=about)


def stage_roaming(role: Role) -> Staged:
    """A business trip with a phone that roams: it comes out at home, and the laptop in the hotel."""
    draw, person = role.draw, role.person
    there = draw.choice(role.organisation.atlas.far_from(person.city))
    away_ms = flight_ms(person.city, there)
    leaves_ms = role.at(role.workday(4), draw.uniform(9, 20))
    arrives_ms = leaves_ms + away_ms
    returns_ms = arrives_ms + round(draw.uniform(26, 50) * HOUR_MS)
    stretches = (
        silence(leaves_ms, arrives_ms),
        Stretch(
            start_ms=arrives_ms,
            end_ms=returns_ms,
            desk=(there.public_wifi(draw),),
            mobile=person.mobile_ip,
            zone=there.zone,
        ),
        silence(returns_ms, returns_ms + away_ms),
    )
    about = f"the phone of {person.name} roams in {there.name} and comes out in {person.city.country}"
    return Staged(start_ms=leaves_ms, end_ms=returns_ms + away_ms, stretches=stretches, about=about)


def stage_new_phone(role: Role) -> Staged:
    """Egnyte's app on a new tablet: a client of another name."""
    draw, person = role.draw, role.person
    at_ms = role.at(role.workday(), draw.uniform(10, 16))
    tablet = {"ip": person.home_ip, "client": "Tablet App"}
    events = (
        login_event(person, at_ms, "Login", **tablet),
        file_event(person, at_ms + 40_000, "Preview", f"/Shared/{person.department}/Welcome.pdf", **tablet),
    )
    day = Stretch(start_ms=at_ms - HOUR_MS, end_ms=at_ms + HOUR_MS, desk=(person.home_ip,), mobile=person.mobile_ip)
    about = f"{person.name} has a new tablet"
    return Staged(start_ms=at_ms, end_ms=events[-1]["date"], events=events, stretches=(day,), about=about)


def _roams(person: Person, organisation: Organisation) -> bool:
    return person.city.country in ROAMING_COUNTRIES and not person.is_admin


HUB: Final = Behaviour(
    kind="carrier_hub_abroad", policy="impossible_travel", malicious=False, stage=stage_hub, per_400=3
)
ROAMING: Final = Behaviour(
    kind="roaming_phone",
    policy="impossible_travel",
    malicious=False,
    stage=stage_roaming,
    fits=_roams,
    also=("infrequent_country",),
)
NEW_PHONE: Final = Behaviour(
    kind="new_tablet", policy="new_client", malicious=False, stage=stage_new_phone, also=("new_client",)
)
