"""Recall, precision, delay and false alerts, and when they are too bad."""

import argparse

import msgspec
import pytest

from benchmarks.score.__main__ import _in_memory
from benchmarks.score.bars import not_asked, score
from benchmarks.score.findings import collected
from benchmarks.score.report import report
from simulators.scenario import Scenario
from tests.benchmarks.score.labels import HOUR_MS, START_MS, label, told


def scored(findings, labels, users=1_000, days=1):
    return score(findings, labels, seed=1, users=users, days=days, events=5)


def test_what_is_found_in_time():
    attacks = [label(), label(incident="theft-2", user="jun@example.com"), label(incident="theft-3", user="noor@x.org")]
    findings = [told(told_ms=START_MS + 10_000), told(user="jun@example.com", told_ms=START_MS + 30_000)]
    (policy,) = scored(findings, attacks).policies
    assert (policy.incidents, policy.found, policy.right, policy.wrong) == (3, 2, 2, 0)
    assert policy.recall == pytest.approx(2 / 3)
    assert policy.precision == 1
    assert (policy.delay_s, policy.delay_p99_s) == (20, 30)
    assert policy.missed == ("theft-3: ",)


def test_wrong_findings_cost_precision_and_benign_ones_do_not():
    trip = label("flight", "impossible_travel", malicious=False, also=("infrequent_country",))
    benign = told("infrequent_country", alert=False)
    wrong = told("infrequent_country", alert=False, user="somebody@example.com")
    found = scored([benign, wrong], [trip])
    (policy,) = found.policies
    assert (policy.right, policy.benign, policy.wrong, policy.precision) == (0, 1, 1, 0)
    assert [each.as_what for each in found.fired] == ["behavior"]
    assert [each.user for each in found.unlabelled] == ["somebody@example.com"]
    assert found.false_alerts == 0


@pytest.mark.parametrize(
    ("missed", "policy", "met"),
    [(1, "mass_download", True), (2, "mass_download", False), (1, "failed_logins", True), (2, "failed_logins", False)],
)
def test_the_bar_is_higher_for_the_built_in_six(missed, policy, met):
    count = 10 if policy == "mass_download" else 20
    attacks = [label(policy=policy, incident=f"a-{n}", user=f"u{n}@example.com") for n in range(count)]
    findings = [told(policy, user=f"u{n}@example.com") for n in range(count - missed)]
    found = scored(findings, attacks)
    assert found.policies[0].ok is met
    assert bool(found.failures) is not met


def test_an_alert_on_a_confuser_and_too_many_false_alerts_are_failures():
    trip = label("flight", "impossible_travel", malicious=False)
    found = scored([told("impossible_travel")], [trip], users=1_000, days=3)
    assert found.false_alerts_rate == pytest.approx(1 / 3, abs=0.001)
    assert "flight-1 raised an alert of impossible_travel" in found.failures
    assert not any("false alerts" in each for each in found.failures)
    found = scored([told("impossible_travel")], [], users=1_000, days=1)
    assert any("1.00 false alerts" in each for each in found.failures)


def test_the_report_says_what_and_why():
    trip = label("flight", "impossible_travel", malicious=False, also=("infrequent_country",))
    quiet = told(suppressed="unplaceable_network", alert=False)
    text = report(scored([told("infrequent_country", alert=False), quiet], [trip, label(user="jun@example.com")]))
    assert "| flight-1 | behavior | infrequent_country | Mara downloaded 60 files |" in text
    assert "flight: mass_download, unplaceable_network (1)" in text
    assert "missed theft-1" in text
    assert "**Below the bar.**" in text


def test_what_nobody_has_tried_is_said():
    benign = told("infrequent_country", alert=False)
    trip = label("flight", "impossible_travel", malicious=False, also=("infrequent_country",))
    found = scored([told(), benign], [label(), trip])
    said = not_asked(found, ["office_move"])
    assert said[0] == "office_move was not staged: give more users or days, or --partly"
    assert "infrequent_country: no incident was staged, so its recall is not known" in said
    assert "ransomware: no incident was staged, so its recall is not known" in said
    assert not any(each.startswith("mass_download") for each in said)
    rows = [line for line in report(found).splitlines() if line.startswith("| infrequent_country")]
    assert rows[0].endswith("| not asked |")


@pytest.mark.parametrize("partly", [False, True])
def test_a_run_with_too_few_people_fails_unless_that_is_wanted(tmp_path, partly):
    asked = argparse.Namespace(seed=1, users=12, days=12, shuffle=False, partly=partly)
    found = _in_memory(Scenario(asked.seed, asked.users, asked.days), asked, tmp_path)
    assert found.missing
    assert any("was not staged: give more users or days" in each for each in found.failures) is not partly


def _record(uid, step, alert, **unmapped):
    finding = {
        "finding_info": {"uid": uid, "first_seen_time": START_MS, "last_seen_time": START_MS + HOUR_MS},
        "unmapped": {"policy": "mass_download", "user_key": "acme/mara@example.com", "step": step, **unmapped},
        "is_alert": alert,
        "severity": "Medium",
        "message": step,
        "evidences": [{"src_endpoint": {"ip": "203.0.113.9"}}, {}],
        "resources": [{"type": "Network", "name": "198.51.100.0/24"}],
    }
    return msgspec.json.encode(finding)


def test_records_of_one_finding_are_one():
    records = [(3, _record("a", "update", alert=True)), (1, _record("a", "create", alert=False))]
    (found,) = collected([*records, (2, _record("b", "suppress", alert=False, suppressed="learning"))])[:1]
    assert (found.told_ms, found.message, found.alert, found.records) == (1, "create", True, 2)
    assert found.user == "mara@example.com"
    assert found.networks == {"203.0.113.9", "198.51.100.0/24"}
    assert collected([*records[:1], (9, _record("a", "suppress", alert=False, suppressed="x"))])[0].records == 1
