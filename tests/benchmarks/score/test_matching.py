"""Whose, when and what: which finding belongs to which incident."""

import pytest

from benchmarks.score.matching import AFTER_MS, found, judge, kept_quiet
from tests.benchmarks.score.labels import HOUR_MS, START_MS, label, told


def verdicts(findings, labels):
    return [(each.verdict, each.label.incident if each.label else None) for each in judge(findings, labels)]


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (told(), ("right", "theft-1")),
        (told(user="jun@example.com"), ("wrong", None)),
        (told("new_client"), ("wrong", "theft-1")),
        (told(first_ms=START_MS - HOUR_MS, last_ms=START_MS - 1), ("wrong", None)),
        (told(first_ms=START_MS - HOUR_MS, last_ms=START_MS), ("right", "theft-1")),
        (told(first_ms=START_MS + HOUR_MS + AFTER_MS, last_ms=START_MS + 99 * HOUR_MS), ("right", "theft-1")),
        (told(first_ms=START_MS + HOUR_MS + AFTER_MS + 1, last_ms=START_MS + 99 * HOUR_MS), ("wrong", None)),
    ],
    ids=["in time", "somebody else", "another policy", "too early", "just in time", "a day later", "too late"],
)
def test_a_finding_belongs_to_an_incident_by_user_time_and_policy(finding, verdict):
    assert verdicts([finding], [label()]) == [verdict]


def test_what_may_fire_is_right_but_does_not_find():
    attack = label(policy="impossible_travel", also=("mass_download",))
    judged = judge([told()], [attack])
    assert [each.verdict for each in judged] == ["right"]
    assert found(attack, judged) == []
    assert found(attack, judge([told("impossible_travel")], [attack]))


@pytest.mark.parametrize(("alert", "verdict"), [(False, "benign"), (True, "wrong")])
def test_a_confuser_may_be_a_behavior_but_never_an_alert(alert, verdict):
    trip = label("flight", "impossible_travel", malicious=False, also=("infrequent_country",))
    assert verdicts([told("infrequent_country", alert=alert)], [trip]) == [(verdict, "flight-1")]


def test_a_confuser_of_another_kind_excuses_nothing():
    trip = label("flight", "impossible_travel", malicious=False, also=("infrequent_country",))
    assert verdicts([told("new_client", alert=False)], [trip]) == [("wrong", "flight-1")]


def test_colleagues_networks_and_links_count_too():
    party = label("conference", company=("jun@example.com",))
    assert verdicts([told(user="jun@example.com")], [party]) == [("right", "conference-1")]
    spray = label("spray", "password_spray", networks=("203.0.113.0/24",))
    by_network = told("password_spray", user="", networks=frozenset({"203.0.113.0/24"}))
    by_address = told("password_spray", user="jun@example.com", networks=frozenset({"203.0.113.77"}))
    elsewhere = told("password_spray", user="", networks=frozenset({"203.0.112.0/24", "2001:db8::/48"}))
    assert verdicts([by_network, by_address, elsewhere], [spray]) == [
        ("right", "spray-1"),
        ("right", "spray-1"),
        ("wrong", None),
    ]
    leak = label("leak", "link_spread", link="https://acme.egnyte.com/dl/a")
    here, there = (told("link_spread", user="", links=frozenset({leak.link + end})) for end in ("", "b"))
    assert verdicts([here, there], [leak]) == [("right", "leak-1"), ("wrong", None)]


def test_an_attack_comes_before_a_confuser_and_its_own_policy_before_others():
    trip = label("flight", malicious=False, also=("mass_download",))
    other = label("password", "impossible_travel", also=("mass_download",))
    assert verdicts([told()], [trip, other, label()]) == [("right", "theft-1")]


def test_what_was_kept_quiet_is_no_finding_and_is_told_of_confusers_only():
    quiet = told(suppressed="usual_for_user", alert=False)
    trip = label("sync", malicious=False)
    assert judge([quiet], [trip]) == []
    assert kept_quiet([quiet], [trip, label()]) == [(quiet, trip)]


def test_the_first_finding_counts():
    late, early = told(told_ms=START_MS + 2), told(told_ms=START_MS + 1)
    assert found(label(), judge([late, early], [label()])) == [early, late]
