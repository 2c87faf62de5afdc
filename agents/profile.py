"""`profile`: how many distinct users of the organisation use each country, provider and client, by day.

A pure function of one partition of `egnyte.activities`, by event time alone: a rewind publishes the same numbers again.
Its state is bounded, whatever clients and people do. A user adds to at most `MAX_OF_USER` values of a kind in a month,
a bucket of values holds at most `MAX_IN_BUCKET`; what comes beyond that is not counted, so that nobody can push the
values of others out, or count twice by being forgotten in between. Counts may so be too low, never too high.
"""

import zlib
from typing import Final, NamedTuple, cast

import msgspec
from msgspec import field

from agents.client_names import client_name
from agents.headcount import Days, Headcount, first_seen
from detections.model import DAY_MS, attributable
from detections.networks import has_place
from schemas.activity import Activity
from schemas.event import AUDIT
from schemas.profile import WINDOW_DAYS, Kind, ProfileRecord, encode, profile_key
from streams.cluster import Record
from streams.handler import NO_STAGES, Codec, Outputs, State
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.topics import changelog_name, group_name, topic_name

NAME: Final = "profile"
SCHEMA: Final = 1
MAX_OF_USER: Final[dict[Kind, int]] = {"country": 16, "asn": 24, "client": 8}
"""Values of one user: far more than anybody uses in a month, whoever does is a program or at play."""
BUCKETS: Final = 64
"""Of values of one kind: few enough to look through when a day is over, small enough to be written often."""
MAX_IN_BUCKET: Final = 32
"""2,048 values of a kind per connector and partition, if they are spread well. There are about 250 countries."""
_MAX_ASN: Final = 1 << 32


class Kept(msgspec.Struct, array_like=True, gc=False):
    """What is kept under one key. Of a user: `seen`, by kind and value. Of a bucket of values: `counts`. Of a
    connector: the newest `day` (since the epoch, UTC), and the names of its `buckets`."""

    seen: dict[str, Days] = field(default_factory=dict)
    counts: dict[str, Headcount] = field(default_factory=dict)
    day: int = 0
    buckets: list[str] = field(default_factory=list)


class Profile:
    """Handler of `egnyte.activities`."""

    def __init__(self, profile: str) -> None:
        self._topic = profile
        self._decode = msgspec.json.Decoder(Activity).decode

    def handle(self, record: Record, state: State[Kept], out: Outputs, skip: frozenset[str] = NO_STAGES) -> None:
        """Counts who was successful, in person, and by name. The first activity of a new day ends the one before."""
        try:
            activity = self._decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # `detect` reads the same record, and sends it to the dead letters
        if activity.outcome != "success" or not activity.interactive or activity.source != AUDIT:
            return
        if not attributable(activity) or not (values := _values(activity)):
            return
        day = activity.time_ms // DAY_MS
        clock = state.load(_clock_key(activity.connector))
        census = _Census(self._topic, activity.connector, clock, state, out, record)
        if day > clock.day:
            census.turn_to(day)
        elif day < clock.day - WINDOW_DAYS:
            return
        user = state.load(record.key or b"")
        for kind, value in values:
            known = user.seen.get(f"{kind}/{value}")
            if known is None or known.last != day:
                census.include(user, kind, value, day)


class _Census(NamedTuple):
    """One connector's values in one partition, as one record meets them."""

    topic: str
    connector: str
    clock: Kept
    state: State[Kept]
    out: Outputs
    record: Record

    def include(self, user: Kept, kind: Kind, value: str, day: int) -> None:
        """Counts `user` in for `day`, and publishes what is new about full days and about people."""
        name = f"{kind}/{zlib.crc32(value.encode(errors='replace')) % BUCKETS}"
        counts, clock = self._bucket(name), self.clock
        headcount = counts.get(value)
        if headcount is None and len(counts) >= MAX_IN_BUCKET:
            return
        windows = _mark(user, kind, value, day, clock.day)
        if windows is None:
            return
        if headcount is None:
            headcount = counts[value] = Headcount()
            if name not in clock.buckets:
                clock.buckets.append(name)
        headcount.add(day, windows)
        # Who was here before, this month, changes nothing about windows that end today or before: that has time until
        # the day is over, and then costs one record for all such users.
        if day in windows or day < clock.day:
            self._publish(kind, value, headcount)

    def turn_to(self, day: int) -> None:
        """A day is over: what it added is published, and what nobody has used for a month goes."""
        clock = self.clock
        ended, clock.day = clock.day, day
        for name in clock.buckets:
            counts, kind = self._bucket(name), cast("Kind", name.partition("/")[0])
            for value, headcount in list(counts.items()):
                if headcount.last_day < day - WINDOW_DAYS - 1:  # a day more, for activities that come late
                    del counts[value]
                    key = profile_key(self.connector, kind, value, self.record.partition)
                    self.out.send(self.topic, key, None, self.record.timestamp)
                elif headcount.last_day == ended:
                    self._publish(kind, value, headcount)

    def _bucket(self, name: str) -> dict[str, Headcount]:
        return self.state.load(f"\0{self.connector}/{name}".encode(errors="replace")).counts

    def _publish(self, kind: Kind, value: str, headcount: Headcount) -> None:
        partition = self.record.partition
        told = ProfileRecord(
            connector=self.connector,
            kind=kind,
            value=value,
            partition=partition,
            day=self.clock.day,
            first_day=headcount.first_day,
            days=tuple(headcount.days),
            users=tuple(headcount.users),
        )
        key = profile_key(self.connector, kind, value, partition)
        self.out.send(self.topic, key, encode(told), self.record.timestamp)


def _values(activity: Activity) -> list[tuple[Kind, str]]:
    """Kind and value of all that `activity` counts for. Exits of VPNs, relays and clouds tell of no country."""
    found: list[tuple[Kind, str]] = []
    if len(activity.place.country) == 2 and has_place(activity.network):
        found.append(("country", activity.place.country))
    if 0 < activity.network.asn < _MAX_ASN:
        found.append(("asn", str(activity.network.asn)))
    if client := client_name(activity.client):
        found.append(("client", client))
    return found


def _mark(user: Kept, kind: Kind, value: str, day: int, today: int) -> range | None:
    """Notes the user's `day` with a value; returns the windows that the user newly belongs to, None where the day does
    not count."""
    for key in [key for key, days in user.seen.items() if days.forget(today)]:
        del user.seen[key]
    key = f"{kind}/{value}"
    known = user.seen.get(key)
    if known is not None:
        return known.mark(day)
    mine = [each for each in user.seen if each.startswith(kind)]
    if len(mine) >= MAX_OF_USER[kind]:
        oldest = min(mine, key=lambda each: (user.seen[each].last, each))
        if user.seen[oldest].last >= today - WINDOW_DAYS:
            return None
        del user.seen[oldest]
    user.seen[key], windows = first_seen(day)
    return windows


def _clock_key(connector: str) -> bytes:
    return b"\0" + connector.encode(errors="replace")


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Kept)
CODEC: Final[Codec[Kept]] = Codec(SCHEMA, Kept, _encoder.encode, _decoder.decode)


def spec(settings: Settings) -> AgentSpec:
    """The agent, for `streams.app.build`."""
    return AgentSpec(
        name=NAME,
        group=group_name(settings, NAME),
        source=topic_name(settings, "activities"),
        dead_letters=topic_name(settings, "dead-letters"),
        handler=Profile(topic_name(settings, "profile")),
        codec=CODEC,
        changelog=changelog_name(settings, NAME),
    )
