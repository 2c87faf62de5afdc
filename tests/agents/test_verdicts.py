"""A verdict on its way: published by a person, passed on by enrich, carried out by detect, and repeated by a replay."""

from typing import Any

import msgspec
import pytest

from agents import enrich
from agents.detect import Detect
from connectors.places import Places
from schemas import finding as findings
from schemas import verdict as verdicts
from schemas.activity import Activity
from schemas.event import Envelope
from schemas.finding import Finding
from schemas.verdict import Verdict
from streams.cluster import Record
from streams.sections import PlacesSettings, Settings
from streams.testing import Driver, MemoryRecord, run
from tests.agents.partitioned import Row, letters, put, worked
from tests.agents.test_withdrawing import KEY, agent, policies, rewind, work
from tests.detections.activity_policies.policies_of import DAY, act

MANY = {"many": "filters: {type: download}\nrepeated: {count: 2, within: 10 min}\nraise: alert"}
"""Told at 2, 4, 8, ... downloads."""
HEADERS = list(Envelope("acme", "f" * 32, "verdict").to_headers())


def downloads(first: int, count: int) -> list[Row]:
    acts = [act(DAY + n * 10_000, event_id=f"e{n}") for n in range(first, first + count)]
    return [Row(each.time_ms, KEY, msgspec.json.encode(each), ()) for each in acts]


class Passed:
    """What enrich sends on."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def send(self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, *_: Any) -> None:
        self.rows.append(Row(timestamp_ms, key, value, ()))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        raise AssertionError(error)


def spoken(value: bytes, time_ms: int = DAY + 3_600_000) -> Row:
    """A verdict as enrich passes it on: through enrich itself."""
    passed = Passed()
    handler = enrich.spec(Settings(), Places(PlacesSettings())).handler
    handler.handle(MemoryRecord(0, time_ms, KEY, value, HEADERS), None, passed)
    (row,) = passed.rows
    assert msgspec.json.decode(row.value or b"", type=Activity).source == "verdict"
    return row


def said(finding: Finding, *, close: bool = True) -> bytes:
    opinion = "true-positive" if close else None
    return verdicts.encode(
        Verdict(said="close" if close else "reopen", opinion=opinion, by="ann", finding=finding)  # type: ignore[arg-type]
    )


def told(driver: Driver) -> list[tuple[str, int]]:
    found = [findings.decode(record.value or b"") for record in driver.records("egnyte.alerts", 0)]
    return [(each.unmapped.step, each.count) for each in found]


def latest(driver: Driver) -> Finding:
    return findings.decode(driver.records("egnyte.alerts", 0)[-1].value or b"")


def test_what_is_closed_is_not_updated_until_it_is_opened_again() -> None:
    async def story(driver: Driver) -> None:
        put(driver, downloads(0, 4))
        await work(driver, MANY)
        assert told(driver) == [("create", 2), ("update", 4)]
        put(driver, [spoken(said(latest(driver)))])
        put(driver, downloads(4, 6))
        await work(driver, MANY)
        assert told(driver)[2:] == [("close", 4)]
        put(driver, [spoken(said(latest(driver), close=False))])
        put(driver, downloads(10, 10))
        await work(driver, MANY)

    assert told(run(agent(MANY), story))[3:] == [("update", 4), ("update", 16)]


def test_a_replay_repeats_it_byte_for_byte() -> None:
    async def story(driver: Driver) -> None:
        put(driver, downloads(0, 4))
        await work(driver, MANY)
        put(driver, [spoken(said(latest(driver))), *downloads(4, 6)])
        await work(driver, MANY)
        rewind(driver, 0)
        await work(driver, MANY)

    values = run(agent(MANY), story).values("egnyte.alerts", 0)
    assert len(values) == 6
    assert values[:3] == values[3:]


def test_it_is_heard_while_warming_up_too() -> None:
    async def story(driver: Driver) -> None:
        put(driver, downloads(0, 4))
        await work(driver, MANY)
        put(driver, [spoken(said(latest(driver))), *downloads(4, 6)])
        await work(driver, MANY)
        rewind(driver, 6)
        await work(driver, MANY)

    assert told(run(agent(MANY), story)) == [("create", 2), ("update", 4), ("close", 4)]


@pytest.mark.parametrize(
    "value", [b"{}", b'{"schema":1,"said":"close","opinion":"benign","by":"x","finding":{}}', b'{"finding":[]}']
)
def test_what_is_no_verdict_is_a_dead_letter_and_changes_nothing(value: bytes) -> None:
    driver = worked(agent(MANY), [[spoken(value), *downloads(0, 4)]])
    assert [letter.stage for letter in letters(driver)] == ["verdict"]
    assert told(driver) == [("create", 2), ("update", 4)]


def test_a_verdict_on_somebody_elses_finding_is_refused() -> None:
    driver = worked(agent(MANY), [downloads(0, 4)])
    other = Row(DAY + 1, b"acme/other@example.com", spoken(said(latest(driver))).value, ())
    refused = letters(worked(agent(MANY), [[other]]))
    assert [letter.stage for letter in refused] == ["verdict"]
    assert "came with another key" in refused[0].error


def test_nothing_is_learned_from_a_verdict_and_no_policy_judges_it() -> None:
    every = {"every": "filters: {}"}
    driver = worked(agent(MANY), [downloads(0, 2)])
    found = worked(agent(every), [[spoken(said(latest(driver)))]])
    assert told(found) == [("close", 2)]
    assert Detect(policies(every), "a", "b").set_hash == policies(every).hash
