"""`enrich`: events as they came become activities, stamped with all that detection needs to know.

Stateless. What it knows (databases, lists) it reads from memory; each activity says which version of it that was. It
must never be rewound: it would write the audit trail twice, so every activity carries the input offset that it was
made from.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from agents.attempts import Attempts
from agents.marks import mark_of, marked
from agents.organisation import Organisation
from agents.people import People, change_of, changed
from connectors.egnyte.audit_event import AuditEvent, NotAnEvent, parse
from connectors.places import Places
from schemas.activity import Activity
from schemas.event import AUDIT, DIRECTORY, MARK, VERDICT, Envelope
from streams.cluster import Record
from streams.handler import NO_STAGES, Outputs, State
from streams.sections import Settings
from streams.spec import STATELESS, AgentSpec, Cache
from streams.topics import PARTITIONS, group_name, topic_name
from streams.unit import INPUT_OFFSET

NAME: Final = "enrich"
MAX_TEXT_CHARS: Final = 4_096
"""Of a path or any other text of an activity. Egnyte's own limit is far below; the raw event keeps the whole."""
_TEXTS: Final = ("path", "target_path", "info", "client", "group", "action", "audit_source")

_AUDITED: Final = list(Envelope("", "").to_headers()[2:])
"""Source and schema, as connectors write them."""


class Enrich:
    """Handler of `egnyte.events`."""

    def __init__(
        self,
        places: Places,
        people: People,
        organisation: Organisation,
        activities: str,
        attempts: Attempts,
        *,
        retention_ms: int,
        future_ms: int,
    ) -> None:
        self._places = places
        self._people = people
        self._organisation = organisation
        self._activities = activities
        self._attempts = attempts
        self._retention_ms = retention_ms
        self._future_ms = future_ms
        self._encode = msgspec.json.Encoder().encode
        self._connectors: dict[bytes, str] = {}

    def handle(self, record: Record, state: State[None], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        """One activity for each event, and what it is of attempts; a dead letter, with the reason, for what is none."""
        value = record.value or b""
        try:
            activity = self.activity(self._envelope(record.headers), value, record.timestamp, record.key)
        except NotAnEvent as refusal:
            out.dead_letter(record, "decode", refusal.reason)
            return
        except ValueError as refusal:
            out.dead_letter(record, "envelope", str(refusal))
            return
        out.send(
            self._activities,
            record.key,
            self._encode(activity),
            activity.time_ms,
            [(INPUT_OFFSET, b"%d" % record.offset)],
        )
        if activity.type in Attempts.types:
            self._attempts.write(activity, record.key, out)
        elif activity.source == VERDICT:
            self._attempts.pass_on(activity, record.key, out)

    def _envelope(self, headers: Sequence[tuple[str, bytes]]) -> Envelope:
        """As `Envelope.from_headers`, quicker for what connectors write."""
        if len(headers) == 4:
            (name, connector), (id_name, event_id), *rest = headers
            if name == "connector" and id_name == "event-id" and event_id is not None and rest == _AUDITED:
                known = self._connectors.get(connector)
                if known is not None and event_id.isascii():
                    return Envelope(known, event_id.decode())
        envelope = Envelope.from_headers(headers)
        self._connectors[envelope.connector.encode()] = envelope.connector
        return envelope

    def activity(self, envelope: Envelope, value: bytes, received_ms: int, key: bytes | None) -> Activity:
        """The activity of one event of the user with `key`. Raises NotAnEvent for what is not JSON of the right
        form."""
        if envelope.source != AUDIT:
            return self._spoken(envelope, value, received_ms)
        event = parse(value)
        view = self._places.view  # place and stamp from one and the same version
        located = view.locate(event.ip_text)
        time_ms, flags = self._clamped(event, received_ms)
        if located.flag:
            flags = (*flags, located.flag)
        activity = Activity(
            connector=envelope.connector,
            event_id=envelope.event_id,
            time_ms=time_ms,
            received_ms=received_ms,
            audit_source=event.audit_source,
            action=event.action,
            type=event.type,
            outcome=event.outcome,
            administrative=event.administrative,
            interactive=event.interactive,
            actor=self._people.actor(key, event.actor),
            subject=event.subject,
            group=event.group,
            path=event.path,
            target_path=event.target_path,
            info=event.info,
            client=event.client,
            ip=located.ip,
            place=located.place,
            network=located.network,
            account=self._people.account(key),
            knowledge=self._organisation.knowledge(
                envelope.connector, time_ms, located.place.country, located.network.asn, event.client
            ),
            stamp=view.stamp,
            flags=flags,
            raw=msgspec.Raw(value),
        )
        return activity if len(value) <= MAX_TEXT_CHARS else _cut(activity)

    def _clamped(self, event: AuditEvent, received_ms: int) -> tuple[int, tuple[str, ...]]:
        """Event time within [received - 180 d, received], and why it is not what Egnyte wrote."""
        time_ms, flags = event.time_ms, event.flags
        if time_ms is None:
            return received_ms, flags
        if time_ms > received_ms:
            return received_ms, (*flags, "dated_future") if time_ms - received_ms > self._future_ms else flags
        earliest = received_ms - self._retention_ms
        return (time_ms, flags) if time_ms >= earliest else (earliest, (*flags, "dated_past"))

    def _spoken(self, envelope: Envelope, value: bytes, received_ms: int) -> Activity:
        """Of a person's verdict: passed on whole, for detection to judge; of the directory and of marks: with what
        they say."""
        try:
            change = change_of(value) if envelope.source == DIRECTORY else None
            mark = mark_of(value) if envelope.source == MARK else None
            if change is None and mark is None:
                msgspec.json.decode(value, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotAnEvent(f"not a JSON object: {error}") from None
        except ValueError as error:
            raise NotAnEvent(str(error)) from None
        activity = Activity(
            connector=envelope.connector,
            event_id=envelope.event_id,
            time_ms=received_ms,
            received_ms=received_ms,
            source=envelope.source,
            type=envelope.source,
            raw=msgspec.Raw(value),
        )
        if mark is not None:
            return marked(activity, mark)
        return activity if change is None else changed(activity, change, received_ms - self._retention_ms)


def _cut(activity: Activity) -> Activity:
    """`activity` with no text longer than `MAX_TEXT_CHARS`; only events larger than that are looked at."""
    long = {name: text[:MAX_TEXT_CHARS] for name in _TEXTS if len(text := getattr(activity, name)) > MAX_TEXT_CHARS}
    for role in ("actor", "subject"):
        someone = getattr(activity, role)
        if someone is not None and max(map(len, (someone.name, someone.email, someone.user_id))) > MAX_TEXT_CHARS:
            long[role] = msgspec.structs.replace(
                someone,
                name=someone.name[:MAX_TEXT_CHARS],
                email=someone.email[:MAX_TEXT_CHARS],
                user_id=someone.user_id[:MAX_TEXT_CHARS],
            )
    if not long:
        return activity
    return msgspec.structs.replace(activity, flags=(*activity.flags, "oversized_text"), **long)


def spec(settings: Settings, places: Places) -> AgentSpec:
    """The agent, for `streams.app.build`."""
    people, organisation = People(), Organisation()
    return AgentSpec(
        name=NAME,
        group=group_name(settings, NAME),
        source=topic_name(settings, "events"),
        dead_letters=topic_name(settings, "dead-letters"),
        handler=Enrich(
            places,
            people,
            organisation,
            topic_name(settings, "activities"),
            Attempts(topic_name(settings, "attempts"), PARTITIONS),
            retention_ms=settings.streams.retention_ms,
            future_ms=settings.streams.future_ms,
        ),
        codec=STATELESS,
        lineage=topic_name(settings, "activities"),
        reset_instead=", ".join(group_name(settings, agent) for agent in ("detect", "networks", "profile")),
        caches=(
            Cache(topic_name(settings, "directory"), people.apply),
            Cache(topic_name(settings, "profile"), organisation.apply),
        ),
    )
