"""History before the stream: every event once, in order, whatever is killed, refused or written in another form."""

from collections import Counter
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from connectors.egnyte import spans
from connectors.egnyte.audit_event import parse
from connectors.egnyte.reports import SOURCES
from schemas.connector import HistoryRequest, encode, request_key
from schemas.event import Envelope
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator, Fault, Switches
from streams.cluster import TopicPartition
from streams.kafka import partition_of
from streams.topics import PARTITIONS
from tests.connectors.egnyte.harness import DAY_MS, NOW_MS, Log, essence, follow, mixed, told, upload

HOUR_MS = 3_600_000
QUICK: dict[str, Any] = {"max_per_minute": 60_000, "max_per_hour": 100_000, "max_per_day": 0, "poll_interval_s": 3_600}
FROM_MS = NOW_MS - 30 * DAY_MS


def simulator(events: list[Any] | None = None, **switches: Any) -> EgnyteSimulator:
    chosen = Switches.unlimited(slice_minutes=0, **switches)
    return EgnyteSimulator(mixed() if events is None else events, VirtualClock(NOW_MS), chosen)


def ask(log: Log, from_ms: int = FROM_MS) -> None:
    key = request_key("acme")
    value = encode(HistoryRequest(connector="acme", from_ms=from_ms, asked_ms=NOW_MS))
    tp = TopicPartition("egnyte.connectors", partition_of(key, PARTITIONS))
    log.append(tp, [(NOW_MS, key, value, [])], "committed")


def joined_ms(log: Log) -> int:
    """Where history ends and the stream begins."""
    history = log.cursor().history
    assert history is not None
    return history.done_ms


def assert_all_once(log: Log, egnyte: EgnyteSimulator, from_ms: int = FROM_MS) -> None:
    records = log.events()
    want = told(egnyte, from_ms, joined_ms(log))
    assert Counter(essence(record.value or b"") for record in records) == want
    assert len({Envelope.from_headers(record.headers).event_id for record in records}) == len(records)
    assert sum(want.values()) > 250


def assert_in_order(log: Log) -> None:
    """In every partition history comes by time, and before the stream."""
    for number in range(PARTITIONS):
        records = log.committed_records(TopicPartition("egnyte.events", number))
        times = [parse(record.value or b"").time_ms or 0 for record in records]
        assert times == sorted(times)


async def test_history_comes_first_in_order_and_joins_the_stream() -> None:
    egnyte, log = simulator(), Log()
    ask(log)
    await follow(egnyte, log, for_s=3 * 3_600, **QUICK)
    assert_all_once(log, egnyte)
    assert_in_order(log)
    status = log.statuses()[-1]
    assert status.history is not None
    assert (status.history.from_ms, status.history.left_out) == (FROM_MS - FROM_MS % DAY_MS, {})
    assert NOW_MS - 6 * DAY_MS <= status.history.done_ms <= NOW_MS - 5 * DAY_MS
    assert {found.state for found in log.statuses()} >= {"history", "following"}
    polls = [record for record in egnyte.journal.records() if "/jobs/" in record.path]
    assert {record.error for record in egnyte.journal.records()} == {""}
    assert len(polls) == 4 * len(SOURCES)
    assert sum(record.method == "DELETE" for record in egnyte.journal.records()) == 4 * len(SOURCES)


@pytest.mark.parametrize(
    "switches",
    [
        {"reports_json": False},
        {"report_total_key": "totalCount", "report_page": 7, "report_ascending": False},
        {"report_zone_hours": 9.5, "report_root_folder": False, "report_path_key": "file/folder"},
        {"report_zone_hours": -8.0, "delete_answers": 200},
        {"reports_fail": 9, "report_seconds": 500.0},
        {"report_hours": 1, "report_seconds": 300.0, "error_style": "html", "throttle_style": "mashery"},
    ],
)
async def test_every_form_of_report(switches: dict[str, Any]) -> None:
    egnyte, log = simulator(mixed(300), **switches), Log()
    ask(log)
    await follow(egnyte, log, for_s=12 * 3_600, **QUICK)
    assert_all_once(log, egnyte)
    assert log.dead_letters() == []


async def test_stopped_and_started_again_and_again_it_doubles_nothing() -> None:
    egnyte, log = simulator(), Log()
    ask(log)
    for number in range(40):
        if number % 3 == 1:
            log.fail_next(("commit_transaction", "send_batch", "read")[number % 9 // 3], KafkaError("on command"))
        await follow(egnyte, log, for_s=130 + 40 * (number % 5), **QUICK)
    await follow(egnyte, log, for_s=6 * 3_600, **QUICK)
    assert_all_once(log, egnyte)
    assert_in_order(log)


async def test_a_kill_amid_a_span_goes_on_behind_what_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "PIECE_ROWS", 20)
    egnyte, log = simulator(report_hours=1), Log()
    ask(log)
    transactions = 0

    class KilledError(Exception):
        pass

    async def dying(records: Any, *rest: Any, publish: Any) -> None:
        nonlocal transactions
        await publish(records, *rest)
        transactions += bool(records)
        if records and transactions % 2 == 0:
            raise KilledError

    from connectors.egnyte.publisher import Publisher

    publish = Publisher.publish
    monkeypatch.setattr(Publisher, "publish", lambda self, *given: dying(*given, publish=publish.__get__(self)))
    deaths = 0
    while deaths < 5:
        try:
            await follow(egnyte, log, for_s=7_200 + 3_600 * (deaths % 2), **QUICK)
        except KilledError:
            deaths += 1
    assert transactions > 5
    monkeypatch.setattr(Publisher, "publish", publish)
    await follow(egnyte, log, for_s=12 * 3_600, **QUICK)
    assert_all_once(log, egnyte)
    assert_in_order(log)


async def test_too_many_rows_are_fetched_in_shorter_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "MAX_ROWS", 100)
    egnyte, log = simulator(), Log()
    ask(log)
    await follow(egnyte, log, for_s=30 * 3_600, **QUICK)
    assert_all_once(log, egnyte)
    asked = {(record.start_date, record.end_date) for record in egnyte.journal.records() if record.method == "POST"}
    assert len(asked) > 10


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=503, count=9),
        Fault(kind="throttle", retry_after_s=90, count=4),
        Fault(kind="reset", count=9),
        Fault(kind="truncate", count=9),
        Fault(kind="cut_json", count=9),
        Fault(kind="html", count=9),
        Fault(kind="status", status=404, path="/pubapi/v1/audit/logins/", count=2),
    ],
)
async def test_bad_days_pass(fault: Fault) -> None:
    egnyte, log = simulator(mixed(300)), Log()
    ask(log)
    egnyte.fault(fault)
    await follow(egnyte, log, for_s=24 * 3_600, **QUICK)
    assert_all_once(log, egnyte)


async def test_a_report_that_the_plan_lacks_is_left_out_and_told() -> None:
    egnyte, log = simulator(), Log()
    ask(log)
    path = "/pubapi/v1/audit/workflows"
    egnyte.fault(Fault(kind="status", status=403, path=path, count=0, duration_s=1e6))
    await follow(egnyte, log, for_s=12 * 3_600, **QUICK)
    assert_all_once(log, egnyte)
    history = log.statuses()[-1].history
    assert history is not None
    assert list(history.left_out) == ["workflows"]


async def test_without_the_right_to_reports_people_are_asked() -> None:
    egnyte, log = simulator(plan_has_audit=False), Log()
    ask(log)
    await follow(egnyte, log, for_s=3_600, **QUICK)
    status = log.statuses()[-2]
    assert (status.state, status.error_kind) == ("refused", "forbidden")
    assert egnyte.journal.total < 20


async def test_long_away_amid_history_more_of_it_is_fetched() -> None:
    egnyte, log = simulator(), Log()
    ask(log)
    await follow(egnyte, log, for_s=400, **QUICK)
    assert isinstance(egnyte.clock, VirtualClock)
    egnyte.clock.advance(9 * DAY_MS / 1_000)
    egnyte.append(upload(77_777, date=egnyte.clock.now_ms()))
    await follow(egnyte, log, for_s=6 * 3_600, **QUICK)
    assert_all_once(log, egnyte)
    assert joined_ms(log) > NOW_MS + 2 * DAY_MS


async def test_a_request_after_the_stream_has_begun_changes_nothing() -> None:
    egnyte, log = simulator(), Log()
    await follow(egnyte, log, for_s=1_000, **QUICK)
    ask(log)
    await follow(egnyte, log, for_s=1_000, **QUICK)
    assert log.cursor().history is None
    assert not any("/v1/audit" in record.path for record in egnyte.journal.records())


async def test_rows_that_cannot_be_placed_become_dead_letters_once() -> None:
    egnyte, log = simulator(mixed(300)), Log()
    found = egnyte.reports.found

    def broken(report: str, *given: Any) -> Any:
        rows = found(report, *given)
        return [
            {**row, "time": "long ago"} if report == "logins" and number == 0 else row
            for number, row in enumerate(rows)
        ]

    egnyte.reports.found = broken  # type: ignore[method-assign,assignment]
    ask(log)
    await follow(egnyte, log, for_s=6 * 3_600, **QUICK)
    letters = log.dead_letters()
    assert len(letters) == 4  # one for each span's report
    assert {letter.stage for letter, _ in letters} == {"decode"}


def test_nothing_older_than_egnyte_remembers_is_asked_for() -> None:
    progress = spans.begun(NOW_MS - 400 * DAY_MS, NOW_MS)
    assert NOW_MS - 93 * DAY_MS < progress.from_ms <= NOW_MS - 92 * DAY_MS
    assert progress.from_ms % DAY_MS == 0


def test_pieces_are_cut_between_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "PIECE_ROWS", 3)
    dated = [(1_000 * second + ms, b"%d" % second) for second in range(4) for ms in (0, 1, 2, 2)]
    found = list(spans.pieces(dated))
    assert [len(piece.rows) for piece in found] == [4, 4, 4, 4]
    assert [row for piece in found for row in piece.rows] == [raw for _, raw in dated]
