"""How a connector stands, for people: its state, what is wrong and what to do, and the numbers beside it. Pure."""

from typing import Final, Literal

import msgspec

from connectors.directory.standing import SourceReport, source_report
from connectors.egnyte.health import DISCONNECTED_MS, LEARNT_MS, renewal_due_ms
from connectors.moments import iso, stamp
from schemas.connector import StatusRecord, TokenFacts
from streams.sections import DAY_MS, HOUR_MS, MINUTE_MS

Standing = Literal["connecting", "connected", "degraded", "error", "disabled", "disconnected"]

OVERDUE_MS: Final = 10 * MINUTE_MS
"""After its next request was due, a process that lives has written something: the longest answer takes 3 min."""
HISTORY_OVERDUE_MS: Final = 2 * HOUR_MS
"""Reports take their time."""
LAGGING_MS: Final = 15 * MINUTE_MS
"""More to fetch, and so far behind: more comes than the quota lets through."""

_KINDS: Final = {
    "unauthorized": ("auth", "the token is not accepted: egnyte-watch rotate {name}"),
    "forbidden": (
        "permission",
        "the token's user may not run audit reports, or the plan has none: egnyte-watch rotate {name} tells which",
    ),
    "throttled": ("throttled", "it waits as long as Egnyte asks. If that lasts: who else uses this API key or token?"),
    "unreachable": ("timeout", "check the network, its proxy, and Egnyte's status page"),
    "server_fault": ("api", "Egnyte has trouble; the connector tries again by itself"),
    "malformed": ("api", "Egnyte answers what can't be read; the connector tries again by itself"),
    "request_refused": ("api", "is this machine's clock right?"),
}


class Token(msgspec.Struct, frozen=True):
    """The token in use. `renewal_in_days`: until people have to see to it; below 0 it is overdue."""

    issued: str
    age_days: int
    expires: str | None
    renews_itself: bool
    renewal_in_days: int | None


class Backfill(msgspec.Struct, frozen=True):
    """Older events on their way: from `begin` to now, all until `done` is there."""

    source: Literal["stream", "reports"]
    begin: str
    done: str
    percent: int


class Latency(msgspec.Struct, frozen=True):
    """Seconds from when an event can be read in Egnyte's API to when it is on the topic, at today's quota."""

    typical_s: float
    worst_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One connector. Times are ISO 8601, UTC; null where there is none. `people`: the sources that it reads people
    from.
    """

    connector: str
    url: str
    state: Standing
    kind: str = ""
    error: str = ""
    advice: str = ""
    user: str = ""
    last_good_poll: str | None = None
    newest_event: str | None = None
    newest_event_age_s: int | None = None
    lag_s: float | None = None
    requests_left_hour: int | None = None
    requests_left_day: int | None = None
    expected_latency: Latency | None = None
    token: Token | None = None
    backfill: Backfill | None = None
    gap: tuple[str, str] | None = None
    open_findings: tuple[str, ...] = ()
    events: int = 0
    dead_letters: int = 0
    people: tuple[SourceReport, ...] = ()


class _State(msgspec.Struct, frozen=True):
    state: Standing
    kind: str = ""
    error: str = ""
    advice: str = ""


def report(
    name: str, url: str, record: StatusRecord | None, now_ms: int, *, wanted: bool, disabled: bool,
    token: TokenFacts | None,
) -> Report:  # fmt: skip
    """`record`: what its process wrote last, if ever. `wanted`: a token for it is there; `disabled`: but not used."""
    state = _state(name, record, now_ms, wanted=wanted, disabled=disabled)
    if record is None:
        return Report(
            connector=name, url=url, state=state.state, kind=state.kind, error=state.error, advice=state.advice,
            user=token.user if token is not None else "", token=_token(token, now_ms),
        )  # fmt: skip
    facts = record.token if token is None or not token.issued_ms else token
    running = state.state in {"connected", "degraded"}
    latency = Latency(record.interval_ms / 2_000, record.interval_ms / 1_000) if record.interval_ms else None
    return Report(
        connector=name, url=url or record.url, state=state.state, kind=state.kind, error=state.error,
        advice=state.advice, user=facts.user if facts is not None else "",
        last_good_poll=iso(record.polled_ms), newest_event=iso(record.newest_ms),
        newest_event_age_s=(now_ms - record.newest_ms) // 1_000 if record.newest_ms else None,
        lag_s=record.lag_ms / 1_000 if record.polled_ms else None,
        requests_left_hour=_known(record.hour_left), requests_left_day=_known(record.day_left),
        expected_latency=latency if running else None,
        token=_token(facts, now_ms) if wanted else None, backfill=_backfill(record) if running else None,
        gap=(stamp(record.gap.from_ms), stamp(record.gap.to_ms)) if record.gap is not None else None,
        open_findings=tuple(sorted(record.watch.open)) if record.watch is not None else (),
        events=record.events, dead_letters=record.dead_letters,
        people=_people(record, now_ms, running=_runs(state)),
    )  # fmt: skip


def _state(name: str, record: StatusRecord | None, now_ms: int, *, wanted: bool, disabled: bool) -> _State:
    if disabled:
        return _State("disabled", advice=f"egnyte-watch enable {name} takes it up again")
    if not wanted:
        return _State("disconnected", advice=f"its history is kept; egnyte-watch connect {name} goes on where it was")
    run = "egnyte-watch connector takes it up: is it running?"
    if record is None or record.state in {"disabled", "disconnected"}:
        return _State("connecting", advice=run)
    if record.state == "stopped":
        return _State("error", "stopped", f"the connector was stopped at {stamp(record.written_ms)}", run)
    patience_ms = HISTORY_OVERDUE_MS if record.state == "history" else OVERDUE_MS
    if now_ms > max(record.next_ms, record.written_ms) + patience_ms:
        return _State("error", "no_sign_of_life", f"nothing was heard of it since {stamp(record.written_ms)}", run)
    if record.state == "starting":
        return _State("connecting")
    if record.error_kind and record.state in {"throttled", "failing", "refused"}:
        return _failed(name, record, now_ms)
    opened = record.watch.open if record.watch is not None else {}
    behind_ms = now_ms - record.newest_ms
    from_ms = record.watch.from_ms if record.watch is not None else 0
    if record.state == "catching_up" and behind_ms > LAGGING_MS and now_ms - from_ms > LEARNT_MS + DAY_MS:
        return _State("degraded", "lagging", f"{behind_ms // MINUTE_MS} min behind", "a higher quota would mend it")
    if "connector_silent" in opened:
        return _State("degraded", "silent", "Egnyte answers without events", "look into Egnyte's own audit reports")
    if "token_renewal" in opened:
        return _State("connected", advice=f"the token has to be renewed: egnyte-watch rotate {name}")
    return _State("connected")


def _failed(name: str, record: StatusRecord, now_ms: int) -> _State:
    kind, advice = _KINDS.get(record.error_kind, ("api", "the connector tries again by itself"))
    long_ago = record.watch is not None and now_ms - record.watch.well_ms >= DISCONNECTED_MS
    state: Standing = "error" if record.state == "refused" or long_ago else "degraded"
    return _State(state, kind, record.error, advice.format(name=name))


def _runs(state: _State) -> bool:
    """Whether its process is at work, well or not."""
    return state.state not in {"disabled", "disconnected"} and state.kind not in {"stopped", "no_sign_of_life"}


def _people(record: StatusRecord, now_ms: int, *, running: bool) -> tuple[SourceReport, ...]:
    name, written_ms = record.connector, record.written_ms
    return tuple(source_report(each, name, now_ms, written_ms=written_ms, running=running) for each in record.people)


def _token(facts: TokenFacts | None, now_ms: int) -> Token | None:
    if facts is None or not facts.issued_ms:
        return None
    due_ms = renewal_due_ms(facts)
    return Token(
        stamp(facts.issued_ms), (now_ms - facts.issued_ms) // DAY_MS, iso(facts.expires_ms), facts.renews,
        (due_ms - now_ms) // DAY_MS if due_ms is not None else None,
    )  # fmt: skip


def _backfill(record: StatusRecord) -> Backfill | None:
    if record.history is not None and record.history.done_ms < record.history.to_ms:
        history = record.history
        return _progress("reports", history.from_ms, history.done_ms, history.to_ms)
    if record.state == "catching_up" and record.watch is not None and record.newest_ms:
        return _progress("stream", record.watch.from_ms, record.newest_ms, record.polled_ms)
    return None


def _progress(source: Literal["stream", "reports"], from_ms: int, done_ms: int, to_ms: int) -> Backfill:
    part = (done_ms - from_ms) / max(1, to_ms - from_ms)
    return Backfill(source, stamp(from_ms), stamp(max(from_ms, done_ms)), round(100 * min(1.0, max(0.0, part))))


def _known(number: int) -> int | None:
    return None if number < 0 else number
