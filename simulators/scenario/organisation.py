"""The organisation: who works where, and which networks are its own."""

from functools import cached_property
from typing import Final

from simulators.scenario.atlas import City, Places, address_in, places
from simulators.scenario.chance import chance
from simulators.scenario.people import OFFICES, Person, hire

VPN_EXITS: Final = ("Frankfurt am Main", "Montreal")
"""Where the company's VPN comes out."""
USERS_PER_ADMIN: Final = 25


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
    def lists(self) -> dict[str, str]:
        """The company's own IP list, as a file's name and its text: CSV with the columns cidr, category and tags."""
        offices = [f"{self.atlas.city(name).office_network},corporate,office" for name in OFFICES]
        exits = [f"{city.vpn_network},vpn,company" for city in self.vpn_exits]
        return {"company.csv": "\n".join(["cidr,category,tags", *offices, *exits]) + "\n"}
