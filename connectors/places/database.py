"""Opens .mmdb databases so that nothing that happens to the file afterwards can hurt."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from itertools import chain, islice
from pathlib import Path
from typing import Final, Literal

import maxminddb

from connectors.places.errors import PlacesError
from connectors.places.records import Record, kinds_of

Kind = Literal["city", "asn", "anonymous"]

SAMPLE_RECORDS: Final = 300
"""Records read, from the first on, to learn what a database holds; even sparse ones have some."""
SAMPLE_ADDRESSES: Final = 512
"""Addresses looked up beside that, spread evenly over each family, to meet damage anywhere in the file."""

GET_ONE: Final = {
    "city": "Get GeoLite2-City (MaxMind, free account) or DB-IP City Lite (CC BY 4.0), set places.city_db to it.",
    "asn": "Get GeoLite2-ASN (MaxMind, free account) or DB-IP ASN Lite (CC BY 4.0), set places.asn_db to it.",
    "anonymous": "Get GeoIP2-Anonymous-IP (MaxMind) and set places.anonymous_db to it, or clear the setting.",
}
"""How to get a database that works, for each setting."""

_ACCEPTED: Final = {
    "city": frozenset({"city", "country"}),
    "asn": frozenset({"asn"}),
    "anonymous": frozenset({"anonymous"}),
}


_GZIP: Final = b"\x1f\x8b"


class Database:
    """An open database. `type` and `built` come from its metadata; `kinds`: what its records tell of."""

    __slots__ = ("_reader", "_reads_6", "addresses", "built", "kinds", "path", "type")

    def __init__(self, path: Path, reader: maxminddb.Reader) -> None:
        metadata = reader.metadata()
        self.path = path
        self.type = metadata.database_type
        self.built = datetime.fromtimestamp(metadata.build_epoch, UTC)
        self.addresses = "IPv4 and IPv6" if metadata.ip_version == 6 else "IPv4"
        self._reads_6 = metadata.ip_version == 6
        self._reader = reader
        self.kinds = frozenset[str]().union(*map(kinds_of, self._sample()))

    def __str__(self) -> str:
        """Type and build date, as stamped on activities."""
        return f"{self.type} {self.built:%Y-%m-%dT%H:%M:%SZ}"

    def get(self, ip: str, version: int) -> Record | None:
        """The record of `ip`, None where it has none. Raises maxminddb.InvalidDatabaseError for a damaged one."""
        if version == 6 and not self._reads_6:
            return None
        record = self._reader.get(ip)
        return record if isinstance(record, dict) else None

    def _sample(self) -> Iterator[Record]:
        first = (record for _, record in islice(self._reader, SAMPLE_RECORDS))
        step_4, step_6 = 2**32 // SAMPLE_ADDRESSES, 2**125 // SAMPLE_ADDRESSES
        spread = chain(
            (self.get(str(IPv4Address(index * step_4)), 4) for index in range(SAMPLE_ADDRESSES)),
            (self.get(str(IPv6Address((1 << 125) + index * step_6)), 6) for index in range(SAMPLE_ADDRESSES)),
        )
        return (record for record in chain(first, spread) if isinstance(record, dict))


def open_database(path: Path, kind: Kind | None = None) -> Database:
    """The database in `path`, opened and tried out. Raises PlacesError where it can't be read or is not one of `kind`.

    `kind` None: any. It is read from a private copy that ends with the process: the file itself may be overwritten in
    place at any time, and reading a mapped file that has become shorter would kill the process (SIGBUS).
    """
    advice = GET_ONE[kind or "city"]
    try:
        with tempfile.NamedTemporaryFile(prefix="egnyte-watch-", suffix=".mmdb") as copy:
            _copy(path, Path(copy.name), advice)
            if copy.read(len(_GZIP)) == _GZIP:
                raise PlacesError(str(path), "is compressed (gzip)", "Unpack it first.")
            database = Database(path, maxminddb.open_database(copy.name, maxminddb.MODE_AUTO))
    except (maxminddb.InvalidDatabaseError, ValueError, OverflowError):
        reason = "is no MaxMind DB file, or is damaged or cut short"
        raise PlacesError(str(path), reason, advice) from None
    except OSError as error:
        room = f"Make room in {tempfile.gettempdir()} for a copy of it, or set TMPDIR to another folder."
        raise PlacesError(str(path), f"can't be copied: {error.strerror}", room) from None
    if not database.kinds:
        raise PlacesError(str(path), f"{database.type}: no record in it tells of a place or a network", advice)
    if kind and not database.kinds & _ACCEPTED[kind]:
        held = ", ".join(sorted(database.kinds))
        raise PlacesError(str(path), f"{database.type}: is of another kind ({held}, not {kind})", advice)
    return database


def _copy(path: Path, copy: Path, advice: str) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise PlacesError(str(path), f"can't be read: {error.strerror}", advice) from None
    shutil.copyfile(path, copy)
