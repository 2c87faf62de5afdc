"""Attacks on many accounts at once, by network: password spraying and credential stuffing."""

from typing import Final

from simulators.scenario.atlas import City, address_in
from simulators.scenario.attacks.plunder import plundering
from simulators.scenario.events import RawEvent, login_event
from simulators.scenario.people import OFFICES, Person, Stranger
from simulators.scenario.role import MINUTE_MS, SECOND_MS, Behaviour, Role, Staged

GUESSED_NAMES: Final = ("admin", "info", "backup", "scan", "test", "sales", "hr", "service", "support", "guest")


def stage_spray(role: Role) -> Staged:
    """One password tried on 25 to 60 accounts, some of which don't exist, from one network within half an hour."""
    return _spray(role, role.draw.randint(10, 25) * MINUTE_MS, guessed=False)


def stage_lucky_spray(role: Role) -> Staged:
    """The same, and it is right for one of them, whose files are taken."""
    return _spray(role, role.draw.randint(10, 25) * MINUTE_MS, guessed=True)


def _spray(role: Role, length_ms: int, *, guessed: bool) -> Staged:
    draw, victim = role.draw, role.person
    lair = draw.choice(_lairs(role))
    network = lair.ipv4[2 + draw.randrange(5)]
    start_ms = role.at(role.workday(), draw.uniform(1, 20))
    tried: list[Person | Stranger] = [*_accounts(role, draw.randint(25, 60)), *map(Stranger, GUESSED_NAMES[:5])]
    draw.shuffle(tried)
    events: list[RawEvent] = []
    for at_ms, account in zip(role.moments(start_ms, length_ms, len(tried)), tried, strict=True):
        ip = address_in(network, draw)
        events += [
            login_event(account, at_ms + again * 3 * SECOND_MS, "Failed Login", ip=ip)
            for again in range(draw.randint(1, 2))
        ]
    about = f"somebody in {lair.name} tries a password on {len(tried)} accounts"
    if guessed:
        ip = address_in(network, draw)
        login = login_event(victim, start_ms + length_ms // 2, "Login", ip=ip)
        events += [login, *plundering(role, login["date"] + 60_000, ip)]
        about += f" and gets in as {victim.name}"
    events.sort(key=lambda event: int(event["date"]))
    return Staged(start_ms=start_ms, end_ms=events[-1]["date"], events=tuple(events), networks=(network,), about=about)


def stage_stuffing(role: Role) -> Staged:
    """Stolen names with passwords from elsewhere: 30 to 50 accounts, one try each, from 6 to 10 networks within
    minutes; each network tries its share twice over.
    """
    draw = role.draw
    lairs = _lairs(role)
    networks = [draw.choice(lairs).ipv4[2 + draw.randrange(5)] for _ in range(draw.randint(3, 5))]
    start_ms = role.at(role.workday_apart(), draw.uniform(1, 20))  # two on one day would be one
    accounts: list[Person | Stranger] = [*_accounts(role, draw.randint(60, 90)), *map(Stranger, GUESSED_NAMES)]
    draw.shuffle(accounts)
    events: list[RawEvent] = []
    for number, at_ms in enumerate(role.moments(start_ms, 8 * MINUTE_MS, len(accounts))):
        ip = address_in(networks[number % len(networks)], draw)
        events.append(login_event(accounts[number], at_ms, "Failed Login", ip=ip))
    return Staged(
        start_ms=start_ms,
        end_ms=events[-1]["date"],
        events=tuple(events),
        networks=tuple(networks),
        about=f"stolen names and passwords of {len(accounts)} people are tried from {len(networks)} networks",
    )


def _lairs(role: Role) -> list[City]:
    """Cities far away without an office: a network in which colleagues live would be theirs as well."""
    return [city for city in role.organisation.atlas.far_from(role.person.city) if city.name not in OFFICES]


def _accounts(role: Role, count: int) -> list[Person]:
    return role.draw.sample(role.organisation.people, min(count, len(role.organisation.people)))


_BY_USER: Final = ("failed_logins", "impossible_travel", "infrequent_country", "mass_download", "terminated_user")
"""Of those whose passwords are tried; some have left long ago."""
SPRAY: Final = Behaviour(
    kind="password_spray",
    policy="password_spray",
    malicious=True,
    stage=stage_spray,
    also=("credential_stuffing", *_BY_USER),
)
LUCKY_SPRAY: Final = Behaviour(
    kind="lucky_spray",
    policy="password_spray",
    malicious=True,
    stage=stage_lucky_spray,
    also=("credential_stuffing", *_BY_USER),
)
STUFFING: Final = Behaviour(
    kind="credential_stuffing",
    policy="credential_stuffing",
    malicious=True,
    stage=stage_stuffing,
    most=4,
    also=("password_spray", *_BY_USER),
)
