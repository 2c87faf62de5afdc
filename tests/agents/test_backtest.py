"""Other policies over the same history: what they would have raised beside what was raised; nothing else changes."""

import asyncio
from typing import Any

import pytest

from agents import detect
from agents.backtest import Backtest, Stretch, live, stretch_of
from agents.backtest_report import MOST_EXAMPLES, Compared, Raised, compare
from detections.policies import PolicySet
from streams.cluster import TopicPartition
from streams.sections import Settings
from streams.testing import Driver, MemoryCluster, run
from streams.topics import PARTITIONS
from tests.agents.partitioned import Row, put
from tests.agents.test_withdrawing import BOTH, DOWNLOADS, VIEWS, agent, history, policies, rewind, work
from tests.detections.activity_policies.policies_of import DAY

SETTINGS = Settings()
MINUTE_MS = 60_000


def published(count: int = 20, *more: Any) -> Driver:
    """A live pipeline with both policies over `history`."""

    async def story(driver: Driver) -> None:
        put(driver, history(count))
        await work(driver, BOTH)
        for each in more:
            await each(driver)

    return run(agent(BOTH), story)


def tried(
    cluster: MemoryCluster, chosen: PolicySet, from_ms: int = DAY, to_ms: int = DAY * 2, chunk: int = 7
) -> tuple[dict[str, Compared], Backtest]:
    """The report by policy, and the run."""

    async def play() -> tuple[dict[str, Compared], Backtest]:
        spec = detect.spec(SETTINGS, chosen)
        test = Backtest(cluster, spec, chunk)
        stretches = {n: await stretch_of(cluster, spec, n, from_ms, to_ms, 90 * 86_400_000) for n in range(PARTITIONS)}
        before, after = Raised(), Raised()
        for stretch in stretches.values():
            async for said in test.run(stretch):
                after.add(said.topic, said.value)
        async for topic, record in live(cluster, spec, stretches):
            before.add(topic, record.value or b"")
        return {each.policy: each for each in compare(before, after)}, test

    return asyncio.run(play())


def numbers(compared: Compared) -> tuple[int, ...]:
    return compared.live, compared.backtest, compared.same, compared.changed, compared.added, compared.gone


def test_by_the_same_policies_all_is_the_same() -> None:
    report, test = tried(published().cluster, policies(BOTH))
    assert {name: numbers(each) for name, each in report.items()} == {
        "downloads": (10, 10, 10, 0, 0, 0),
        "views": (10, 10, 10, 0, 0, 0),
    }
    assert (test.judged, test.letters) == (20, {})


def test_what_comes_and_goes_is_counted_by_policy_with_examples() -> None:
    chosen = policies({"views": f"{VIEWS}\nseverity: high", "logins": "filters: {type: [login, download]}"})
    report, _ = tried(published().cluster, chosen)
    assert {name: numbers(each) for name, each in report.items()} == {
        "downloads": (10, 0, 0, 0, 0, 10),
        "logins": (0, 10, 0, 0, 10, 0),
        "views": (10, 10, 10, 10, 0, 0),
    }
    gone = report["downloads"].examples_gone
    assert len(gone) == MOST_EXAMPLES
    assert [each.time_ms for each in gone] == [DAY + n * MINUTE_MS for n in (18, 16, 14, 12, 10)]
    assert gone[0].about == "acme/mara@example.com"
    assert not report["views"].examples_added


def test_only_the_stretch_is_compared_and_what_lies_before_it_is_learned() -> None:
    body = "filters: {type: [download, view]}\nrepeated: {count: 8, within: 10 min}"
    report, test = tried(
        published().cluster, policies(BOTH | {"many": body}), DAY + 4 * MINUTE_MS, DAY + 10 * MINUTE_MS
    )
    assert test.judged == 6
    assert numbers(report["downloads"]) == (3, 3, 3, 0, 0, 0)
    assert numbers(report["many"])[:2] == (0, 1), "the four before it count"


def test_what_was_withdrawn_is_not_what_live_raises() -> None:
    async def withdraw(driver: Driver) -> None:
        rewind(driver, 10)
        await work(driver, {"views": VIEWS})

    report, _ = tried(published(20, withdraw).cluster, policies({"downloads": DOWNLOADS, "views": VIEWS}))
    assert numbers(report["downloads"]) == (5, 10, 5, 0, 5, 0)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_make_no_difference(chunk: int) -> None:
    chosen = policies({"many": "filters: {type: download}\nrepeated: {count: 3, within: 6 min}"})
    report, _ = tried(published().cluster, chosen, chunk=chunk)
    assert numbers(report["many"]) == (0, 1, 0, 0, 1, 0)


def test_nothing_is_written_and_no_group_moves() -> None:
    cluster = published().cluster
    logs = {tp: list(log) for tp, log in cluster.logs.items() if log}
    groups = dict(cluster.groups)
    tried(cluster, policies({"views": VIEWS}))
    assert {tp: list(log) for tp, log in cluster.logs.items() if log} == logs
    assert cluster.groups == groups


def test_what_can_not_be_judged_is_counted_and_the_rest_goes_on() -> None:
    async def spoil(driver: Driver) -> None:
        put(driver, [Row(DAY + 30 * MINUTE_MS, b"acme/mara@example.com", b"{", ())])

    report, test = tried(published(6, spoil).cluster, policies(BOTH))
    assert test.letters == {"decode": 1}
    assert numbers(report["views"]) == (3, 3, 3, 0, 0, 0)


def test_a_stretch_without_records_is_empty() -> None:
    report, test = tried(published().cluster, policies(BOTH), DAY * 3, DAY * 4)
    assert (report, test.judged) == ({}, 0)


def test_a_stretch_begins_where_a_replay_would() -> None:
    cluster = published().cluster
    spec = agent(BOTH)
    found = asyncio.run(stretch_of(cluster, spec, 0, DAY + 4 * MINUTE_MS, DAY + 6 * MINUTE_MS, 2 * MINUTE_MS))
    assert found == Stretch(TopicPartition("egnyte.activities", 0), 2, 4, 6)
