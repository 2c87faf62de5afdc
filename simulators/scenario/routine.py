"""An ordinary day: logging in, reading, writing, now and then a link, and going home."""

import random
from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from simulators.scenario import files
from simulators.scenario.chance import chance
from simulators.scenario.events import DESKTOP, MOBILE, WEB, RawEvent, file_event, login_event
from simulators.scenario.people import Person
from simulators.scenario.whereabouts import Whereabouts, local_ms

HOLIDAY_SHARE: Final = 0.04
WEEKEND_SHARE: Final = 0.15
HOME_OFFICE_SHARE: Final = 0.4
TYPO_SHARE: Final = 0.03
LOGOUT_SHARE: Final = 0.4
ACTIONS: Final = {
    WEB: (
        ("Preview", 50),
        ("Download", 22),
        ("Upload", 18),
        ("Create Folder", 3),
        ("Create Link", 3),
        ("Move File or Folder", 4),
    ),
    DESKTOP: (("Read", 45), ("Download", 25), ("Upload", 26), ("Delete File or Folder", 4)),
    MOBILE: (("Preview", 70), ("Download", 30)),
}
"""What is done by each client, in how many cases of a hundred: rough guesses, for want of published numbers."""


class Session(msgspec.Struct, frozen=True):
    """A sitting: begins `start_ms`, lasts `length_s`, with `steps` things done by `client`."""

    start_ms: int
    length_s: float
    steps: int
    client: str


def day(person: Person, where: Whereabouts, today: date, seed: int) -> Iterator[RawEvent]:
    """What `person` does on `today`, a date of the zone they live by; not sorted by time."""
    draw = chance(seed, "day", person.number, today)
    arranged = where.is_arranged(today)
    if today.weekday() >= 5 and not arranged:
        if draw.random() < WEEKEND_SHARE:
            start_ms = local_ms(today, draw.uniform(9, 21), where.zone(today))
            yield from sitting(
                person, where, Session(start_ms, draw.uniform(120, 900), draw.randint(1, 5), MOBILE), False, draw
            )
        return
    if draw.random() < HOLIDAY_SHARE and not arranged:
        return
    in_office = draw.random() > HOME_OFFICE_SHARE
    for session in _workday(person, today, where.zone(today), draw):
        yield from sitting(person, where, session, in_office, draw)


def _workday(person: Person, today: date, zone: str, draw: random.Random) -> Iterator[Session]:
    begins_ms = local_ms(today, person.starts_h + draw.uniform(-0.4, 0.4), zone)
    noon_ms = local_ms(today, 12 + draw.uniform(0, 0.8), zone)
    after_ms = local_ms(today, 13.2 + draw.uniform(0, 0.5), zone)
    yield Session(
        begins_ms, draw.uniform(2.0, 2.8) * 3_600, draw.randint(6, 16), _desk_client(person, today, afternoon=False)
    )
    yield Session(noon_ms, draw.uniform(60, 900), draw.randint(1, 4), MOBILE)
    yield Session(
        after_ms, draw.uniform(2.5, 4.0) * 3_600, draw.randint(6, 18), _desk_client(person, today, afternoon=True)
    )
    if draw.random() < 0.3:
        evening_ms = local_ms(today, draw.uniform(19, 22), zone)
        yield Session(evening_ms, draw.uniform(60, 1_200), draw.randint(1, 4), MOBILE)


def _desk_client(person: Person, today: date, *, afternoon: bool) -> str:
    """Who has the desktop app uses it for half of the day, mornings and afternoons by turns."""
    if not person.has_desktop_app:
        return WEB
    return DESKTOP if (today.toordinal() + person.number + afternoon) % 2 else WEB


def sitting(
    person: Person, where: Whereabouts, session: Session, in_office: bool, draw: random.Random
) -> Iterator[RawEvent]:
    """The events of one session: a login, at times after a typo, then work, at times a logout. Out of reach, there
    are none.
    """
    moments = sorted(session.start_ms + round(draw.uniform(15, session.length_s) * 1_000) for _ in range(session.steps))
    ip = where.address(session.start_ms, session.client, in_office, draw)
    if ip and draw.random() < TYPO_SHARE:
        yield login_event(
            person, session.start_ms - draw.randint(4_000, 20_000), "Failed Login", ip=ip, client=session.client
        )
    if ip:
        yield login_event(person, session.start_ms, "Login", ip=ip, client=session.client)
    for at_ms in moments:
        if ip := where.address(at_ms, session.client, in_office, draw):
            yield work(person, at_ms, ip, session.client, draw)
    if ip and draw.random() < LOGOUT_SHARE:
        left_ms = max([session.start_ms, *moments]) + draw.randint(5_000, 60_000)
        if ip := where.address(left_ms, session.client, in_office, draw):
            yield login_event(person, left_ms, "Logout", ip=ip, client=session.client)


def work(person: Person, at_ms: int, ip: str, client: str, draw: random.Random) -> RawEvent:
    """One thing done to a file."""
    names, weights = zip(*ACTIONS[client], strict=True)
    action: str = draw.choices(names, weights)[0]
    path = files.own_file(person, draw)
    if action == "Create Folder":
        path = path.rpartition("/")[0] + f"/New {draw.randint(1, 99)}"
    if action == "Create Link":
        return file_event(person, at_ms, action, path, ip=ip, client=client, target=files.link(draw))
    if action == "Move File or Folder":
        return file_event(
            person, at_ms, action, path, ip=ip, client=client, target=path.replace("/Shared/", "/Shared/Archive/")
        )
    return file_event(person, at_ms, action, path, ip=ip, client=client)
