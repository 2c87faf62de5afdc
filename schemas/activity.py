"""`egnyte.activities`: the audit trail, and all that detection and replay read.

One activity is one event, normalised, and stamped with everything that detection needs to know about it (place,
network, person, organisation) as of the moment it was enriched, so that judging it again years later needs nothing
else. Key: the user key `<connector>/<normalised e-mail>`. Record timestamp: `time_ms`.
"""

from typing import Final, Literal

import msgspec

SCHEMA: Final = 1

Outcome = Literal["success", "failure", "unknown"]
PersonKind = Literal["person", "anonymous", "system", "unknown"]
Precision = Literal["city", "country", "none"]
IpCategory = Literal["", "corporate", "vpn", "risky", "administrative", "cloud", "other"]

TYPES: Final = (
    "login", "failed_login", "logout", "lockout", "upload", "download", "view", "read", "create", "edit", "copy",
    "move", "delete", "purge", "restore", "sync", "lock", "unlock", "share", "unshare", "link_access",
    "change_password", "reset_password", "add_privilege", "remove_privilege", "create_user", "update_user",
    "delete_user", "suspend_user", "unsuspend_user", "create_group", "update_group", "delete_group",
    "change_permission", "change_setting", "workflow", "directory", "verdict", "unspecified", "mark",
)  # fmt: skip
"""Generic activity types: Defender's app-independent vocabulary (Log on, Failed log on, Upload item, ...) in snake
case, with what Egnyte knows beyond it (lockout, read from a local cache, access by link, workflow). State at rest names
them by their number: new ones come last."""

FLAGS: Final = ("no_date", "dated_future", "dated_past", "no_user", "no_ip", "bad_ip", "parent", "oversized_text")
"""Why an activity is less than whole. `no_date`, `dated_future` and `dated_past` keep it out of detection;
`parent` marks the one-per-child rows that Egnyte writes when a parent folder was moved, copied or deleted."""

UNDATED: Final = frozenset({"no_date", "dated_future", "dated_past"})


class Person(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who did it. `email` is lower case, empty where unknown; `name` as Egnyte wrote it; `user_id` Egnyte's id."""

    kind: PersonKind = "person"
    email: str = ""
    name: str = ""
    user_id: str = ""


class Place(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where an address is, by a geo-IP database.

    `country`: ISO 3166-1 alpha-2, empty where unknown. `latitude`, `longitude`: degrees, WGS 84. `radius_km`: accuracy
    radius (MaxMind: 67 % confidence). `precision` `city` may be an end of a journey, `country` may not.
    """

    country: str = ""
    region: str = ""
    city: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    radius_km: float = 0.0
    precision: Precision = "none"


class Network(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What kind of network an address belongs to.

    `prefix`: its /24 or /48. `asn`, `organisation`: the registered provider, 0 and empty where unknown. `category` and
    `tags`: from IP lists (tags such as `tor`, `anonymous_proxy`, `satellite`, `relay`, `hosting`, `mobile`).
    `listed_by`: the list that said so.
    """

    prefix: str = ""
    asn: int = 0
    organisation: str = ""
    category: IpCategory = ""
    tags: tuple[str, ...] = ()
    listed_by: str = ""


class Knowledge(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The organisation as numbers: distinct users, in the last 30 full days, of this activity's country, ASN and
    client.

    -1 where nothing is known yet. Never a verdict: what a policy makes of the number is its own affair.
    """

    country_users: int = -1
    asn_users: int = -1
    client_users: int = -1


class Account(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The actor's account, as the directory (Entra ID, Egnyte) knew it when the activity was enriched. Times: ms since
    the epoch, UTC; 0: not known, or none.

    `version`: grows with every change of the account. `disabled_ms`, `deleted_ms`: since when, at the latest.
    `leave_ms`: end of the last working day. `external`: a guest, or an Egnyte standard user whom the company's own
    directory does not know as a member. `guest`: of the Entra ID tenant. `privileged`: holds a privileged role there,
    or is an administrator at Egnyte. `user_type`: `admin`, `power` or `standard` at Egnyte. `auth_type`: how Egnyte
    lets the person in (`egnyte`, `ad`, `sso`). `groups`: names, at most 100. `last_active_ms`: last seen at work
    before, by Egnyte or Entra ID, to the day.
    """

    version: int = 0
    disabled: bool = False
    disabled_ms: int = 0
    deleted: bool = False
    deleted_ms: int = 0
    leave_ms: int = 0
    external: bool = False
    guest: bool = False
    privileged: bool = False
    user_type: str = ""
    auth_type: str = ""
    groups: tuple[str, ...] = ()
    last_active_ms: int = 0


class Stamp(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The versions of what an activity was stamped from: databases (build dates) and IP lists (hash)."""

    city_db: str = ""
    asn_db: str = ""
    anonymous_db: str = ""
    lists: str = ""


class Activity(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One normalised activity. Times are ms since the epoch, UTC.

    `time_ms`: event time, clamped to [received - 180 d, received]. `audit_source`, `action`, `client` as Egnyte wrote
    them; `type`: one of `TYPES`. `ip`: canonical text without port (IPv4-mapped as IPv4), empty where absent or bad.
    `account`: None where the directory does not know the actor, or there is none. `raw`: the event as it came.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    connector: str
    event_id: str
    time_ms: int
    received_ms: int
    source: str = "audit"
    audit_source: str = ""
    action: str = ""
    type: str = "unspecified"
    outcome: Outcome = "unknown"
    administrative: bool = False
    interactive: bool = True
    actor: Person = Person()
    subject: Person | None = None
    group: str = ""
    path: str = ""
    target_path: str = ""
    info: str = ""
    client: str = ""
    ip: str = ""
    place: Place = Place()
    network: Network = Network()
    knowledge: Knowledge = Knowledge()
    account: Account | None = None
    stamp: Stamp = Stamp()
    flags: tuple[str, ...] = ()
    raw: msgspec.Raw = msgspec.Raw(b"null")
