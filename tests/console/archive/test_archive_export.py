"""What is taken away is what was found, in every format, and harms nobody who opens it."""

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet
import pytest

from console.archive.database import Database
from console.archive.export import FORMATS, export, export_day
from console.archive.search import COLUMNS, Search
from schemas.activity import Person
from streams.errors import Refused
from tests.console.archive.archives import filled
from tests.detections.activity_policies.policies_of import DAY, act

HOUR = 3_600_000
HOSTILE = Person(email="=cmd()@example.com", name='=HYPERLINK("http://x")', user_id="7")
ROWS = [
    act(DAY, event_id="a", actor=HOSTILE, path="/Shared/<script>alert(1)</script>"),
    act(DAY + HOUR, event_id="b", type="login", path=""),
    act(DAY + 2 * HOUR, event_id="c", type="move", target_path='/Shared/a "b",\nc.txt', ip=""),
    act(DAY + 30 * HOUR, event_id="d"),
]
ALL = Search(
    from_ms=DAY, until_ms=DAY + 100 * HOUR, columns=("event_id", "actor_email", "path", "target_path", "ip_tags")
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return filled(tmp_path / "a.duckdb", ROWS)


def test_a_spreadsheet_finds_texts_and_no_formulas(database: Database) -> None:
    text = b"".join(export(database, ALL, "csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["event_id"] for row in rows] == ["a", "b", "c", "d"]
    assert rows[0]["actor_email"] == "'=cmd()@example.com"
    assert rows[2]["target_path"] == '/Shared/a "b",\nc.txt'
    assert rows[0]["ip_tags"] == "office"
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@" and cell]


def test_lines_of_json_hold_what_was_asked_for(database: Database) -> None:
    lines = b"".join(export(database, ALL, "jsonl")).splitlines()
    found = [json.loads(line) for line in lines]
    assert [row["event_id"] for row in found] == ["a", "b", "c", "d"]
    assert set(found[0]) == set(ALL.columns)
    assert found[0]["path"] == "/Shared/<script>alert(1)</script>"


def test_parquet_holds_the_same(database: Database) -> None:
    piece = b"".join(export(database, ALL, "parquet"))
    table = pyarrow.parquet.read_table(io.BytesIO(piece))
    assert table.column("event_id").to_pylist() == ["a", "b", "c", "d"]
    assert table.column_names == list(ALL.columns)


def test_days_stand_in_the_layout_of_hive(database: Database, tmp_path: Path) -> None:
    day = datetime.fromtimestamp(DAY / 1000, UTC).date()
    file = export_day(database, day, tmp_path / "it's a lake")
    assert file.parent.name == f"day={day.isoformat()}"
    table = pyarrow.parquet.read_table(file, partitioning=None)
    assert table.column("event_id").to_pylist() == ["a", "b", "c"]
    assert table.column_names == list(COLUMNS)
    assert export_day(database, day, tmp_path / "it's a lake") == file
    assert [each.name for each in file.parent.iterdir()] == ["activities.parquet"]


def test_a_day_without_activities_is_an_empty_file(database: Database, tmp_path: Path) -> None:
    assert pyarrow.parquet.read_table(export_day(database, date(2001, 1, 1), tmp_path), partitioning=None).num_rows == 0


def test_ocsf_events_are_of_their_classes(database: Database) -> None:
    found = [json.loads(line) for line in b"".join(export(database, ALL, "ocsf")).splitlines()]
    assert [(each["class_uid"], each["activity_name"], each["type_uid"]) for each in found] == [
        (6006, "Download", 600602), (3002, "Logon", 300201), (6006, "Move", 600607), (6006, "Download", 600602),
    ]  # fmt: skip
    assert found[0]["file"]["path"] == "/Shared/<script>alert(1)</script>"
    assert found[1]["user"]["email_addr"] == "mara@example.com"
    assert found[2]["src_endpoint"] == {"name": "unknown"}
    assert found[3]["src_endpoint"]["location"]["country"] == "PT"
    assert all(each["metadata"]["version"] == "1.8.0" for each in found)


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_found_is_no_error(database: Database, form: str) -> None:
    assert isinstance(b"".join(export(database, Search(from_ms=1, until_ms=2), form)), bytes)


def test_a_format_that_is_none_is_told(database: Database) -> None:
    with pytest.raises(Refused, match="known are csv, jsonl, ocsf, parquet"):
        export(database, ALL, "xlsx")
