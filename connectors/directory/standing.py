"""How a source of people stands, for people: its state, what is wrong and what to do, and the numbers beside it. Pure;
times are ms since the epoch, UTC.
"""

from typing import Final, Literal

import msgspec

from connectors.moments import iso
from schemas.connector import SourceStatus
from streams.sections import DAY_MS, HOUR_MS

SourceStanding = Literal["connecting", "connected", "degraded", "error", "off"]

FAILING_MS: Final = 2 * HOUR_MS
"""What mends itself has done so by then. Microsoft's log collectors warn after the same time."""
OVERDUE_MS: Final = 2 * HOUR_MS
"""So long after it was due, a reading is not just slow: everybody of a large tenant takes some minutes."""
ENDING_DAYS: Final = 30
"""Before the end of a secret or certificate: time enough to have another made by whoever may."""

_TRANSIENT: Final = {
    "throttled": ("throttled", "it waits as long as it is asked to"),
    "unreachable": ("timeout", "check the network, its proxy, and the service's status page"),
}
_KINDS: Final = {
    "entra": _TRANSIENT | {
        "login_refused": ("auth", "mend what the error names in the entra settings, and start the connector again"),
        "unauthorized": ("auth", "Graph does not take the app's tokens: is entra.graph_url of the tenant's cloud?"),
        "forbidden": ("permission", "grant the app User.Read.All as an application permission, with admin consent"),
    },
    "egnyte": _TRANSIENT | {
        "unauthorized": ("auth", "the token is not accepted: egnyte-watch rotate {name}"),
        "forbidden": (
            "permission",
            "users are read with the scope Egnyte.user: disconnect {name}, and connect it with --actions",
        ),
    },
}  # fmt: skip
_OTHERWISE: Final = ("api", "it is tried again by itself")


class Credential(msgspec.Struct, frozen=True):
    """What proves who the app is. `days_left`: below 0 it has ended; null where nobody knows."""

    kind: Literal["secret", "certificate"]
    ends: str | None
    days_left: int | None


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One source of people. Times are ISO 8601, UTC; null where there is none.

    `off`: it is not read, and nothing has failed: the connector does not run, or its token is not for it.
    `delta_age_s`: of the place from which changes are read on. Entra ID forgets one after 7 days; then everybody is
    read anew.
    """

    source: Literal["entra", "egnyte"]
    state: SourceStanding
    kind: str = ""
    error: str = ""
    advice: str = ""
    failing_since: str | None = None
    people: int = 0
    last_good_read: str | None = None
    last_whole_read: str | None = None
    delta_age_s: int | None = None
    credential: Credential | None = None


class _State(msgspec.Struct, frozen=True):
    state: SourceStanding
    kind: str = ""
    error: str = ""
    advice: str = ""


def source_report(told: SourceStatus, name: str, now_ms: int, *, written_ms: int, running: bool) -> SourceReport:
    """How a source of connector `name` stands. `told`: by its process at `written_ms`, which is `running`, or not."""
    credential = _credential(told, now_ms)
    state = _state(told, name, now_ms, written_ms, credential) if running else _State("off")
    return SourceReport(
        source=told.source, state=state.state, kind=state.kind, error=state.error, advice=state.advice,
        failing_since=iso(told.failing_ms) if state.error else None, people=told.people,
        last_good_read=iso(told.read_ms), last_whole_read=iso(told.complete_ms),
        delta_age_s=max(0, now_ms - told.position_ms) // 1_000 if told.position_ms else None, credential=credential,
    )  # fmt: skip


def _state(told: SourceStatus, name: str, now_ms: int, written_ms: int, credential: Credential | None) -> _State:
    if told.error_kind:
        kind, advice = _KINDS[told.source].get(told.error_kind, _OTHERWISE)
        advice = advice.format(name=name)
        if told.source == "egnyte" and kind == "permission":
            return _State("off", kind, told.error, advice)
        lasting = told.needs_people or now_ms - told.failing_ms >= FAILING_MS
        return _State("error" if lasting else "degraded", kind, told.error, advice)
    if told.next_ms and written_ms > told.next_ms + OVERDUE_MS:
        waited_h = (written_ms - told.next_ms) // HOUR_MS
        return _State("degraded", "overdue", f"a reading has been due for {waited_h} h", "start the connector again")
    if not told.read_ms:
        return _State("connecting")
    if credential is not None and credential.days_left is not None and credential.days_left < ENDING_DAYS:
        what = "certificate" if credential.kind == "certificate" else "client secret"
        advice = f"the app's {what} ends in {credential.days_left} days: make another, and set entra.{_FIELDS[what]}"
        return _State("connected", advice=advice)
    return _State("connected")


_FIELDS: Final = {"certificate": "certificate", "client secret": "client_secret"}


def _credential(told: SourceStatus, now_ms: int) -> Credential | None:
    if not told.credential:
        return None
    ends_ms = told.credential_ends_ms
    return Credential(told.credential, iso(ends_ms), (ends_ms - now_ms) // DAY_MS if ends_ms else None)
