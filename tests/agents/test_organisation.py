"""What enrich knows of the organisation: the partitions of the profile added up, for full days only."""

import pytest

from agents.organisation import MOST_DAYS, QUIET_DAYS, UNKNOWN, Organisation
from schemas.activity import Knowledge
from schemas.profile import Kind, ProfileRecord, encode, profile_key
from streams.sections import DAY_MS
from streams.testing import MemoryRecord

DAY = 20_400


def told(
    kind: Kind, value: str, users: tuple[int, ...], partition: int = 0, *, day: int = DAY, connector: str = "acme"
) -> MemoryRecord:
    """A record whose `users` begin at `DAY`."""
    value_ = ProfileRecord(
        connector=connector, kind=kind, value=value, partition=partition, day=day, first_day=DAY, days=(1,), users=users
    )
    return MemoryRecord(0, 0, profile_key(connector, kind, value, partition), encode(value_))


def gone(kind: Kind, value: str, partition: int = 0) -> MemoryRecord:
    return MemoryRecord(0, 0, profile_key("acme", kind, value, partition), None)


def known(*records: MemoryRecord) -> Organisation:
    organisation = Organisation()
    for record in records:
        organisation.apply(record)
    return organisation


def countries(organisation: Organisation, day: int, country: str = "PT", connector: str = "acme") -> int:
    return organisation.knowledge(connector, day * DAY_MS, country, 0, "").country_users


def test_partitions_are_added_up_as_of_the_day_before() -> None:
    organisation = known(told("country", "PT", (2, 3, 4)), told("country", "PT", (10, 20), 5))
    assert [countries(organisation, DAY + n) for n in range(5)] == [-1, 12, 23, 4, 0]


def test_each_kind_is_its_own_and_clients_go_by_their_names() -> None:
    organisation = known(told("country", "PT", (2,)), told("asn", "64500", (3,)), told("client", "web ui", (4,)))
    ask = organisation.knowledge
    assert ask("acme", (DAY + 1) * DAY_MS, "PT", 64500, "Web UI 3.2") == Knowledge(2, 3, 4)
    assert ask("acme", (DAY + 1) * DAY_MS, "ES", 64501, "FTP") == Knowledge(0, 0, 0)
    assert ask("acme", (DAY + 1) * DAY_MS, "", 0, "") == UNKNOWN == Knowledge(-1, -1, -1)
    assert ask("other", (DAY + 1) * DAY_MS, "PT", 64500, "Web UI") == UNKNOWN


def test_nothing_is_known_before_a_day_is_over() -> None:
    assert countries(Organisation(), DAY) == -1
    organisation = known(told("country", "PT", (2, 3)))
    assert countries(organisation, DAY - 1) == -1
    assert countries(organisation, DAY, "ES") == -1
    assert countries(organisation, DAY + 1, "ES") == 0


def test_a_profile_that_is_far_behind_knows_nothing_yet() -> None:
    organisation = known(told("country", "PT", (2,) * 30))
    assert countries(organisation, DAY + 1 + QUIET_DAYS) == 2
    assert countries(organisation, DAY + 2 + QUIET_DAYS) == -1
    organisation.apply(told("country", "ES", (1,) * 30, day=DAY + 1))
    assert countries(organisation, DAY + 2 + QUIET_DAYS) == 2


def test_a_newer_record_counts_in_the_place_of_the_older_one_and_a_tombstone_of_none() -> None:
    organisation = known(told("country", "PT", (2, 2)))
    assert countries(organisation, DAY + 1) == 2
    organisation.apply(told("country", "PT", (3, 3)))
    assert countries(organisation, DAY + 1) == 3
    organisation.apply(gone("country", "PT"))
    assert countries(organisation, DAY + 1) == 0
    organisation.apply(gone("country", "PT"))
    organisation.apply(gone("asn", "7"))
    assert countries(organisation, DAY + 1) == 0


def test_what_a_rewound_profile_says_of_older_days_takes_nothing_back() -> None:
    organisation = known(told("country", "PT", (2, 9, 9), day=DAY + 5), told("country", "PT", (1,), day=DAY + 4))
    assert countries(organisation, DAY + 2) == 9


@pytest.mark.parametrize("value", [b"", b"{}", b"[1]", b"\xff", b'{"connector":7}'])
def test_what_is_no_profile_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Organisation().apply(MemoryRecord(0, 0, b"k", value))


def test_what_is_asked_does_not_fill_the_memory() -> None:
    organisation = known(told("country", "PT", (2, 2)))
    for n in range(1, MOST_DAYS + 100):
        organisation.knowledge("acme", (DAY + n) * DAY_MS, "PT", n, f"robot {n}")
        organisation.apply(told("asn", "1", (1,), day=DAY + n))
    assert [len(sums) <= MOST_DAYS for sums in organisation._sums.values()] == [True] * len(organisation._sums)
    assert len(organisation._sums) <= 2
    assert countries(organisation, DAY + MOST_DAYS + 100) == 0


def test_what_a_replay_takes_away_comes_back_and_stays_known_meanwhile() -> None:
    organisation = known(told("country", "PT", (2, 9, 9)))
    again = MemoryRecord(0, 0, profile_key("acme", "country", "PT", 0), None, [("replay", b"1")])
    organisation.apply(again)
    assert countries(organisation, DAY + 1) == 2
