"""The people of the organisation: invented names, real cities."""

from typing import Final

import msgspec

from simulators.scenario.atlas import City, Places
from simulators.scenario.chance import chance

MAIL_DOMAIN: Final = "example.com"
FIRST_USER_ID: Final = 10_427_781_001

GIVEN: Final = (
    "Ines", "Tomas", "Mara", "Kofi", "Yuki", "Priya", "Lars", "Amina", "Mateo", "Chloe", "Jonas", "Leila",
    "Piet", "Noor", "Diego", "Hana", "Emeka", "Sofia", "Arjun", "Freya", "Omar", "Bianca", "Jun", "Thandi",
    "Pavel", "Irene", "Malik", "Greta", "Rafael", "Mei",
)  # fmt: skip
FAMILY: Final = (
    "Duarte", "Okafor", "Lindqvist", "Mensah", "Tanaka", "Raman", "Holm", "Haddad", "Rojas", "Martel", "Weber",
    "Karimi", "Hargrove", "Vermeer", "Salas", "Kowalska", "Nwosu", "Ferrari", "Mehta", "Larsen", "Farouk",
    "Conti", "Park", "Dlamini", "Novak", "Vasquez", "Diallo", "Steiner", "Moreira", "Chen",
)  # fmt: skip

OFFICES: Final = (
    "Lisbon",
    "London",
    "Berlin",
    "New York",
    "Chicago",
    "São Paulo",
    "Singapore",
    "Sydney",
    "Mumbai",
    "Nairobi",
    "Warsaw",
)
DEPARTMENTS: Final = ("Finance", "HR", "Engineering", "Sales", "Legal")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with an account. `home_ip`, `home_ipv6`, `mobile_ip`: the addresses of their home line and their
    phone, which stay. `starts_h`: when their working day begins, local hours. `is_admin`: administers the domain.
    """

    number: int
    name: str
    email: str
    city: City
    department: str
    home_ip: str
    home_ipv6: str
    mobile_ip: str
    starts_h: float
    is_admin: bool = False

    @property
    def label(self) -> str:
        """As events write a person."""
        return f"{self.name} ( {self.email} )"

    @property
    def has_desktop_app(self) -> bool:
        """Whether the desktop app is on their computer; one in four works in the browser only."""
        return self.number % 4 != 3

    @property
    def user_id(self) -> str:
        """Egnyte's id."""
        return str(FIRST_USER_ID + self.number)


class Stranger(msgspec.Struct, frozen=True):
    """A name that somebody typed, which belongs to nobody."""

    label: str
    user_id: str = ""


def hire(number: int, seed: int, atlas: Places, city: City | None = None, *, is_admin: bool = False) -> Person:
    """Person `number` of the organisation of `seed`; everybody has an e-mail of their own."""
    draw = chance(seed, "person", number)
    given, family = GIVEN[number % len(GIVEN)], FAMILY[(number // len(GIVEN) + number * 7) % len(FAMILY)]
    again = number // (len(GIVEN) * len(FAMILY))
    mail = f"{given}.{family}{again or ''}".lower()
    home = city or atlas.city(draw.choice(OFFICES))
    return Person(
        number=number,
        name=f"{given} {family}",
        email=f"{mail}@{MAIL_DOMAIN}",
        city=home,
        department=draw.choice(DEPARTMENTS),
        home_ip=home.home(draw),
        home_ipv6=home.home(draw, 6),
        mobile_ip=home.mobile(draw),
        starts_h=draw.uniform(7.5, 9.5),
        is_admin=is_admin,
    )
