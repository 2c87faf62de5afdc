"""`egnyte.connectors`: where each connector stands. Compacted; keys `<connector>/cursor`, `<connector>/status` and
`<connector>/request`, JSON values.

The cursor record is written in the transaction of the events that it stands behind, by the connector alone; the status
is for people; a request is what people ask of the connector.
"""

from typing import Final, Literal

import msgspec

from schemas.directory import Source

SCHEMA: Final = 1

State = Literal[
    "starting",
    "history",
    "following",
    "catching_up",
    "throttled",
    "failing",
    "refused",
    "stopped",
    "disabled",
    "disconnected",
]
"""`history`: older events are fetched, before the stream. `following`: drained, polls. `catching_up`: more is waiting.
`failing`: retries by itself. `refused`: somebody has to act. `disabled`, `disconnected`: by people.
"""


class HistoryRequest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Somebody asks for events from `from_ms` on, before the stream begins. Times are ms since the epoch, UTC.

    It is heeded by a connector whose stream has not begun, and of no effect on any other: history is published before
    the stream.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    from_ms: int
    asked_ms: int


class HistoryProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far history has been published. Times are ms since the epoch, UTC, on whole days.

    `from_ms`: where it began; `done_ms`: all before it is published. `to_ms`: end of the span in work, 0 for none;
    `jobs`: its reports, by type, with the ids of Egnyte's jobs; `csv`: they are fetched as CSV; `window`: offset of the
    events topic, by partition, at which the span began. `days`: length of a span. `left_out`: reports that Egnyte does
    not give, and why.
    """

    from_ms: int
    done_ms: int
    to_ms: int = 0
    days: int = 0
    csv: bool = False
    jobs: dict[str, str] = {}
    window: dict[int, int] = {}
    left_out: dict[str, str] = {}


class CursorRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that a connector needs to go on after kill -9. Times are ms since the epoch, UTC.

    `instance`: the process that wrote it. `cursor`: Egnyte's, empty until the first answer or after it was refused;
    then `start_ms` is asked for. `newest_ms`: newest event date seen. `received_ms`: the last answer. `window`: offset
    of the events topic, by partition, from which the published events of the overlap can be read back. `requests_ms`:
    recent requests, so that limits hold across restarts; `asking`: another may have been made since. `not_before_ms`:
    Egnyte asked not to be asked before. `day`: number of the day (since the epoch, UTC) in which `day_requests` were
    made. `history`: where older events are asked for, None where they were not.
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
    asking: bool = False
    not_before_ms: int = 0
    day: int = 0
    day_requests: int = 0
    history: HistoryProgress | None = None


class Gap(msgspec.Struct, frozen=True):
    """A span of event time that the stream no longer gives: older than it reaches back. Ms since the epoch, UTC."""

    from_ms: int
    to_ms: int


class HistoryStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far older events have come: those from `from_ms` to `done_ms` are published, of those to `to_ms` (times in
    ms). `events`: how many, since the connector started. `left_out`: reports that Egnyte does not give, and why.
    """

    from_ms: int
    to_ms: int
    done_ms: int
    events: int = 0
    left_out: dict[str, str] = {}


class Episode(msgspec.Struct, frozen=True):
    """Something is wrong with the connector, and was said. `since_ms`: from when (ms since the epoch, UTC). `anchor`:
    with connector and policy, it makes the finding's uid.
    """

    anchor: str
    since_ms: int


class Watch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the connector's findings about itself rest on; kept from one process to the next. Times are ms since the
    epoch, UTC.

    `from_ms`: from when events are known. `well_ms`: no good answer was due before. `gaps`: the longest time between
    two events, by the day (number since the epoch) that it ended on. `open`: what is wrong, by the finding's policy.
    """

    from_ms: int
    well_ms: int
    gaps: dict[int, int] = {}
    open: dict[str, Episode] = {}


class TokenFacts(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known of the token in use, but for the token. Times are ms since the epoch, UTC.

    `id`: of its hash. `issued_ms`: when it was got, or first used. `expires_ms`: its end, 0 where Egnyte named none.
    `renews`: a refresh token is there. `user`: whose it is, empty where nobody asked.
    """

    id: str
    issued_ms: int
    expires_ms: int = 0
    renews: bool = False
    user: str = ""


class SourceStatus(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How reading people from one source goes. Times are ms since the epoch, UTC; 0 for what has not been, or is not
    known.

    `read_ms`: the last good reading, `complete_ms`: the last one of everybody; `position_ms`: when the place from which
    changes are read on was given (Entra ID's deltaLink). `people`: accounts that are there. `next_ms`: the next reading
    is due. `error_kind`, `error`: what is wrong since `failing_ms`, empty where nothing is; `needs_people`: retrying
    can't mend it. `credential`: what proves who the app is, which ends at `credential_ends_ms`.
    """

    source: Source
    read_ms: int = 0
    complete_ms: int = 0
    position_ms: int = 0
    people: int = 0
    next_ms: int = 0
    error_kind: str = ""
    error: str = ""
    needs_people: bool = False
    failing_ms: int = 0
    credential: Literal["", "secret", "certificate"] = ""
    credential_ends_ms: int = 0


class StatusRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a connector fares. Times are ms since the epoch, UTC.

    `polled_ms`: the last good answer. `newest_ms`: newest event date. `lag_ms`: how far the last event was behind its
    reception. `error_kind`, `error`: what is wrong, empty where nothing is. `gap`: the last span that was missed.
    `interval_ms`: pause between polls that the quota allows now; `day_left`: requests that are left of the day's quota,
    -1 where nobody knows. `history`: where older events were asked for. The counts are since `started_ms`: events
    published, repeats left out, dead letters, answers. `next_ms`: the next request is due. `hour_left`: requests of the
    hour that are left by the connector's own limit. `url`: of the domain. `people`: the sources of people.
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
    interval_ms: int = 0
    next_ms: int = 0
    hour_left: int = -1
    day_left: int = -1
    url: str = ""
    token: TokenFacts | None = None
    watch: Watch | None = None
    history: HistoryStatus | None = None
    people: tuple[SourceStatus, ...] = ()
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


def request_key(connector: str) -> bytes:
    """Key of what people ask of the connector."""
    return f"{connector}/request".encode()


_encoder = msgspec.json.Encoder()
_cursors = msgspec.json.Decoder(CursorRecord, strict=False)
_statuses = msgspec.json.Decoder(StatusRecord, strict=False)
_requests = msgspec.json.Decoder(HistoryRequest)


def encode(record: CursorRecord | StatusRecord | HistoryRequest) -> bytes:
    """The value of a record (JSON)."""
    return _encoder.encode(record)


def decode_cursor(value: bytes) -> CursorRecord:
    """The cursor record out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _cursors.decode(value)


def decode_status(value: bytes) -> StatusRecord:
    """The status record out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _statuses.decode(value)


def decode_request(value: bytes) -> HistoryRequest:
    """The request out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _requests.decode(value)
