"""A small organisation through the handlers in memory: what the detections find of what is staged, and nothing else.

`make score` plays larger ones through Kafka; this is here so that a regression is seen with every test run.
"""

import pytest

from benchmarks.score import memory
from benchmarks.score.bars import score
from simulators.scenario import Scenario
from tests.benchmarks.score.labels import in_words

USERS = 90
DAYS = 16
SEEDS = (7, 8)


@pytest.fixture(scope="module", params=[(SEEDS[0], False), (SEEDS[1], True)], ids=["in order", "shuffled"])
def scored(request, tmp_path_factory):
    """Scored once for each seed, the second one with every event up to an hour late."""
    seed, shuffled = request.param
    scenario = Scenario(seed, users=USERS, days=DAYS)
    told = memory.run(scenario, tmp_path_factory.mktemp("score") / "world", shuffled=shuffled)
    return score(told, scenario.labels, seed=seed, users=USERS, days=DAYS, events=0)


def test_every_incident_is_found(scored):
    assert [missed for policy in scored.policies for missed in policy.missed] == []


def test_every_policy_is_asked(scored):
    assert sum(policy.incidents > 0 for policy in scored.policies) >= 14


def test_no_confuser_raises_an_alert(scored):
    assert [in_words(each) for each in scored.fired if each.as_what == "alert"] == []


def test_nobody_else_is_told_of(scored):
    assert [in_words(each) for each in scored.unlabelled] == []
    assert scored.false_alerts == 0


def test_all_bars_are_met(scored):
    assert scored.failures == ()
