"""What the benchmark of a first day accepts."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from benchmarks.backfill import Backfilled, failures

GOOD = Backfilled(
    users=400,
    events=61_053,
    seconds=38.0,
    known=386,
    findings=Counter(),
    recent=0,
    home_users=33,
    away=("impossible_travel (Medium)", "infrequent_country (High)"),
)


def test_what_is_as_it_must_be() -> None:
    assert failures(GOOD) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"known": 359}, "359 of 400 users are known, 90% have to be"),
        ({"seconds": 61.0}, "it took 61 s, 60 are allowed"),
        ({"home_users": -1}, "nobody is known to use the country of a login at home"),
        ({"away": ("impossible_travel (Medium)",)}, "the login from Fiji was not told as infrequent_country (High)"),
        ({"away": ("infrequent_country (Low)",)}, "the login from Fiji was not told as infrequent_country (High)"),
    ],
)
def test_what_is_not(changes: dict[str, Any], said: str) -> None:
    assert failures(msgspec.structs.replace(GOOD, **changes)) == [said]
