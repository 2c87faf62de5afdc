"""How a finding stands, by all that was said about it: by when it was said, not by how far what it tells of goes."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
from msgspec.structs import replace

from console.archive import rows
from console.archive.database import Database
from console.archive.findings import FindingSearch, open_by_severity, records, search
from console.archive.tables import FINDINGS
from detections.closing import closed, reopened, withdrawn
from schemas.finding import Finding
from schemas.verdict import Verdict
from tests.console.web.stories import HOUR, RAISED, journey, kept

UID = RAISED.finding_info.uid
SEEN = RAISED
"""What somebody looks at while it goes on."""
LATER = replace(journey(step="update"), time=SEEN.time + 2 * HOUR, end_time=SEEN.end_time + 2 * HOUR)
"""Came before their verdict did."""
CLOSED = closed(Verdict(said="close", opinion="benign", by="mara", finding=SEEN), SEEN.time + 3 * HOUR)
REOPENED = reopened(Verdict(said="reopen", by="mara", finding=CLOSED), CLOSED.time + HOUR)
WITHDRAWN = withdrawn(LATER, "0")


def holding(path: Path, said: Iterable[Finding]) -> Database:
    database = Database(path)
    table = rows.finding_records([kept(offset, each) for offset, each in enumerate(said)]).table
    database.store({"finding_records": [table]}, {("t.alerts", 0): table.num_rows})
    return database


@pytest.mark.parametrize(
    ("said", "is_open"),
    [
        ((SEEN, LATER), True),
        ((SEEN, LATER, CLOSED), False),
        ((SEEN, LATER, CLOSED, REOPENED), True),
        ((SEEN, LATER, WITHDRAWN), False),
        ((SEEN, LATER, CLOSED, SEEN, LATER), False),  # a replay that has not come to the verdict yet
        ((SEEN, LATER, CLOSED, SEEN, LATER, CLOSED), False),
    ],
    ids=["goes on", "closed", "opened again", "withdrawn", "in a replay", "replayed"],
)
def test_a_finding_stands_as_it_was_spoken_of_last(tmp_path: Path, said: tuple[Finding, ...], is_open: bool) -> None:
    database = holding(tmp_path / "a.duckdb", said)
    state = "open" if is_open else "closed"
    assert [row["uid"] for row in search(database, FindingSearch(state=state))[0]] == [UID]
    assert sum(open_by_severity(database).values()) == int(is_open)
    assert (records(database, UID)[-1].finding.unmapped.step != "close") == is_open, "its page says the same"
    database.close()


def test_an_archive_of_before_tells_it_too(tmp_path: Path) -> None:
    database = holding(tmp_path / "a.duckdb", (SEEN, LATER, CLOSED))
    database.close()
    with duckdb.connect(str(database.path)) as before:
        before.execute(FINDINGS.replace("ORDER BY time_ms", "ORDER BY end_ms"))
        assert before.execute("SELECT open FROM findings").fetchall() == [(True,)]
    again = Database(database.path)
    assert again.read("SELECT open FROM findings") == [(False,)]
    again.close()
