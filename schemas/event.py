"""`egnyte.events`: what happened to a user, as it came.

The value is the source's own JSON, untouched. What the pipeline has to know about it travels in the record's headers,
so that an event is never decoded just to be routed. Key: the user key. Record timestamp: when it was received.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

SCHEMA: Final = 1
"""Version of the envelope; sent as the header `schema`."""

MAX_VALUE_BYTES: Final = 900_000
"""Nothing larger is produced: brokers refuse records above 1 MiB by default, and headers and key need room."""

AUDIT: Final = "audit"
DIRECTORY: Final = "directory"
VERDICT: Final = "verdict"
MARK: Final = "mark"
SOURCES: Final = frozenset({AUDIT, DIRECTORY, VERDICT, MARK})
"""Who speaks: Egnyte's audit, the directory (people who come, leave, change), a person's verdict on a finding, or a
person's mark of an address."""

Headers = tuple[tuple[str, bytes], ...]


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """The headers of one event.

    `connector`: name of the connected domain. `event_id`: 32 hex digits, unique per connector (see
    `connectors.egnyte`). `source`: one of `SOURCES`. `schema`: version of this envelope.
    """

    connector: str
    event_id: str
    source: str = AUDIT
    schema: int = SCHEMA

    def to_headers(self) -> Headers:
        """The record headers of this envelope, in a fixed order."""
        return (
            ("connector", self.connector.encode()),
            ("event-id", self.event_id.encode()),
            ("source", self.source.encode()),
            ("schema", b"%d" % self.schema),
        )

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes | None]]) -> "Envelope":
        """The envelope out of a record's headers; unknown headers are ignored.

        Raises ValueError, naming the header, where one is missing or malformed.
        """
        found: dict[str, bytes] = {name: value for name, value in headers if value is not None}
        try:
            connector, event_id = found["connector"].decode(), found["event-id"].decode()
            source, schema = found["source"].decode(), int(found["schema"])
        except KeyError as missing:
            raise ValueError(f"header {missing.args[0]!r} is missing") from None
        except UnicodeDecodeError:
            raise ValueError("a header is not UTF-8") from None
        if source not in SOURCES:
            raise ValueError(f"header 'source' is {source!r}, known are {', '.join(sorted(SOURCES))}")
        return cls(connector, event_id, source, schema)
