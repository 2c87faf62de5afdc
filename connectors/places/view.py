"""Looks addresses up in one set of databases and lists, and remembers what it found."""

from sys import intern
from typing import Final

import maxminddb
import msgspec
import structlog

from connectors.places.address import Address, Flaw, parse
from connectors.places.database import Database
from connectors.places.listset import Listing, ListSet
from connectors.places.records import Record, place_of, provider_of, tags_of
from schemas.activity import Network, Place, Stamp

_log: Final = structlog.get_logger(__name__)


class Located(msgspec.Struct, frozen=True, gc=False):
    """Where an address is. `ip`: canonical text, empty where there is none. `flag`: `no_ip`, `bad_ip`, or empty."""

    ip: str
    place: Place
    network: Network
    flag: str


class Sources(msgspec.Struct, frozen=True):
    """What addresses are looked up in. `custom` lists beat `shipped` ones."""

    city: Database | None
    asn: Database | None
    anonymous: Database | None
    custom: ListSet | None
    shipped: ListSet

    def stamp(self) -> Stamp:
        """The versions of all this."""
        return Stamp(
            city_db=str(self.city or ""),
            asn_db=str(self.asn or ""),
            anonymous_db=str(self.anonymous or ""),
            lists=f"{self.shipped.digest}+{self.custom.digest}" if self.custom else self.shipped.digest,
        )


_FLAWED: Final[dict[Flaw, Located]] = {
    "no_ip": Located("", Place(), Network(), "no_ip"),
    "bad_ip": Located("", Place(), Network(), "bad_ip"),
}


class View:
    """One state of the sources. It never changes: what it says and its `stamp` belong together.

    Remembers the last addresses in two generations: when the young one is full it becomes the old one, and the old one
    is forgotten. That bounds it as an LRU does, without moving anything on a hit. Keys are addresses in canonical form,
    so no text that somebody makes up, nor its ports, can push them out or is kept at length. Safe for several threads.
    """

    __slots__ = ("_generation", "_old", "_reported", "_sources", "_young", "stamp")

    def __init__(self, sources: Sources, cache_size: int) -> None:
        """`cache_size`: how many addresses are remembered at most; below 2 none is."""
        self.stamp = sources.stamp()
        self._sources = sources
        self._generation = cache_size // 2
        self._young: dict[str, Located] = {}
        self._old: dict[str, Located] = {}
        self._reported = False

    @property
    def remembered(self) -> int:
        """How many addresses are remembered."""
        return len(self._young) + len(self._old)

    def locate(self, text: str | None) -> Located:
        """Where the address in `text` is, and what kind of network it belongs to. Never raises."""
        if text is None:
            return _FLAWED["no_ip"]
        return self._young.get(text) or self._old_or_new(text)

    def _old_or_new(self, text: str) -> Located:
        located = self._old.get(text)
        if located is None:
            address = parse(text)
            if isinstance(address, str):
                return _FLAWED[address]
            located = self._young.get(address.text) or self._old.get(address.text) or self._located(address)
        self._remember(located)
        return located

    def _remember(self, located: Located) -> None:
        if self._generation < 1:
            return
        if len(self._young) >= self._generation and located.ip not in self._young:
            self._old, self._young = self._young, {}
        self._young[located.ip] = located

    def _located(self, address: Address) -> Located:
        place, asn, organisation = Place(), 0, ""
        tags: list[str] = []
        if address.public:
            if city := self._record(self._sources.city, address):
                place = place_of(city)
                if "traits" in city:
                    asn, organisation = provider_of(city)
                    tags.extend(tags_of(city))
            if provider := self._record(self._sources.asn, address):
                asn, organisation = provider_of(provider)
            if anonymous := self._record(self._sources.anonymous, address):
                tags.extend(tags_of(anonymous))
        listings = self._listings(address, asn)
        for listing in listings:
            tags.extend(listing.tags)
        network = Network(
            prefix=intern(address.prefix),
            asn=asn,
            organisation=organisation,
            category=next((listing.category for listing in listings if listing.category), ""),
            tags=tuple(sorted({*tags})) if tags else (),
            listed_by=listings[0].listed_by if listings else "",
        )
        return Located(address.text, place, network, "")

    def _listings(self, address: Address, asn: int) -> list[Listing]:
        """What the lists say of the address, then of its AS.

        A custom block hides shipped blocks, and a custom AS the shipped one. The AS's tags stand beside the block's: a
        network does not leave its satellite because somebody listed an address of it.
        """
        custom, shipped = self._sources.custom, self._sources.shipped
        number, version = address.number, address.version
        block = custom.of_address(number, version) if custom else None
        provider = custom.providers.get(asn) if custom else None
        both = (block or shipped.of_address(number, version), provider or shipped.providers.get(asn))
        return [listing for listing in both if listing]

    def _record(self, database: Database | None, address: Address) -> Record | None:
        if database is None:
            return None
        try:
            return database.get(address.text, address.version)
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            if not self._reported:
                self._reported = True
                advice = "Get the database again; until then such addresses have no place."
                _log.error("damaged record", path=str(database.path), ip=address.text, error=str(error), advice=advice)
            return None
