"""The archive keeps what it was given exactly once, finds it in an order that stays, and forgets by age."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from console.archive import rows
from console.archive.database import ArchiveError, Database
from console.archive.search import Search, count, moment, page, pages
from console.archive.tables import SCHEMA
from schemas.activity import Activity
from streams.errors import Refused
from tests.console.archive.archives import Kept, filled, record
from tests.detections.activity_policies.policies_of import DAY, act

HOUR = 3_600_000
WHOLE = Search(from_ms=DAY, until_ms=DAY + 100 * HOUR, columns=("event_id",))


def named(number: int) -> Activity:
    """Three of each hour, so that times alone give no order."""
    return act(DAY + number // 3 * HOUR, event_id=f"e{number:03}")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return filled(tmp_path / "a.duckdb", map(named, range(90)))


@pytest.mark.parametrize("size", [1, 7, 90, 1_000])
@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_join_without_a_gap_or_a_repeat(database: Database, size: int, newest_first: bool) -> None:
    search = Search(from_ms=WHOLE.from_ms, until_ms=WHOLE.until_ms, columns=("event_id",), newest_first=newest_first)
    found = [row["event_id"] for each in pages(database, search, size=size) for row in each.rows]
    assert found == sorted((f"e{n:03}" for n in range(90)), reverse=newest_first)


def test_what_is_written_between_two_pages_moves_nothing(database: Database) -> None:
    first = page(database, WHOLE, 30)
    late = [record(90, act(DAY + 99 * HOUR, event_id="new")), record(91, act(DAY + HOUR, event_id="late"))]
    database.store({"activities": [rows.activities(late).table]}, {("t.activities", 0): 92})
    again = Search(from_ms=WHOLE.from_ms, until_ms=WHOLE.until_ms, columns=("event_id",), after=first.after)
    rest = [row["event_id"] for each in pages(database, again, size=30) for row in each.rows]
    seen = [row["event_id"] for row in first.rows] + rest
    assert len(seen) == len(set(seen)) == 91
    assert "late" in seen
    assert "new" not in seen


def test_a_failing_transaction_leaves_neither_rows_nor_offsets(database: Database) -> None:
    before = count(database, WHOLE)
    broken = rows.activities([record(90, named(1))]).table.drop(["raw"])
    with pytest.raises(ArchiveError, match="can't be written"):
        database.store({"activities": [broken]}, {("t.activities", 0): 91})
    assert count(database, WHOLE) == before
    assert database.offsets() == {("t.activities", 0): 90}


def test_it_is_all_there_after_reopening(database: Database) -> None:
    path = database.path
    database.close()
    again = Database(path)
    assert count(again, WHOLE) == 90
    assert again.offsets() == {("t.activities", 0): 90}


def test_only_one_process_may_open_it(database: Database, tmp_path: Path) -> None:
    broken = tmp_path / "other.duckdb"
    broken.write_bytes(b"this is no database" * 1_000)
    with pytest.raises(ArchiveError, match="move it away"):
        Database(broken)


def test_an_archive_of_another_version_is_set_aside(database: Database) -> None:
    path = database.path
    database._connection.execute("UPDATE facts SET value = '0' WHERE name = 'schema'")
    database.close()
    again = Database(path)
    assert again.offsets() == {}
    assert path.with_suffix(f".before-{SCHEMA}.duckdb").exists()


def test_it_forgets_by_age(database: Database) -> None:
    assert database.forget({"activities": DAY + 10 * HOUR}) == 30
    assert count(database, WHOLE) == 60


def test_what_stands_in_the_way_of_forgetting_is_told(database: Database) -> None:
    database._connection.execute("DROP TABLE governance")
    with pytest.raises(ArchiveError, match=r"a\.duckdb can't be written: .*governance"):
        database.forget({"governance": DAY})
    database._connection.execute("DROP TABLE offsets")
    with pytest.raises(ArchiveError, match=r"a\.duckdb can't be read: .*offsets"):
        database.offsets()


def test_a_record_that_is_none_is_told_and_the_others_are_kept() -> None:
    bad = Kept("t.activities", 0, 7, 0, b"k", b"{}")
    made = rows.activities([record(1, named(1)), bad, record(2, named(2))])
    assert made.table.num_rows == 2
    assert [(each.offset, "connector" in why) for each, why in made.refused] == [(7, True)]


@pytest.mark.parametrize("read", [rows.activities, rows.finding_records, rows.governance])
def test_nesting_without_end_is_refused_alone(read: Callable[[Sequence[rows.Record]], rows.Rows]) -> None:
    deep = Kept("t", 0, 7, 0, b"k", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    made = read([deep])
    assert made.table.num_rows == 0
    assert [each.offset for each, _ in made.refused] == [7]


def test_a_number_that_no_column_holds_is_refused_alone() -> None:
    whole = [record(n, named(n)) for n in range(5)]
    value = (whole[3].value or b"").replace(b'"asn":64500', b'"asn":%d' % 10**30)
    assert value != whole[3].value
    made = rows.fitting(rows.activities, [*whole[:3], replace(whole[3], value=value), whole[4]])
    assert made.table["position"].to_pylist() == [0, 1, 2, 4]
    assert [(each.offset, why) for each, why in made.refused] == [
        (3, "a number is out of range: Python int too large to convert to C long")
    ]


@pytest.mark.parametrize("text", ["yesterday", "7", "2026-13-01", "d", "99999999d"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(Refused, match="is no time"):
        moment(text)


def test_times_may_be_given_as_people_do() -> None:
    assert moment("2025-11-26") == DAY
    assert moment("2025-11-26T01:00+01:00") == DAY
    assert moment("2d", now_ms=DAY) == DAY - 48 * HOUR


@pytest.mark.parametrize("cursor", ["x", "MQ", "MS4yLjMuNA", "'; DROP TABLE activities"])
def test_a_cursor_that_is_none_is_told(database: Database, cursor: str) -> None:
    with pytest.raises(Refused, match="no cursor"):
        page(database, Search(from_ms=0, until_ms=1, after=cursor), 1)
