"""docs/detections.md: current, whole, and right."""

import re
from pathlib import Path

import pytest

from agents.policies import activity_files
from console import detections_page
from console.detections_page import PAGE, POLICIES, SYSTEM, reasons_of
from console.policy_comments import sections
from detections.activity_policies.definition import SYSTEM_FINDINGS
from detections.cases import NOTHING, load
from detections.policies import BUILT_IN
from detections.settings import bounds

TEXT = PAGE.read_text("utf-8") if PAGE.is_file() else ""
PARTS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_it_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert detections_page.main(["--check"]) == 0, capsys.readouterr().err


def test_what_is_stale_is_told_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(detections_page, "PAGE", tmp_path / "detections.md")
    assert detections_page.main(["--check"]) == 1
    assert "run `python -m console.detections_page`" in capsys.readouterr().err
    assert detections_page.main([]) == 0
    assert detections_page.main(["--check"]) == 0
    (tmp_path / "detections.md").write_text("old")
    assert detections_page.main(["--check"]) == 1


def test_every_policy_has_its_part() -> None:
    built_in = [policy.metadata.id for policy, _ in BUILT_IN]
    shipped = [path.stem for path in activity_files(POLICIES)]
    assert list(PARTS) == [*built_in, *shipped, *(metadata.id for metadata in SYSTEM)]
    assert {metadata.id for metadata in SYSTEM} == set(SYSTEM_FINDINGS)


@pytest.mark.parametrize(("policy", "settings"), BUILT_IN, ids=[policy.metadata.id for policy, _ in BUILT_IN])
def test_a_part_says_what_people_ask(policy: type, settings: type) -> None:
    metadata = policy.metadata  # type: ignore[attr-defined]
    part = PARTS[metadata.id]
    for words in ("Fires:", "Stays quiet:", "Where the line is:", "False positives:", "Triage:", "What to do:"):
        assert words in part, words
    for name, default, allowed in bounds(settings):
        assert f"| `{name}` | {default} | {allowed} |" in part
    assert all(technique.uid in part for technique in metadata.techniques)


@pytest.mark.parametrize("policy", [policy for policy, _ in BUILT_IN], ids=lambda policy: policy.metadata.id)
def test_every_reason_that_a_case_expects_is_explained(policy: type) -> None:
    metadata = policy.metadata  # type: ignore[attr-defined]
    path = Path(detections_page.ROOT) / "detections" / f"{metadata.id}.cases.yaml"
    given = {case.reason for case in load(path.read_text(), path.name).cases() if case.reason not in ("", NOTHING)}
    assert given <= set(reasons_of(policy))
    assert all(f"| `{reason}` |" in PARTS[metadata.id] for reason in given)


def test_every_setting_stands_in_the_file_with_its_default() -> None:
    commented = sections((POLICIES / "builtin.yaml").read_text())
    for policy, settings in BUILT_IN:
        missing = {name for name, _, _ in bounds(settings)} - set(commented[policy.metadata.id].why)
        assert not missing, (policy.metadata.id, missing)


def test_comments_go_with_the_setting_that_they_stand_above_or_beside() -> None:
    text = """\
# of the file
one:
  enabled: true
  # Above,
  # in two lines.
  first: 3  # beside
  second: [a, "#b"]

  # of nothing

two:  # of the policy
  first: x
"""
    found = sections(text)
    assert found["one"].why == {"enabled": "", "first": "Above, in two lines. beside.", "second": ""}
    assert found["two"].why == {"first": ""}


def test_links_lead_somewhere() -> None:
    targets = set(re.findall(r"\]\(#(\w+)\)", TEXT))
    assert targets == set(PARTS)
    assert (PAGE.parent / "policies.md").is_file()
