"""Streams of one user's activities: the places, the habits and the disorder that the properties need."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from detections.cases import judge
from detections.model import DAY_MS, HOUR_MS, LATENESS_MS, MINUTE_MS, Candidate, Policy
from detections.policies import PolicySet
from detections.state import UserState
from schemas.activity import Activity, Knowledge, Network, Person, Place

START: Final = 20_400 * DAY_MS
"""2025-11-08, a Saturday."""
MARA: Final = Person(email="mara.lindqvist@example.com", name="Mara Lindqvist")
TYPES: Final = ("login", "download", "download", "view", "delete", "failed_login", "lockout")


def source(
    ip: str, country: str, city: str, latitude: float, longitude: float, asn: int, **network: Any
) -> dict[str, Any]:
    """The fields of an activity that comes from there."""
    prefix = f"{ip.rpartition('.')[0]}.0/24" if "." in ip else f"{':'.join(ip.split(':')[:3])}::/48"
    return {
        "ip": ip,
        "place": Place(
            country=country, city=city, latitude=latitude, longitude=longitude, radius_km=20, precision="city"
        ),
        "network": Network(prefix=prefix, asn=asn, **network),
    }


LISBON: Final = source("198.51.100.7", "PT", "Lisbon", 38.72, -9.14, 64500)
LISBON6: Final = source("2001:db8:1::7", "DE", "Frankfurt", 50.11, 8.68, 64500)
PORTO: Final = source("198.51.101.7", "PT", "Porto", 41.15, -8.61, 64501)
MADRID: Final = source("198.51.102.7", "ES", "Madrid", 40.42, -3.7, 64502)
SINGAPORE: Final = source("203.0.113.7", "SG", "Singapore", 1.35, 103.82, 64503)
DENVER: Final = source("203.0.114.7", "US", "Denver", 39.74, -104.99, 64504)
OFFICE: Final = source("203.0.115.7", "ZA", "Cape Town", -33.92, 18.42, 64505, category="corporate")
VPN: Final = source("203.0.116.7", "NL", "Amsterdam", 52.37, 4.89, 64506, category="vpn")
TOR: Final = source("203.0.117.7", "SE", "Malmo", 55.6, 13.0, 64507, category="risky", tags=("tor",))
HIDDEN: Final = source("203.0.118.7", "CA", "Toronto", 43.7, -79.4, 64508, tags=("anonymous_vpn",))
BOTNET: Final = source("203.0.119.7", "VN", "Hanoi", 21.0, 105.8, 64509, category="risky", tags=("botnet",))
SOURCES: Final = (LISBON, LISBON6, PORTO, MADRID, SINGAPORE, DENVER, OFFICE, VPN, TOR, HIDDEN, BOTNET)
ADMINISTRATION: Final = frozenset({"create_user", "change_permission", "reset_password"})
CLIENTS: Final = ("", "Web UI", "Web UI", "Desktop App", "Mobile", "FTP", "Robot")
WORK: Final = (*TYPES[:5], "upload", "move", "share", "purge", *sorted(ADMINISTRATION))


def activity(time_ms: int, where: dict[str, Any] = LISBON, kind: str = "download", **more: Any) -> Activity:
    """One activity of Mara's. Its id follows from its time and place."""
    failed = kind in ("failed_login", "lockout")
    fields: dict[str, Any] = {
        "connector": "acme",
        "event_id": f"{time_ms:x}-{where.get('ip', '')}",
        "time_ms": time_ms,
        "received_ms": time_ms,
        "type": kind,
        "outcome": "failure" if failed else "success",
        "actor": MARA,
        "knowledge": Knowledge(country_users=5, asn_users=5),
    }
    return Activity(**(fields | where | more))


def habit(days: int, until_ms: int, where: dict[str, Any] = LISBON) -> list[Activity]:
    """A login at 08:00 on each of the `days` days before the day of `until_ms`."""
    today = until_ms // DAY_MS
    return [activity(day * DAY_MS + 8 * HOUR_MS, where, "login") for day in range(today - days, today)]


def known_user(policies: Sequence[Policy], until_ms: int) -> UserState:
    """Somebody who is at home in Lisbon."""
    user = UserState()
    run(policies, habit(20, until_ms), user)
    return user


def work(time_ms: int, where: dict[str, Any], kind: str, dice: random.Random) -> Activity:
    """One activity of `kind`, with a path of a few or of many, a client, and now and then what ransomware does."""
    path = f"/Shared/{dice.choice('ab')}/{dice.randrange(dice.choice((5, 100_000)))}.docx"
    return activity(
        time_ms,
        where,
        kind,
        path=path,
        target_path=f"{path}.{dice.choice(('locky', 'qzjx', 'pdf'))}" if kind == "move" else "",
        client=dice.choice(CLIENTS),
        administrative=kind in ADMINISTRATION,
        interactive=dice.random() < 0.9,
        flags=("parent",) if dice.random() < 0.05 else (),
        knowledge=Knowledge(dice.choice((-1, 0, 2, 9)), dice.choice((-1, 0, 2, 9)), dice.choice((-1, 0, 9))),
    )


def random_life(seed: int, days: int, gap_minutes: float, places: int, failing: float) -> list[Activity]:
    """`days` of activities, in time's order: exponential gaps, moods that last for a while, storms, and silences."""
    dice = random.Random(seed)  # noqa: S311
    sources = dice.sample(SOURCES, places)
    now, end, life = START, START + days * DAY_MS, []
    home, roaming = dice.choice(sources), False
    while now < end:
        pause = dice.choice((0, 0, 0, 0, 2, 9, 40, 70)) * DAY_MS if dice.random() < 0.01 else 0
        now += pause + int(dice.expovariate(1 / gap_minutes) * MINUTE_MS) + 1
        if dice.random() < 0.05:
            home, roaming = dice.choice(sources), dice.random() < 0.3
        kind = dice.choice(("failed_login", "lockout")) if dice.random() < failing else dice.choice(WORK)
        for _ in range(dice.randrange(20, 90) if dice.random() < 0.01 else 1):
            now += dice.randrange(1, 2_000)
            life.append(work(now, dice.choice(sources) if roaming else home, kind, dice))
    return life


def delayed(life: Iterable[Activity], seed: int, most_ms: int = LATENESS_MS) -> list[Activity]:
    """`life` in an order in which it may come: a few activities late, by up to `most_ms`."""
    dice = random.Random(seed)  # noqa: S311
    arrivals = [
        replace(each, received_ms=each.time_ms + (dice.randrange(most_ms) if dice.random() < 0.3 else 0))
        for each in life
    ]
    return sorted(arrivals, key=lambda each: each.received_ms)


def run(policies: Sequence[Policy], life: Iterable[Activity], user: UserState) -> list[Candidate]:
    """What `policies` say to `life`."""
    return [candidate for each in life for candidate in judge(policies, each, user)]


def policies_of(**config: Any) -> tuple[Policy, ...]:
    """The built-in policies with these settings by id."""
    return PolicySet.of(config).policies


def only(policy: str, **settings: Any) -> tuple[Policy, ...]:
    """The one built-in policy of this id, with these settings."""
    return tuple(each for each in policies_of(**{policy: settings}) if each.metadata.id == policy)
