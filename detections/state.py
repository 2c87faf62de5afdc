"""What is kept of each user: learned history, recent sightings, open incidents. Plain data, msgpack when at rest.

Nothing in it may depend on more of the past than `KEPT_DAYS` and a week, for state that was lost is learned again from
the last `LOOKBACK_DAYS` of the log and must come out the same. Hence three rules for whoever adds to it:

- Only event time and the activities themselves decide what is kept. What a policy concluded must not change what is
  learned (a loop through conclusions reaches back without end), and counts are kept by day, never as running means.
- An incident ends 24 h after its anchor, and at the latest at the turn of the week (`week_of`): without that, incidents
  that follow each other without a pause would keep the phase of the first for ever.
- Everything is forgotten by event time in `detections.history.forget`, and everything has a maximum size.
"""

from typing import Final

import msgspec
from msgspec import field

from detections.model import DAY_MS
from schemas.lookback import LOOKBACK_DAYS

SCHEMA: Final = 4
"""Raised whenever the meaning of stored state changes; it is then learned anew from the log."""

KEPT_DAYS: Final = LOOKBACK_DAYS - 1 - 7 - 2
"""Days of history before the present one, 80: the lookback less one (its first is not whole), less the week that an
incident may reach back, less two to spare. Who is silent for longer is forgotten and learned anew."""

INCIDENT_MS: Final = DAY_MS
TEXT_CHARS: Final = 32
"""Names of cities and providers are cut to this many characters."""
ID_CHARS: Final = 36
"""Event ids have 32 characters; a foreign one may be a UUID."""
ADDRESS_CHARS: Final = 49
"""The longest IPv6 text with a prefix length."""


class Seen(msgspec.Struct, array_like=True, gc=False):
    """On which days something was seen: bit i of `mask` is the day `last_day` - i, for the 32 days up to `last_day`."""

    last_day: int
    mask: int


class History(msgspec.Struct, array_like=True, gc=False):
    """What is usual for the user, by day since the epoch, UTC.

    `day`: the newest day of which anything came. `ip`: the address whose country and network have been learned for that
    day. `days`: newest first, one byte a day: 0 for no successful activity, else 1 + successful logins, at most 255.
    `countries`, `networks` (by AS number, in digits): where successful interactive activities came from. `clients`: by
    name, the last day of successful use. `admin_day`: the last with administrative work, 0 where none is known.
    """

    day: int = 0
    ip: str = ""
    days: bytes = b""
    countries: dict[str, Seen] = field(default_factory=dict)
    networks: dict[str, Seen] = field(default_factory=dict)
    clients: dict[str, int] = field(default_factory=dict)
    admin_day: int = 0


class Slot(msgspec.Struct, array_like=True, gc=False):
    """First and last activity within one aligned slot of time: when, which event, of which type."""

    first_ms: int
    first_id: str
    first_type: str
    last_ms: int
    last_id: str
    last_type: str


class Sighting(msgspec.Struct, array_like=True, gc=False):
    """A network (its /24 or /48) where the user was seen in the last day, and the place it stands for.

    `safe`: one of the company's own. `others`: how many others of the organisation use its country or provider, -1
    where nobody knows. `slots`: oldest first; all of the last hour that activities may come late, and one before.
    """

    prefix: str
    ip: str
    asn: int
    organisation: str
    country: str
    city: str
    latitude: float
    longitude: float
    radius_km: float
    safe: bool
    others: int
    slots: list[Slot]


class Incident(msgspec.Struct, array_like=True, gc=False):
    """An incident that goes on. `key`: what it is about. `anchor_ms`: when it began. `types`: of its activities."""

    key: str
    anchor: str
    anchor_ms: int
    first_ms: int
    last_ms: int
    count: int
    types: list[str]


class Journeys(msgspec.Struct, array_like=True, gc=False):
    """What impossible travel keeps. `sightings`: by their latest activity, newest last.

    `passing`: the address without a place that was judged last and need not be judged again.
    """

    sightings: list[Sighting] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    passing: str = ""


class LoginSession(msgspec.Struct, array_like=True, gc=False):
    """Failed logins with short gaps. `networks`: the last few that they came from. `crossed_ms`: when they became too
    many, 0 until then. `told`: the failures last told. `success_ms`, `success_id`: the last success from one of
    `networks`. `followed`: that success came after too many failures."""

    first_ms: int
    first_id: str
    first_type: str
    first_ip: str
    last_ms: int
    failures: int = 0
    lockouts: int = 0
    networks: list[str] = field(default_factory=list)
    crossed_ms: int = 0
    told: int = 0
    success_ms: int = 0
    success_id: str = ""
    followed: bool = False


class SessionDay(msgspec.Struct, array_like=True, gc=False):
    """The sessions that began on one day: how many, the sum of their failures and of its squares, and the largest."""

    day: int
    sessions: int
    failures: int
    squares: int
    largest: int


class FailedLogins(msgspec.Struct, array_like=True, gc=False):
    """What failed logins keeps. `sessions`: those that may still grow, by their last failure. `days`: the others."""

    sessions: list[LoginSession] = field(default_factory=list)
    days: list[SessionDay] = field(default_factory=list)


class Watch(msgspec.Struct, array_like=True, gc=False):
    """What one activity policy keeps of a user: when it matched lately, oldest first, and the incidents that go on.

    `marks`: beside each time CRC-32 of the target, where each target counts once; how many matches, where `times` are
    slots of time; else nothing.
    """

    times: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)


class Tally(msgspec.Struct, array_like=True, gc=False):
    """What one activity policy did on one day (since the epoch, UTC) in one partition. `raised`: CRC-32 of the anchors
    of its alerts."""

    day: int
    matches: int = 0
    raised: list[int] = field(default_factory=list)


class ActivityPolicies(msgspec.Struct, array_like=True, gc=False):
    """What the activity policies keep. `watches`: of a user, by policy. `clients`: on which days the user worked with
    which. `tallies`: by policy, only in the state that stands for a whole partition; see
    `detections.activity_policies.limits`."""

    watches: dict[str, Watch] = field(default_factory=dict)
    clients: dict[str, Seen] = field(default_factory=dict)
    tallies: dict[str, list[Tally]] = field(default_factory=dict)


class Encounters(msgspec.Struct, array_like=True, gc=False):
    """Incidents about networks and countries that go on: one with anonymisers, one with suspicious addresses, and those
    with countries new to the user, oldest first."""

    anonymous: Incident | None = None
    suspicious: Incident | None = None
    countries: list[Incident] = field(default_factory=list)


class Pane(msgspec.Struct, array_like=True, gc=False):
    """New targets within one aligned pane of time: `number` is its time divided by the length of a pane."""

    number: int
    count: int


class Burst(msgspec.Struct, array_like=True, gc=False):
    """Activities of one kind with short gaps. `count`: of different targets. `panes`: the latest, by their number.

    `rushed`: there were too many within the window. `look`: the count from which on it is worth to look at it again.
    `anchor`: event that made it an incident, empty until then. `told`: the count last told.
    """

    first_ms: int
    last_ms: int
    count: int = 0
    panes: list[Pane] = field(default_factory=list)
    rushed: bool = False
    look: int = 0
    anchor: str = ""
    told: int = 0


class Volume(msgspec.Struct, array_like=True, gc=False):
    """How much of one kind the user does.

    `days`: two bytes a day, newest (`day`) first: the largest burst that began on it and has ended. `rushes`: the days
    with too much within the window. `recent`: the latest targets, a character each. `bursts`: those that may still
    grow, by their last activity.
    """

    day: int = 0
    days: bytes = b""
    rushes: Seen | None = None
    recent: str = ""
    bursts: list[Burst] = field(default_factory=list)


class Volumes(msgspec.Struct, array_like=True, gc=False):
    """The volumes that are watched."""

    downloads: Volume = field(default_factory=Volume)
    deletions: Volume = field(default_factory=Volume)
    links: Volume = field(default_factory=Volume)
    encryptions: Volume = field(default_factory=Volume)
    administration: Volume = field(default_factory=Volume)


class Verdicts(msgspec.Struct, array_like=True, gc=False):
    """What people have said. `closed`: findings that are not updated any more, by uid (hexadecimal), with the time of
    the verdict. `benign`: AS numbers, in digits, of networks found benign, with the latest day (since the epoch)."""

    closed: dict[str, int] = field(default_factory=dict)
    benign: dict[str, int] = field(default_factory=dict)


class Recent(msgspec.Struct, array_like=True, gc=False):
    """The last activity of an hour or a day: when, which (see `detections.standing`), its type by its number in
    `schemas.activity.TYPES`; and how many there were."""

    last_ms: int
    last_id: bytes
    type: int
    count: int


class Standing(msgspec.Struct, array_like=True, gc=False):
    """What the directory has told of the user's access, and what it may be held against; see `detections.standing`.

    `version`: of the account, as told at `told_ms`, with the times (0: none) at which access ended or ends. `hours`,
    `days`: the latest with an activity, oldest first. `incidents`: those that are not closed.
    """

    version: int = 0
    told_ms: int = 0
    deleted_ms: int = 0
    left_ms: int = 0
    disabled_ms: int = 0
    hours: list[Recent] = field(default_factory=list)
    days: list[Recent] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)


class UserState(msgspec.Struct, array_like=True, gc=False):
    """All that is kept of one user; a new one knows nothing. `told`: see `detections.suppression`."""

    history: History = field(default_factory=History)
    told: list[int] = field(default_factory=list)
    journeys: Journeys = field(default_factory=Journeys)
    failed_logins: FailedLogins = field(default_factory=FailedLogins)
    activity_policies: ActivityPolicies = field(default_factory=ActivityPolicies)
    encounters: Encounters = field(default_factory=Encounters)
    volumes: Volumes = field(default_factory=Volumes)
    verdicts: Verdicts = field(default_factory=Verdicts)
    standing: Standing = field(default_factory=Standing)


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(UserState)


def encode(state: UserState) -> bytes:
    """`state` as it is stored (msgpack). Equal states give equal bytes."""
    return _encoder.encode(state)


def decode(value: bytes) -> UserState:
    """The state out of its stored form. Raises msgspec.ValidationError or msgspec.DecodeError for anything else."""
    return _decoder.decode(value)


def week_of(time_ms: int) -> int:
    """Number of the week, from Monday 00:00 UTC, that `time_ms` lies in."""
    return (time_ms // DAY_MS + 3) // 7


def goes_on(anchor_ms: int, time_ms: int) -> bool:
    """Whether what began at `anchor_ms` may still go on at `time_ms`."""
    return time_ms - anchor_ms < INCIDENT_MS and week_of(time_ms) <= week_of(anchor_ms)
