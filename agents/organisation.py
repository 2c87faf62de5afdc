"""What `enrich` knows of the organisation: how many use a country, a provider, a client. Numbers, never a verdict.

It follows `egnyte.profile` (see `streams.caches`) and adds up its partitions. Only full days before an activity's own
count, so that a thief who comes with many accounts makes no place usual on the day.
"""

from array import array
from typing import Final, NamedTuple

from agents.client_names import client_name
from schemas.activity import Knowledge
from schemas.profile import Kind, decode
from streams.cluster import Record

QUIET_DAYS: Final = 4
"""How long nothing may come of a connector while its profile still counts as up to date: Good Friday to Easter Monday.
Further behind, the profile is taken to be still reading history, and a number of it for a part of the whole."""
MOST_DAYS: Final = 64
"""Of a value: sums that are kept ready, by the day that was asked for."""
UNKNOWN: Final = Knowledge()
_DAY_MS: Final = 86_400_000

_Name = tuple[str, Kind, str]
"""Connector, kind and value."""


class _Counts(NamedTuple):
    """One partition's users of one value: see `schemas.profile.ProfileRecord`."""

    day: int
    first_day: int
    users: "array[int]"


class _Span(NamedTuple):
    """Of a connector: the first and the newest day of which anything is known."""

    first_day: int
    day: int


class Organisation:
    """The numbers of all connectors, by heart. `apply` is what its cache takes (`streams.spec.Cache`)."""

    def __init__(self) -> None:
        self._counts: dict[_Name, dict[int, _Counts]] = {}
        self._named: dict[bytes, tuple[_Name, int]] = {}
        self._spans: dict[str, _Span] = {}
        self._sums: dict[_Name, dict[int, int]] = {}

    def apply(self, record: Record) -> None:
        """Takes a record of `egnyte.profile`; see `streams.spec.Apply`. What a rewound profile says again of days that
        are known further is left out, and what it takes away again: that would come back."""
        key = record.key or b""
        if record.value is None:
            if not any(name == "replay" for name, _ in record.headers):
                self._remove(key)
            return
        told = decode(record.value)
        name = told.connector, told.kind, told.value
        known = self._counts.get(name, {}).get(told.partition)
        if known is not None and known.day > told.day:
            return
        counts = _Counts(told.day, told.first_day, array("I", told.users))
        self._counts.setdefault(name, {})[told.partition] = counts
        self._named[key] = name, told.partition
        span = self._spans.get(told.connector, _Span(told.first_day, told.day))
        self._spans[told.connector] = _Span(min(span.first_day, told.first_day), max(span.day, told.day))
        self._sums.pop(name, None)

    def _remove(self, key: bytes) -> None:
        name, partition = self._named.pop(key, (None, 0))
        if name is not None:
            partitions = self._counts[name]
            del partitions[partition]
            if not partitions:
                del self._counts[name]
            self._sums.pop(name, None)

    def knowledge(self, connector: str, time_ms: int, country: str, asn: int, client: str) -> Knowledge:
        """How many distinct users of `connector` were seen with `country`, `asn` and `client` (as Egnyte names it) in
        the 30 full days before the day (UTC) of `time_ms`.

        -1 for what is empty or 0, and for all where nothing is known: no day before this one has been counted, or the
        counting is far behind.
        """
        span, day = self._spans.get(connector), time_ms // _DAY_MS
        if span is None or not span.first_day < day <= span.day + QUIET_DAYS + 1:
            return UNKNOWN
        client = client_name(client)
        return Knowledge(
            country_users=self._users((connector, "country", country), day) if country else -1,
            asn_users=self._users((connector, "asn", str(asn)), day) if asn else -1,
            client_users=self._users((connector, "client", client), day) if client else -1,
        )

    def _users(self, name: _Name, day: int) -> int:
        sums = self._sums.get(name)
        if sums is None:
            if name not in self._counts:
                return 0
            sums = self._sums[name] = {}
        users = sums.get(day)
        if users is None:
            if len(sums) >= MOST_DAYS:
                sums.clear()
            users = sums[day] = self._sum(name, day)
        return users

    def _sum(self, name: _Name, day: int) -> int:
        total = 0
        for counts in self._counts[name].values():
            index = day - 1 - counts.first_day
            if 0 <= index < len(counts.users):
                total += counts.users[index]
        return total
