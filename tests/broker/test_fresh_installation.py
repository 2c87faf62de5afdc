"""A fresh installation reads what Egnyte still has, and knows its people by it."""

from benchmarks.backfill import measure

USERS = 40


def test_people_and_organisation_are_known_from_history_and_history_is_not_taken_for_the_present(kafka: str) -> None:
    result = measure(kafka, USERS, days=12)
    assert result.known > USERS * 3 // 4
    assert 2 <= result.home_users <= USERS
    assert result.recent == 0
    assert "infrequent_country (High)" in result.away  # the one place where nobody has been
    assert "impossible_travel (Medium)" in result.away
