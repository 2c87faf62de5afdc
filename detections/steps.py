"""The steps of policies' cases, and what happens in them: activities of one user, from networks and by accounts with
names.

Steps are written as `09:02 login Lisbon`, `+1d 09:05:30 download Oslo x8 every 30s`, `09:10 sync Lisbon unattended`, in
the order in which they come, which need not be that of their times. Where it matters, a step goes on with `on PATH`,
`to PATH` (where it was moved to), `of SUBJECT` (whom it was done to), `by CLIENT` (with `_` for a blank), `as ACCOUNT`
(one of `accounts`, as the directory knew it then) and `learned 10:00`, in this order, and ends with `parent` for the
rows that Egnyte writes for children. `{n}` in them is the number of the repetition. A step of type `directory` is what
the account's `change` says, dated by when it happened.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from schemas import activity as schema
from schemas.activity import Activity

DAY: Final = int(datetime(2025, 11, 26, tzinfo=UTC).timestamp() * 1000)
"""The day that steps begin on: a Wednesday, so that no week turns unless a case wants it."""
MARA: Final = schema.Person(email="mara.lindqvist@example.com", name="Mara Lindqvist")
FAILURES: Final = frozenset({"failed_login", "lockout"})
ADMINISTRATIVE: Final = frozenset(
    f"{change}_{what}"
    for change in ("create", "update", "delete", "suspend", "unsuspend", "change", "add", "remove", "reset")
    for what in ("user", "group", "permission", "setting", "privilege", "password")
) - {"change_password"}  # one's own

_STEP: Final = re.compile(
    r"(?:\+(?P<day>\d+)d )?(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))? (?P<type>[a-z_]+) (?P<network>\S+)"
    r"(?: x(?P<times>\d+)(?: every (?P<every>\d+)(?P<unit>ms|s|min|h))?)?"
    r"(?: on (?P<path>\S+))?(?: to (?P<target_path>\S+))?(?: of (?P<subject>\S+))?(?: by (?P<client>\S+))?"
    r"(?: as (?P<account>\S+))?(?: learned (?P<learned>(?:[+-]\d+d )?\d\d:\d\d))?"
    r"(?P<unattended> unattended)?(?P<parent> parent)?"
)
UNITS: Final = {"ms": 1, "s": 1000, "min": MINUTE_MS, "h": HOUR_MS}


_MOMENT: Final = re.compile(r"(?:(?P<day>[+-]\d+)d )?(?P<hour>\d\d):(?P<minute>\d\d)")


class CasesError(ValueError):
    """A case file that can't be read."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network that steps name. `at`: latitude and longitude in degrees. `providers`, `countries`: see
    `detections.source_cases`."""

    ip: str
    country: str = ""
    city: str = ""
    at: tuple[float, float] = (0.0, 0.0)
    radius_km: float = 0.0
    precision: schema.Precision = "city"
    prefix: str = ""
    asn: int = 0
    organisation: str = ""
    category: schema.IpCategory = ""
    tags: tuple[str, ...] = ()
    users: int = -1
    providers: int = 1
    countries: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that steps name. `deleted`, `disabled`, `leave`: when, such as `08:52` or `-2d 17:00`. The other
    fields as in `schemas.activity.Account`; `change`: as in `schemas.directory.DirectoryChange`."""

    version: int = 1
    deleted: str = ""
    disabled: str = ""
    leave: str = ""
    external: bool = False
    guest: bool = False
    privileged: bool = False
    user_type: str = ""
    groups: tuple[str, ...] = ()
    last_active: str = ""
    change: str = ""

    def account(self) -> schema.Account:
        """As activities are stamped with it. Raises CasesError for a moment that is none."""
        return schema.Account(
            version=self.version,
            deleted=bool(self.deleted),
            deleted_ms=_moment(self.deleted),
            disabled=bool(self.disabled),
            disabled_ms=_moment(self.disabled),
            leave_ms=_moment(self.leave),
            external=self.external,
            guest=self.guest,
            privileged=self.privileged,
            user_type=self.user_type,
            groups=self.groups,
            last_active_ms=_moment(self.last_active),
        )


class Cast(Protocol):
    """Whom and what steps name."""

    @property
    def networks(self) -> Mapping[str, Source]: ...
    @property
    def accounts(self) -> Mapping[str, Known]: ...


def activities(cast: Cast, case: str, steps: Sequence[str]) -> Iterator[Activity]:
    """What happens in `steps`, of the case of this name. Raises CasesError for a step that is none."""
    for number, text in enumerate(steps, 1):
        step = _STEP.fullmatch(text)
        if step is None or step["network"] not in cast.networks or step["type"] not in schema.TYPES:
            raise CasesError(
                f"{case!r}, step {number}: {text!r} is not like '09:02 login Lisbon', with an activity type "
                f"and one of the networks {', '.join(cast.networks)}"
            )
        start = DAY + int(step["day"] or 0) * DAY_MS + int(step["hour"]) * HOUR_MS + int(step["minute"]) * MINUTE_MS
        start += int(step["second"] or 0) * 1000
        every = int(step["every"] or 1) * UNITS[step["unit"] or "s"]
        for turn in range(int(step["times"] or 1)):
            told: dict[str, Any] = {
                word: (step[word] or "").replace("{n}", str(turn))
                for word in ("path", "target_path", "subject", "client")
            }
            subject = told.pop("subject")
            if step["account"] is not None and step["account"] not in cast.accounts:
                raise CasesError(f"{case!r}, step {number}: {step['account']!r} is none of the accounts")
            known = cast.accounts[step["account"]] if step["account"] is not None else None
            if known is not None:
                told["account"] = known.account()
            if step["type"] == "directory":
                told |= {"source": "directory", "action": known.change if known else ""}
                told |= {"actor": schema.Person(kind="system", name="entra"), "subject": MARA, "ip": ""}
            if step["learned"]:
                told["received_ms"] = _moment(step["learned"])
            yield activity(
                cast,
                step["network"],
                step["type"],
                start + turn * every,
                f"{number}-{turn}",
                interactive=not step["unattended"],
                flags=("parent",) if step["parent"] else (),
                **({"subject": schema.Person(email=subject, name=subject)} if subject else {}),
                **(told | {"client": told["client"].replace("_", " ")}),
            )


def activity(cast: Cast, name: str, kind: str, time_ms: int, event_id: str, **more: Any) -> Activity:
    """One thing that Mara does from the network of this name."""
    source = cast.networks[name]
    latitude, longitude = source.at
    given: dict[str, Any] = {"received_ms": time_ms, "actor": MARA, "ip": source.ip} | more
    return Activity(
        connector="acme",
        event_id=event_id,
        time_ms=time_ms,
        type=kind,
        outcome="failure" if kind in FAILURES else "success",
        administrative=kind in ADMINISTRATIVE,
        place=schema.Place(
            country=source.country,
            city=source.city,
            latitude=latitude,
            longitude=longitude,
            radius_km=source.radius_km,
            precision=source.precision,
        ),
        network=schema.Network(
            prefix=source.prefix or prefix_in(source.ip),
            asn=source.asn,
            organisation=source.organisation,
            category=source.category,
            tags=source.tags,
        ),
        knowledge=schema.Knowledge(source.users, source.users, source.users),
        **given,
    )


def _moment(text: str) -> int:
    """Ms since the epoch of `08:52`, `+1d 08:52` or `-2d 17:00`, counted from the day that steps begin on; 0 for none.
    Raises CasesError."""
    if not text:
        return 0
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise CasesError(f"{text!r} is no moment such as 08:52 or -2d 17:00")
    return DAY + int(found["day"] or 0) * DAY_MS + int(found["hour"]) * HOUR_MS + int(found["minute"]) * MINUTE_MS


def prefix_in(ip: str) -> str:
    """The /24 or /48 of `ip`, as text."""
    if ":" in ip:
        return f"{':'.join(ip.split(':')[:3])}::/48"
    return f"{ip.rpartition('.')[0]}.0/24"
