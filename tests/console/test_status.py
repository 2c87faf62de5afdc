"""What `status` prints of a connector's sources of people; what its figures are made of stands with the connectors."""

from connectors.directory.standing import Credential, SourceReport
from connectors.egnyte.standing import Report
from console.commands.status import lines_of

WELL = SourceReport(
    source="entra", state="connected", people=1_204, last_good_read="2025-11-24T07:59:20Z", delta_age_s=40,
    credential=Credential("certificate", "2026-06-12T08:00:00Z", 200),
)  # fmt: skip
REFUSED = SourceReport(
    source="entra", state="error", kind="auth", error="AADSTS7000222", advice="mend it", people=9,
    failing_since="2025-11-24T07:00:00Z", last_good_read="2025-11-24T06:59:20Z",
    credential=Credential("secret", None, None),
)  # fmt: skip
UNREAD = SourceReport(
    source="egnyte", state="off", kind="permission", error="no scope", advice="connect with --actions"
)


def people(*sources: SourceReport) -> list[tuple[str, str]]:
    return lines_of(Report(connector="acme", url="https://acme.example", state="connected", people=sources))


def test_a_source_that_is_well_takes_one_line() -> None:
    ((label, words),) = people(WELL)
    assert label == "people"
    assert words == (
        "Entra ID: connected, 1,204 accounts, read 2025-11-24T07:59:20Z, changes since 40 s ago are next, "
        "client certificate ends 2026-06-12T08:00:00Z, in 200 days"
    )


def test_what_is_wrong_with_a_source_is_told_with_advice() -> None:
    assert people(REFUSED, UNREAD) == [
        ("people", "Entra ID: error (auth), 9 accounts, read 2025-11-24T06:59:20Z"),
        ("  error", "AADSTS7000222 (since 2025-11-24T07:00:00Z)"),
        ("  advice", "mend it"),
        ("people", "Egnyte: off (permission)"),
        ("  error", "no scope"),
        ("  advice", "connect with --actions"),
    ]
