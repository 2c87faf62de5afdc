"""The table of words is sound as data."""

from connectors.egnyte.vocabulary import ANY, ROWS, meaning, words
from schemas.activity import TYPES


def test_rows_name_known_types_once_and_in_the_form_they_are_looked_up() -> None:
    assert {row.type for row in ROWS} <= set(TYPES)
    assert len({(row.source, row.action) for row in ROWS}) == len(ROWS)
    assert all(row.action == words(row.action) for row in ROWS)


def test_every_row_is_found() -> None:
    for row in ROWS:
        if row.action != ANY:
            found = meaning(row.source.lower(), row.action.upper().replace(" ", "_"), "Web UI")
            assert (found.type, found.outcome, found.administrative) == (row.type, row.outcome, row.administrative)


def test_failed_logins_fail_and_logins_succeed() -> None:
    assert [meaning("LOGIN_AUDIT", action, "Web UI").outcome for action in ("Login", "Failed Attempt")] == [
        "success",
        "failure",
    ]
