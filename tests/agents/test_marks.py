"""People's marks of addresses, from the event to the audit trail: told there, and nothing judged or learned by them."""

import pytest

from agents import detect
from schemas import mark as marks
from schemas.activity import TYPES
from schemas.event import MARK, Envelope
from schemas.mark import KEY, Mark
from streams.sections import Settings
from tests.agents.partitioned import Row, letters, worked
from tests.agents.test_enrich import RECEIVED_MS, activities, spec

SET = Mark(block="198.51.100.7", category="corporate", by="mara", why="our new office")


def row(value: bytes) -> Row:
    return Row(RECEIVED_MS, KEY.encode(), value, list(Envelope("console", "0" * 32, MARK).to_headers()))


def test_a_mark_is_an_activity_that_tells_who_said_what() -> None:
    driver = worked(spec(), [[row(marks.encode(SET)), row(marks.encode(Mark(block="198.51.100.7", by="mara")))]])
    first, second = activities(driver)
    assert (first.type, first.source, first.time_ms, first.actor.name) == ("mark", "mark", RECEIVED_MS, "mara")
    assert first.type in TYPES
    assert first.info == "198.51.100.7: corporate (our new office)"
    assert second.info == "198.51.100.7: no mark any more"
    assert marks.decode(bytes(first.raw)) == SET


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b'{"block": "198.51.100.7"}', b'{"block": "1", "by": "m", "category": "ours"}',
     b'{"block": "", "by": "m"}', b'{"block": "1", "by": ""}', b"\xff"],
)  # fmt: skip
def test_what_is_no_mark_is_a_dead_letter(value: bytes) -> None:
    driver = worked(spec(), [[row(value)]])
    assert activities(driver) == []
    assert [letter.stage for letter in letters(driver)] == ["decode"]


def test_nothing_is_judged_or_learned_by_a_mark() -> None:
    (told,) = worked(spec(), [[row(marks.encode(SET))]]).values("egnyte.activities", 0)
    driver = worked(detect.spec(Settings()), [[Row(RECEIVED_MS, KEY.encode(), told, [])]])
    assert letters(driver) == []
    for topic in ("egnyte.alerts", "egnyte.behaviors"):
        assert driver.values(topic, 0) == []
    kept = [record.value for record in driver.records(driver.spec.changelog or "", 0) if record.key == KEY.encode()]
    assert kept == []
