"""`egnyte.attempts`: who tried to get in, by where from; and who opened which public link.

Written by `enrich` from logins, failed logins and what nobody in particular does with a link. It tells all that
judging a network or a link needs, so that whoever reads it reads no activities. An activity becomes one record for each
of its sources, and what is judged together is on one partition:

| `by` | of | key |
|---|---|---|
| `network` | logins, failed logins | `<connector>/<prefix>`, the /24 or /48 |
| `connector` | logins, failed logins | `<connector>/logins`: all of them, for attacks from many networks |
| `link` | link access | `<connector>/link/<32 hex digits>`, a hash of the link |

Record timestamp: `time_ms`. Partition: that of Kafka's default partitioner for the key. A record with the header
`source: verdict` is no attempt but what a person says about a finding of this key (`schemas.verdict`).
"""

from typing import Final, Literal

import msgspec

from schemas.activity import IpCategory, PersonKind

SCHEMA: Final = 1

AttemptType = Literal["login", "failed_login", "link_access"]
By = Literal["network", "connector", "link"]


class Attempt(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One attempt, as its source sees it. Times are ms since the epoch, UTC.

    `event_id`: of the activity. `user`: its user key; names that don't exist and visitors of links are hashed into
    1,024 buckets each (`<connector>/~unknown-17`). `kind`: what the user is known to be. `action`, `client`: as Egnyte
    wrote them. `link`: the link, or the path where Egnyte does not tell the link; `path`: of the file. `ip` to `tags`:
    see `schemas.activity.Network` and `Place`.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    event_id: str
    time_ms: int
    received_ms: int
    by: By
    type: AttemptType
    user: str
    kind: PersonKind = "person"
    action: str = ""
    client: str = ""
    link: str = ""
    path: str = ""
    ip: str = ""
    prefix: str = ""
    asn: int = 0
    organisation: str = ""
    country: str = ""
    category: IpCategory = ""
    tags: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Attempt)


def encode(attempt: Attempt) -> bytes:
    """The value of an attempt's record (JSON)."""
    return _encoder.encode(attempt)


def decode(value: bytes) -> Attempt:
    """The attempt out of its record's value; unknown fields are ignored.

    Raises msgspec.ValidationError, naming the field, or msgspec.DecodeError.
    """
    return _decoder.decode(value)
