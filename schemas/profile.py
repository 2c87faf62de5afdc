"""`egnyte.profile`: how many distinct users of a connector use a country, a provider, a client. Compacted, JSON values.

Key: `<connector>/<kind>/<value>/<partition>`. Users are spread over the partitions of the activities, each in one, so
the numbers of a value's partitions are added up.
"""

from typing import Final, Literal

import msgspec

SCHEMA: Final = 1
WINDOW_DAYS: Final = 30
"""As long as Defender for Cloud Apps looks back ("the past month")."""

Kind = Literal["country", "asn", "client"]


class ProfileRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The distinct users of one value, as far as one partition knows them. Days are counted from the epoch, in UTC.

    `value`: a country (ISO 3166-1 alpha-2), the number of an AS, or a client in lower case without its version. `day`:
    the newest of which this partition has seen anything of the connector. `days`: distinct users on each day from
    `first_day` on. `users`: distinct users in the 30 days that end with each day from `first_day` on; it goes on beyond
    `days`, for who comes today belongs to the next month too, and is 0 thereafter. What ends with a day that is not
    full yet grows with it.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    kind: Kind
    value: str
    partition: int
    day: int
    first_day: int
    days: tuple[int, ...]
    users: tuple[int, ...]


def profile_key(connector: str, kind: Kind, value: str, partition: int) -> bytes:
    """Key of the record."""
    return f"{connector}/{kind}/{value}/{partition}".encode(errors="replace")


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ProfileRecord)


def encode(record: ProfileRecord) -> bytes:
    """The value of a record (JSON)."""
    return _encoder.encode(record)


def decode(value: bytes) -> ProfileRecord:
    """The record out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(value)
