"""The organisation: who works where, and which networks are its own."""

from functools import cached_property
from typing import Final

from simulators.scenario.atlas import City, Places, address_in, places
from simulators.scenario.chance import chance
from simulators.scenario.directory import Account
from simulators.scenario.people import OFFICES, Person, hire
from simulators.scenario.providers import carriers
from simulators.scenario.threats import Threats, known_threats

VPN_EXITS: Final = ("Frankfurt am Main", "Montreal")
"""Where the company's VPN comes out."""
USERS_PER_ADMIN: Final = 25
ROAMING_COUNTRIES: Final = ("GB", "SG", "AU", "BR")
"""Those whose carriers the company has found out and listed, for phones that roam come out at home."""


class Organisation:
    """`users` people, all drawn from `seed`; one in `USERS_PER_ADMIN`, at least one, administers the domain."""

    def __init__(self, seed: int, users: int, atlas: Places | None = None) -> None:
        if users < 1:
            raise ValueError(f"an organisation has at least one user, not {users}")
        self.seed = seed
        self.atlas = atlas or places()
        self.people = tuple(
            hire(number, seed, self.atlas, is_admin=number % USERS_PER_ADMIN == 0) for number in range(users)
        )

    @cached_property
    def admins(self) -> tuple[Person, ...]:
        """Those who administer the domain."""
        return tuple(person for person in self.people if person.is_admin)

    @cached_property
    def vpn_exits(self) -> tuple[City, ...]:
        """The cities in which the VPN comes out."""
        return tuple(self.atlas.city(name) for name in VPN_EXITS)

    def office_ip(self, city: City) -> str:
        """The address behind which the whole office in `city` works."""
        return address_in(city.office_network, chance(self.seed, "office", city.name))

    def vpn_ip(self, city: City, person: Person) -> str:
        """The address that the VPN's exit in `city` gives to `person`."""
        return address_in(city.vpn_network, chance(self.seed, "vpn", city.name, person.number))

    @cached_property
    def threats(self) -> Threats:
        """What the world knows of bad addresses."""
        return known_threats(self.seed, self.atlas, {person.home_ip for person in self.people})

    @cached_property
    def lists(self) -> dict[str, str]:
        """The company's IP list files, by name: its own networks, the carriers that its phones roam with, and what it
        subscribes to (Tor exits, VPN services, addresses of ill repute).
        """
        offices = [f"{self.atlas.city(name).office_network},corporate,office" for name in OFFICES]
        exits = [f"{city.vpn_network},vpn,company" for city in self.vpn_exits]
        phones = [
            f"{carrier.asn},,mobile,{carrier.name}"
            for country in ROAMING_COUNTRIES
            for carrier in carriers(self.atlas, country)
        ]
        return {
            "company.csv": _file("cidr,category,tags", offices + exits),
            "carriers.csv": _file("asn,category,tags,name", phones),
            **self.threats.files,
        }

    def directory(self) -> tuple[Account, ...]:
        """Everybody's account, as of the beginning."""
        return tuple(Account.of(person) for person in self.people)


def _file(header: str, lines: list[str]) -> str:
    return "\n".join([header, *lines]) + "\n"
