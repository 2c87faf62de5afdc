"""From a page of Egnyte's to the records that are published for it. Pure."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from connectors.egnyte.audit_event import AuditEvent, NotAnEvent, parse
from connectors.egnyte.keys import Resolver, user_key
from connectors.egnyte.occurrences import Admission, Sighting, Window, content_of, event_id
from connectors.egnyte.users import CHANGES
from schemas.dead_letter import DeadLetter, kept
from schemas.event import MAX_VALUE_BYTES, Envelope
from streams.cluster import Headers

AUDIT_STREAM: Final = "egnyte/audit-stream"
"""Where a dead letter of the connector came from: no topic."""


class Outgoing(NamedTuple):
    """A record on its way: `dead` for the dead letters, else an event. Its partition is the key's."""

    key: bytes
    value: bytes
    headers: Headers
    dead: bool


class Taken(msgspec.Struct, frozen=True):
    """What one page comes to. `repeats`: events that had been published before. `newest_ms`: of this page alone, 0 for
    none. `dates`: of its events, but for those ahead of their reception.
    """

    records: list[Outgoing]
    admission: Admission
    events: int
    repeats: int
    dead_letters: int
    newest_ms: int
    dates: Sequence[int] = ()


def take(
    connector: str,
    events: Sequence[bytes],
    window: Window,
    received_ms: int,
    resolver: Resolver | None = None,
    heard: Callable[[AuditEvent], None] | None = None,
) -> Taken:
    """The records for `events`, the raw events of one page: what is new to `window`, keyed and identified.

    `resolver` finds whose key an event's is, `heard` is told of the events that are about an account. What is no event,
    or larger than a record may be, becomes a dead letter. `window` is not changed.
    """
    parsed: list[AuditEvent | NotAnEvent] = []
    sightings: list[Sighting] = []
    for raw in events:
        event = _parsed(raw)
        parsed.append(event)
        sightings.append(Sighting(content_of(raw), event.time_ms if isinstance(event, AuditEvent) else None))
    admission = window.admit(sightings, received_ms)
    records = []
    for position, occurrence in admission.occurrences.items():
        event = parsed[position]
        if heard is not None and isinstance(event, AuditEvent) and event.type in CHANGES:
            heard(event)
        published_id = event_id(connector, sightings[position].content, occurrence)
        records.append(_record(connector, events[position], parsed[position], published_id, resolver))
    dead = sum(record.dead for record in records)
    dates = [time_ms for _, time_ms in sightings if time_ms is not None and time_ms <= received_ms]
    return Taken(
        records, admission, len(records) - dead, len(events) - len(records), dead, max(dates, default=0), dates
    )


def undecodable(connector: str, body: bytes, reason: str) -> Outgoing:
    """The dead letter for an answer that could not be understood at all."""
    return _dead(connector.encode(), body, "fetch", reason)


def unfit(connector: str, raw: bytes) -> Outgoing | None:
    """The dead letter for a row of a report that can't be published, or can't be placed in time; None for any other."""
    event = _parsed(raw)
    if isinstance(event, AuditEvent) and event.time_ms is None:
        return _dead(connector.encode(), raw, "decode", "a report's row without a readable time")
    record = _record(connector, raw, event, "", None)
    return record if record.dead else None


def _parsed(raw: bytes) -> AuditEvent | NotAnEvent:
    try:
        return parse(raw)
    except NotAnEvent as error:
        return error


def _record(
    connector: str, raw: bytes, event: AuditEvent | NotAnEvent, published_id: str, resolver: Resolver | None
) -> Outgoing:
    if isinstance(event, NotAnEvent):
        return _dead(connector.encode(), raw, "decode", event.reason)
    key = user_key(connector, event.actor, link=event.link, resolver=resolver).encode()
    if len(raw) > MAX_VALUE_BYTES:
        return _dead(key, raw, "fetch", f"event of {len(raw)} bytes, at most {MAX_VALUE_BYTES} are published")
    return Outgoing(key, raw, list(Envelope(connector, published_id).to_headers()), dead=False)


def _dead(key: bytes, value: bytes, stage: str, error: str) -> Outgoing:
    letter = DeadLetter.of(value, topic=AUDIT_STREAM, partition=-1, offset=-1, stage=stage, error=error)
    return Outgoing(key, kept(value), list(letter.to_headers()), dead=True)
