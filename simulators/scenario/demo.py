"""A short story for a demonstration: three attacks within twenty seconds, and colleagues who only look suspicious.

Ines works in Lisbon; 25 minutes later her stolen session empties the payroll folder from Singapore, while she works
on. Somebody in Lagos guesses the password of Hana, an administrator in Warsaw, and gets in. Whoever has Mara's password
signs in through Tor, takes the forecasts, and makes a link to them. Leila's laptop is on the company's VPN in Frankfurt
and her phone in São Paulo; Noor has flown from Nairobi to London; Amina mistypes her password; Jun just works in
Singapore.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from simulators.scenario import files
from simulators.scenario.atlas import Places, places
from simulators.scenario.chance import chance
from simulators.scenario.events import DESKTOP, MOBILE, WEB, RawEvent, file_event, login_event
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person, hire
from simulators.scenario.routine import Session, sitting
from simulators.scenario.whereabouts import Whereabouts

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
HISTORY_DAYS: Final = 10
"""Learning takes seven days and ten logins; two logins a day for ten days end it."""
WINDOW_DAYS: Final = 7
MARGIN_MS: Final = HOUR_MS
"""So much younger than Egnyte's window of seven days is the oldest event in the stream, so that a reader may come
later.
"""
LIVE_S: Final = 20
FORECASTS: Final = "/Shared/Finance/Forecasts"
STOLEN_LINK: Final = "Rk7bVw20Ns"

Timed = tuple[RawEvent, int]
"""An event, and when it becomes visible (ms)."""


class Cast(msgspec.Struct, frozen=True):
    """The people of the story."""

    ines: Person
    hana: Person
    mara: Person
    leila: Person
    noor: Person
    amina: Person
    jun: Person


class Demo:
    """The story as of `now_ms` (ms since the epoch).

    `history`: events older than Egnyte's stream reaches, to be published before it. `recent`: those of the last seven
    days, for the stream, visible at once. `live(begins_ms)`: what then happens within `LIVE_S` seconds, each event
    with the time at which it becomes visible. `expected`: (policy id, e-mail) of the alerts that must come; `quiet`:
    e-mails of those about whom none may. `lists`: the company's IP list files, name and text; without them the VPN
    looks like a journey, and Tor like any other network. `links`: of the folder that is taken, by id; they are Mara's,
    one from before and the thief's.
    """

    def __init__(self, now_ms: int, seed: int = 1, atlas: Places | None = None) -> None:
        self._seed = seed
        self._now_ms = now_ms
        self._atlas = atlas or places()
        self._organisation = Organisation(seed, 1, self._atlas)
        self.cast = self._casting()
        everything = sorted(self._past(), key=lambda event: event["date"])
        self.stream_starts_ms = now_ms - WINDOW_DAYS * DAY_MS + MARGIN_MS
        self.history = tuple(event for event in everything if event["date"] < self.stream_starts_ms)
        self.recent = tuple(event for event in everything if event["date"] >= self.stream_starts_ms)
        self.expected = (
            ("impossible_travel", self.cast.ines.email),
            ("failed_logins", self.cast.hana.email),
            ("anonymous_ip", self.cast.mara.email),
        )
        self.links = {"Qm4TzX81La": f"{FORECASTS}/Plan 3.xlsx", STOLEN_LINK: FORECASTS}
        others = (self.cast.leila, self.cast.noor, self.cast.amina, self.cast.jun)
        self.quiet = tuple(person.email for person in others)

    @property
    def lists(self) -> dict[str, str]:
        """The company's IP list files: name and text."""
        return self._organisation.lists

    def live(self, begins_ms: int) -> tuple[Timed, ...]:
        """What happens from `begins_ms` on, in order; every event is visible the moment it happens."""
        parts = (
            self._colleagues(begins_ms), self._theft(begins_ms), self._break_in(begins_ms), self._by_tor(begins_ms)
        )  # fmt: skip
        events = sorted((event for part in parts for event in part), key=lambda event: event["date"])
        return tuple((event, event["date"]) for event in events)

    def _casting(self) -> Cast:
        def person(number: int, city: str, department: str, *, is_admin: bool = False) -> Person:
            hired = hire(number, self._seed, self._atlas, self._atlas.city(city), is_admin=is_admin)
            return msgspec.structs.replace(hired, department=department)

        return Cast(
            ines=person(0, "Lisbon", "HR"),
            hana=person(15, "Warsaw", "Engineering", is_admin=True),
            mara=person(2, "London", "Finance"),
            leila=person(11, "São Paulo", "Sales"),
            noor=person(13, "Nairobi", "Legal"),
            amina=person(7, "Berlin", "Finance"),
            jun=person(22, "Singapore", "Engineering"),
        )

    def _past(self) -> Iterator[RawEvent]:
        """Two sittings a day of everybody for ten days, and what each did last."""
        cast, now_ms = self.cast, self._now_ms
        for person in msgspec.structs.astuple(cast):
            for days in range(1, HISTORY_DAYS + 1):
                yield from self._sitting(
                    person, now_ms - days * DAY_MS - 5 * HOUR_MS, 2.0, MOBILE if days % 3 == 0 else WEB
                )
                yield from self._sitting(
                    person, now_ms - days * DAY_MS - 2 * HOUR_MS, 1.5, DESKTOP if days % 2 else WEB
                )
        yield from self._sitting(cast.ines, now_ms - 2 * HOUR_MS, 1.5, WEB)
        yield file_event(
            cast.ines, now_ms - 25 * MINUTE_MS, "Upload", "/Shared/HR/Payroll/Figures 11.xlsx", ip=cast.ines.home_ip
        )
        yield from self._sitting(cast.noor, now_ms - 16 * HOUR_MS, 2.0, WEB)
        yield from self._sitting(cast.leila, now_ms - 2 * HOUR_MS, 1.5, MOBILE)

    def _sitting(self, person: Person, start_ms: int, hours: float, client: str) -> Iterator[RawEvent]:
        draw = chance(self._seed, "demo", person.number, start_ms - self._now_ms)
        where = Whereabouts(person, self._organisation.office_ip(person.city))
        session = Session(start_ms + draw.randint(0, 20 * MINUTE_MS), hours * 0.7 * 3_600, draw.randint(4, 8), client)
        yield from sitting(person, where, session, person is self.cast.jun, draw)

    def _theft(self, begins_ms: int) -> Iterator[RawEvent]:
        """The stolen session, seconds 7 to 14; there is no login. Ines works on meanwhile."""
        ines, draw = self.cast.ines, chance(self._seed, "demo", "theft")
        ip = self._atlas.city("Singapore").address(draw)
        folder = "/Shared/HR/Payroll"
        yield file_event(ines, begins_ms + 7 * SECOND_MS, "Preview", f"{folder}/Overview 1.pdf", ip=ip)
        for number, path in enumerate(files.plunder(folder, 20, draw)):
            yield file_event(ines, begins_ms + 7_500 + number * 325, "Download", path, ip=ip)
        for second in (10, 13):  # after the thief: the first alert tells of a journey that one can follow
            path = f"{folder}/Figures {second}.xlsx"
            yield file_event(ines, begins_ms + second * SECOND_MS + 150, "Upload", path, ip=ines.home_ip)

    def _break_in(self, begins_ms: int) -> Iterator[RawEvent]:
        """26 failed logins in seconds 9 to 17, a login, and what is taken then."""
        hana, draw = self.cast.hana, chance(self._seed, "demo", "break-in")
        ip = self._atlas.city("Lagos").address(draw)
        for number in range(26):
            yield login_event(hana, begins_ms + 9 * SECOND_MS + number * 300, "Failed Login", ip=ip)
        yield login_event(hana, begins_ms + 17_500, "Login", ip=ip)
        for number, path in enumerate(files.plunder("/Shared/Engineering/Designs", 5, draw)):
            yield file_event(hana, begins_ms + 18_200 + number * 350, "Download", path, ip=ip)

    def _by_tor(self, begins_ms: int) -> Iterator[RawEvent]:
        """A login through Tor with Mara's password, a link to a folder, and the folder: seconds 14 to 17."""
        mara, draw = self.cast.mara, chance(self._seed, "demo", "tor")
        ip, _ = draw.choice(self._organisation.threats.tor)
        yield login_event(mara, begins_ms + 14_000, "Login", ip=ip)
        target = f"https://acme.egnyte.com/dl/{STOLEN_LINK}"
        yield file_event(mara, begins_ms + 14_300, "Create Link", FORECASTS, ip=ip, target=target)
        for number, path in enumerate(files.plunder(FORECASTS, 14, draw)):
            yield file_event(mara, begins_ms + 14_600 + number * 180, "Download", path, ip=ip)

    def _colleagues(self, begins_ms: int) -> Iterator[RawEvent]:
        """Those who only look suspicious, seconds 0 to 13."""
        cast, draw = self.cast, chance(self._seed, "demo", "colleagues")
        office = self._organisation.office_ip(cast.jun.city)
        yield login_event(cast.jun, begins_ms + 200, "Login", ip=office)
        yield file_event(cast.jun, begins_ms + 900, "Preview", files.own_file(cast.jun, draw), ip=office)
        vpn = self._organisation.vpn_ip(self._atlas.city("Frankfurt am Main"), cast.leila)
        yield login_event(cast.leila, begins_ms + 1_500, "Login", ip=vpn)
        for second in (2, 5, 11):
            yield file_event(
                cast.leila, begins_ms + second * SECOND_MS, "Download", files.own_file(cast.leila, draw), ip=vpn
            )
        phone = {"ip": cast.leila.mobile_ip, "client": MOBILE}
        yield file_event(cast.leila, begins_ms + 6_400, "Preview", files.own_file(cast.leila, draw), **phone)
        hotel = self._atlas.city("London").address(draw)
        yield login_event(cast.noor, begins_ms + 4 * SECOND_MS, "Login", ip=hotel)
        for second in (5, 8, 12):
            yield file_event(
                cast.noor, begins_ms + second * SECOND_MS + 300, "Preview", files.own_file(cast.noor, draw), ip=hotel
            )
        for number in range(4):
            yield login_event(cast.amina, begins_ms + 5_100 + number * 900, "Failed Login", ip=cast.amina.home_ip)
        yield login_event(cast.amina, begins_ms + 9_100, "Login", ip=cast.amina.home_ip)
