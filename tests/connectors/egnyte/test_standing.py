"""What `status` makes of a record: each state, with its kind and advice."""

from typing import Any

import pytest

from connectors.egnyte.standing import report
from schemas.connector import Episode, Gap, HistoryStatus, SourceStatus, StatusRecord, TokenFacts, Watch

NOW_MS = 1_763_971_200_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
TOKEN = TokenFacts(
    id="t", issued_ms=NOW_MS - 10 * DAY_MS, expires_ms=NOW_MS + 20 * DAY_MS, renews=True, user="a@b.example"
)


def record(**fields: Any) -> StatusRecord:
    usual: dict[str, Any] = {
        "connector": "acme", "instance": "i", "state": "following", "started_ms": NOW_MS - DAY_MS, "written_ms": NOW_MS,
        "polled_ms": NOW_MS - 1_000, "newest_ms": NOW_MS - MINUTE_MS, "lag_ms": 4_000, "interval_ms": 90_000,
        "next_ms": NOW_MS + 89_000, "hour_left": 40, "day_left": 500, "token": TOKEN,
        "watch": Watch(from_ms=NOW_MS - 30 * DAY_MS, well_ms=NOW_MS - 1_000),
    }  # fmt: skip
    return StatusRecord(**(usual | fields))


def opened(kind: str) -> Watch:
    return Watch(from_ms=0, well_ms=NOW_MS, open={kind: Episode("e", 1)})


def made(found: StatusRecord | None, *, wanted: bool = True, disabled: bool = False) -> Any:
    return report("acme", "https://acme.egnyte.com", found, NOW_MS, wanted=wanted, disabled=disabled, token=TOKEN)


def test_a_connector_that_is_well() -> None:
    found = made(record())
    assert (found.state, found.kind, found.advice) == ("connected", "", "")
    assert (found.last_good_poll, found.newest_event_age_s, found.lag_s) == ("2025-11-24T07:59:59Z", 60, 4.0)
    assert (found.requests_left_hour, found.requests_left_day) == (40, 500)
    assert (found.expected_latency.typical_s, found.expected_latency.worst_s) == (45.0, 90.0)
    assert (found.token.age_days, found.token.expires) == (10, "2025-12-14T08:00:00Z")
    assert found.token.renewal_in_days == 10
    assert (found.user, found.backfill, found.gap) == ("a@b.example", None, None)


@pytest.mark.parametrize(
    ("found", "state", "kind"),
    [
        (None, "connecting", ""),
        (record(state="starting"), "connecting", ""),
        (record(state="disabled"), "connecting", ""),  # enabled again, and not taken up yet
        (record(state="stopped"), "error", "stopped"),
        (record(next_ms=NOW_MS - 11 * MINUTE_MS, written_ms=NOW_MS - 20 * MINUTE_MS), "error", "no_sign_of_life"),
        (record(next_ms=NOW_MS + HOUR_MS, written_ms=NOW_MS - HOUR_MS), "connected", ""),
        (record(state="throttled", error_kind="throttled", error="429"), "degraded", "throttled"),
        (record(state="failing", error_kind="server_fault", error="503"), "degraded", "api"),
        (record(state="failing", error_kind="unreachable", error="x"), "degraded", "timeout"),
        (
            record(
                state="failing", error_kind="unreachable", error="x",
                watch=Watch(from_ms=0, well_ms=NOW_MS - 2 * HOUR_MS),
            ),
            "error", "timeout",
        ),
        (record(state="refused", error_kind="unauthorized", error="401"), "error", "auth"),
        (record(state="refused", error_kind="forbidden", error="403"), "error", "permission"),
        (record(state="catching_up", newest_ms=NOW_MS - HOUR_MS), "degraded", "lagging"),
        (record(watch=opened("connector_silent")), "degraded", "silent"),
        (record(watch=opened("token_renewal")), "connected", ""),
    ],
)  # fmt: skip
def test_each_state(found: StatusRecord | None, state: str, kind: str) -> None:
    shown = made(found)
    assert (shown.state, shown.kind) == (state, kind)
    if state in {"error", "degraded"}:
        assert shown.error
        assert shown.advice
        assert "{name}" not in shown.advice


def test_what_people_have_ended() -> None:
    assert (made(record(state="disabled"), disabled=True).state, made(record(), disabled=True).state) == (
        "disabled",
    ) * 2
    gone = made(record(state="disconnected"), wanted=False)
    assert (gone.state, gone.token) == ("disconnected", None)


def test_older_events_on_their_way() -> None:
    first = record(state="catching_up", newest_ms=NOW_MS - 3 * DAY_MS, polled_ms=NOW_MS,
                   watch=Watch(from_ms=NOW_MS - 4 * DAY_MS, well_ms=NOW_MS))  # fmt: skip
    shown = made(first)
    assert (shown.state, shown.backfill.source, shown.backfill.percent) == ("connected", "stream", 25)
    history = HistoryStatus(from_ms=NOW_MS - 100 * DAY_MS, to_ms=NOW_MS, done_ms=NOW_MS - 10 * DAY_MS)
    shown = made(record(state="history", history=history))
    assert (shown.state, shown.backfill.source, shown.backfill.percent) == ("connected", "reports", 90)


def test_a_gap_is_told() -> None:
    gap = Gap(NOW_MS - 9 * DAY_MS, NOW_MS - 7 * DAY_MS)
    assert made(record(gap=gap)).gap == ("2025-11-15T08:00:00Z", "2025-11-17T08:00:00Z")


@pytest.mark.parametrize(
    ("fields", "disabled", "state"),
    [
        ({}, False, "connected"),
        ({"state": "refused", "error_kind": "unauthorized", "error": "401"}, False, "connected"),
        ({"state": "stopped"}, False, "off"),
        ({"next_ms": NOW_MS - HOUR_MS, "written_ms": NOW_MS - 2 * HOUR_MS}, False, "off"),
        ({"state": "disabled"}, True, "off"),
    ],
)
def test_people_are_read_as_long_as_the_process_is_at_work(fields: dict[str, Any], disabled: bool, state: str) -> None:
    source = SourceStatus(source="entra", read_ms=NOW_MS - 1_000, people=3, next_ms=NOW_MS + 1_000)
    (shown,) = made(record(people=(source,), **fields), disabled=disabled).people
    assert (shown.state, shown.people) == (state, 3)
