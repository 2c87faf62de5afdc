"""What may differ when events come late, and what may not."""

from benchmarks.score.lateness import Differences, differences
from tests.benchmarks.score.labels import START_MS, told


def test_the_same_is_no_difference():
    assert differences([told()], [told()]) == Differences((), ())


def test_what_is_told_in_one_order_only_is_a_failure():
    found = differences([told(), told("new_client", alert=False)], [told("mass_share")])
    assert found.failures == found.told == (
        "mass_download, mara@example.com: not told when events come late",
        "mass_share, mara@example.com: told only when events come late",
        "new_client, mara@example.com: not told when events come late",
    )  # fmt: skip


def test_so_is_an_alert_in_one_order_only():
    behavior, alert = told(uid="a", alert=False), told(uid="a")
    assert differences([behavior], [alert]).failures == (
        "mass_download, mara@example.com: an alert only when events come late",
    )
    assert differences([alert], [behavior]).failures == (
        "mass_download, mara@example.com: an alert only when events come in order",
    )


def test_another_anchor_severity_and_count_are_listed():
    other = told(uid="b", severity="High", count=7, first_ms=START_MS + 60_000)
    found = differences([told(uid="a", count=9)], [other])
    assert found.failures == ()
    assert [each.partition(": ")[2] for each in found.told] == [
        "High instead of Medium", "another anchor", "last told with 7 events instead of 9",
    ]  # fmt: skip


def test_what_was_kept_quiet_is_told_in_no_order():
    assert differences([told(suppressed="learning", alert=False)], []) == Differences((), ())
