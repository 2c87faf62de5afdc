"""What is kept of each source of attempts: a network, all logins of a domain, a link. Plain data, msgpack when at rest.

The rules of `detections.state` hold here too: event time and the attempts alone decide what is kept, nothing reaches
back further than two weeks, and everything has a maximum size. One more: attempts come from many partitions of the
activities, so in no fixed order. Hence what is kept are sets, counts, first and last times: the same whatever the
order, as long as nothing is more than an hour late and nothing had to be dropped for want of room.
"""

import zlib
from operator import itemgetter
from typing import Final

import msgspec
from msgspec import field

from detections.model import DAY_MS, LATENESS_MS, MINUTE_MS
from detections.state import ADDRESS_CHARS, ID_CHARS, KEPT_DAYS, Verdicts
from schemas.attempt import Attempt

SCHEMA: Final = 2
"""Raised whenever the meaning of stored state changes; it is then learned anew from the log."""

PANE_MS: Final = 5 * MINUTE_MS
"""Failed logins are told apart by aligned panes of this length."""
RECENT_PANES: Final = (DAY_MS + LATENESS_MS) // PANE_MS
"""Who failed is kept for a day, and as much again as an attempt may come late."""
MASK_PANES: Final = 32
MAX_MARKS: Final = 26
"""Panes of which the first failure is kept: the longest window (an hour) and the lateness on either side of it."""
MAX_ACCOUNTS: Final = 512
MAX_GUESSED: Final = 256
"""Of names that nobody has: they are hashed into 1,024 buckets, and say less than accounts do."""
MAX_KNOWN: Final = 1_024
KNOWN_DAYS: Final = 14
"""So long a success makes a user known at a network. Sentinel compares sign-ins with 14 days, too."""
WEEK_DAYS: Final = 7
IDLE_DAYS: Final = 21
"""After so long without an attempt a source is removed: nothing in it reaches back further than two weeks, and a rewind
of the attempts by three."""
BITS: Final = 32_768
"""Of the networks of a week, one each. With 5,000 networks a week, every fourth strange one is taken for known."""
MAX_NAMED: Final = 32
MAX_VISITS: Final = 512
MAX_COUNTRIES: Final = 64
MAX_PREFIXES: Final = 16
MAX_ENTERED: Final = 20
USER_CHARS: Final = 128
"""Longer user keys are counted, and not named."""


class Failing(msgspec.Struct, array_like=True, gc=False):
    """A user who failed. `pane`: of the last failure; bit i of `mask`: one in the pane `pane` - i. `today`, `before`:
    failures on the day of `pane` and on the day before. `network`: of the last failure, where there are several.
    `entered_s`: last success from there after the first failure, in seconds since the epoch, 0 where none."""

    pane: int
    mask: int
    today: int
    before: int
    network: int
    entered_s: int = 0


class Known(msgspec.Struct, array_like=True, gc=False):
    """A user who got in. Bit i of `mask`: on the day `day` - i. `first`, `last`: successes on `day`,
    ms since it began."""

    day: int
    mask: int
    first: int
    last: int


class Week(msgspec.Struct, array_like=True, gc=False):
    """The networks that anybody got in from in one week: `bits`, by hash; empty once it is too long ago. `first_day`:
    the first day with a success."""

    first_day: int
    bits: bytearray


class Mark(msgspec.Struct, array_like=True, gc=False):
    """One pane: how many, and the first of them."""

    number: int
    count: int
    first_ms: int
    first_id: str
    first_ip: str
    first_user: str


class Assault(msgspec.Struct, array_like=True, gc=False):
    """An incident that goes on, of one policy. `first`: what it began with. `last_ms`: its last attempt. `count`: of
    attempts. `told`: how many users were told last. `lucky`: how many got in. `entered`: user keys of some of them.
    `reason`: why it was suppressed."""

    first: Mark
    last_ms: int
    count: int
    told: int
    lucky: int = 0
    entered: list[str] = field(default_factory=list)
    reason: str = ""


class Logins(msgspec.Struct, array_like=True, gc=False):
    """Logins of one source. By hash of the user key: `accounts` and `guessed` (names that nobody has), of those who
    failed and are strangers there; `known`, of those who got in; `names`, of some accounts. `prefixes`: of some
    networks, by hash, where there are several. `pane`: the newest with a failure. `lost_pane`: the newest of what was
    dropped for want of room. `weeks`: by number."""

    pane: int = 0
    accounts: dict[int, Failing] = field(default_factory=dict)
    guessed: dict[int, Failing] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    prefixes: dict[int, str] = field(default_factory=dict)
    lost_pane: int = -1
    marks: list[Mark] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)
    weeks: dict[int, Week] = field(default_factory=dict)
    assaults: dict[str, Assault] = field(default_factory=dict)


class Visit(msgspec.Struct, array_like=True, gc=False):
    """A network that a link was opened from: when last, and by which provider."""

    last_ms: int
    asn: int


class Spread(msgspec.Struct, array_like=True, gc=False):
    """A link that spreads. `first`: what it began with. `last_ms`, `count`: of its openings. `told`: how many networks
    were told last. `worldwide`: that it is many countries has been told."""

    first: Mark
    last_ms: int
    count: int
    told: int
    worldwide: bool


class Visits(msgspec.Struct, array_like=True, gc=False):
    """From where a link was opened in the last day: `networks`, by hash; `countries`, by when last. `lost_ms`: the
    newest of what was dropped for want of room. `marks`: by hours."""

    newest_ms: int = 0
    networks: dict[int, Visit] = field(default_factory=dict)
    countries: dict[str, int] = field(default_factory=dict)
    lost_ms: int = -1
    marks: list[Mark] = field(default_factory=list)
    spread: Spread | None = None


class Source(msgspec.Struct, array_like=True, gc=False):
    """All that is kept of one source; a new one knows nothing. `swept_hour`: where it stands for a whole partition, up
    to which hour since the epoch idle sources have been removed."""

    logins: Logins | None = None
    visits: Visits | None = None
    verdicts: Verdicts = field(default_factory=Verdicts)
    swept_hour: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Source)


def encode(source: Source) -> bytes:
    """`source` as it is stored (msgpack). Equal states give equal bytes, whatever the order they grew in."""
    for kept in (source.logins, source.visits):
        if kept is not None:
            _sort(kept)
    return _encoder.encode(source)


def _sort(kept: Logins | Visits) -> None:
    """Sorts the mappings of `kept`: msgspec does so by itself where all keys are texts only."""
    for name in kept.__struct_fields__:
        value = getattr(kept, name)
        if isinstance(value, dict) and len(value) > 1:
            setattr(kept, name, dict(sorted(value.items(), key=itemgetter(0))))


def decode(value: bytes) -> Source:
    """The state out of its stored form. Raises msgspec.ValidationError or msgspec.DecodeError for anything else."""
    return _decoder.decode(value)


def is_idle(source: Source, time_ms: int) -> bool:
    """Whether nothing that is kept of `source` can matter to attempts from `time_ms` on, however late."""
    oldest_ms = time_ms - IDLE_DAYS * DAY_MS
    logins, visits, verdicts = source.logins, source.visits, source.verdicts
    judged_ms = [*verdicts.closed.values(), *(day * DAY_MS for day in verdicts.benign.values())]
    if judged_ms and max(judged_ms) >= time_ms - KEPT_DAYS * DAY_MS:
        return False
    if visits is not None and visits.newest_ms >= oldest_ms:
        return False
    if logins is None:
        return True
    return (
        logins.pane * PANE_MS < oldest_ms
        and all(each.day * DAY_MS < oldest_ms for each in logins.known.values())
        and all((number + 1) * WEEK_DAYS * DAY_MS < oldest_ms for number in logins.weeks)
    )


def hashed_key(key: bytes) -> int:
    """CRC-32 of a source's key, by which sources are parted."""
    return zlib.crc32(key)


def hashed(text: str) -> int:
    """CRC-32: enough to tell thousands apart; two that collide are counted as one."""
    return zlib.crc32(text.encode(errors="replace"))


def mark(marks: list[Mark], number: int, attempt: Attempt) -> None:
    """Counts `attempt` in the pane `number`."""
    index = len(marks)
    while index and marks[index - 1].number > number:
        index -= 1
    made = Mark(
        number,
        1,
        attempt.time_ms,
        attempt.event_id[:ID_CHARS],
        attempt.ip[:ADDRESS_CHARS],
        attempt.user if len(attempt.user) <= USER_CHARS else "",
    )
    if not index or marks[index - 1].number != number:
        marks.insert(index, made)
        del marks[:-MAX_MARKS]
        return
    there = marks[index - 1]
    if (made.first_ms, made.first_id) < (there.first_ms, there.first_id):
        made.count = there.count
        marks[index - 1] = there = made
    there.count += 1
