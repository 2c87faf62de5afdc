"""`egnyte.connectors`: where each connector stands. Compacted; keys `<connector>/cursor` and `<connector>/status`, JSON
values.

The cursor record is written in the transaction of the events that it stands behind, by the connector alone; the status
is for people.
"""

from typing import Final, Literal

import msgspec

SCHEMA: Final = 1

State = Literal["starting", "following", "catching_up", "throttled", "failing", "refused", "stopped"]
"""`following`: drained, polls. `catching_up`: more is waiting. `failing`: retries by itself. `refused`: somebody has to
act.
"""


class CursorRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that a connector needs to go on after kill -9. Times are ms since the epoch, UTC.

    `instance`: the process that wrote it. `cursor`: Egnyte's, empty until the first answer or after it was refused;
    then `start_ms` is asked for. `newest_ms`: newest event date seen. `received_ms`: the last answer. `window`: offset
    of the events topic, by partition, from which the published events of the overlap can be read back. `requests_ms`:
    recent requests, the one in flight included, so that limits hold across restarts. `not_before_ms`: Egnyte asked not
    to be asked before.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    instance: str
    cursor: str = ""
    start_ms: int = 0
    newest_ms: int = 0
    received_ms: int = 0
    window: dict[int, int] = {}
    requests_ms: tuple[int, ...] = ()
    not_before_ms: int = 0


class Gap(msgspec.Struct, frozen=True):
    """A span of event time that the stream no longer gives: older than it reaches back. Ms since the epoch, UTC."""

    from_ms: int
    to_ms: int


class StatusRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a connector fares. Times are ms since the epoch, UTC.

    `polled_ms`: the last good answer. `newest_ms`: newest event date. `lag_ms`: how far the last event was behind its
    reception. `error_kind`, `error`: what is wrong, empty where nothing is. `gap`: the last span that was missed. The
    counts are since `started_ms`: events published, repeats left out, dead letters, answers.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    instance: str
    state: State
    started_ms: int
    written_ms: int
    polled_ms: int = 0
    newest_ms: int = 0
    lag_ms: int = 0
    error_kind: str = ""
    error: str = ""
    gap: Gap | None = None
    answers: int = 0
    events: int = 0
    repeats: int = 0
    dead_letters: int = 0


def cursor_key(connector: str) -> bytes:
    """Key of the cursor record."""
    return f"{connector}/cursor".encode()


def status_key(connector: str) -> bytes:
    """Key of the status record."""
    return f"{connector}/status".encode()


_encoder = msgspec.json.Encoder()
_cursors = msgspec.json.Decoder(CursorRecord, strict=False)


def encode(record: CursorRecord | StatusRecord) -> bytes:
    """The value of a record (JSON)."""
    return _encoder.encode(record)


def decode_cursor(value: bytes) -> CursorRecord:
    """The cursor record out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _cursors.decode(value)
