"""The shipped policies: each is right, and keeps cases of all three kinds."""

from pathlib import Path

import pytest
import yaml

from agents.policies import BUILT_IN_IDS, load_policies
from detections.activity_policies import organisation, stories
from detections.activity_policies.definition import read, read_with_cases

FOLDER = Path(__file__).parents[3] / "policies"
FILES = sorted((FOLDER / "activity").glob("*.yaml"))
ORGANISATION, WRONG = organisation.read((FOLDER / "organisation.yaml").read_text(encoding="utf-8"), "organisation.yaml")


def test_the_organisation_is_right() -> None:
    assert WRONG == []
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_policy_is_right_and_says_what_people_need(path: Path) -> None:
    policy, problems = read(path.read_text(encoding="utf-8"), path.name, ORGANISATION, BUILT_IN_IDS)
    assert [str(each) for each in problems if not each.note] == []
    assert policy is not None
    metadata = policy.metadata
    assert metadata.id == path.stem
    assert metadata.techniques
    assert metadata.category
    assert metadata.false_positives
    for text in (metadata.title, metadata.description, metadata.triage, metadata.remediation):
        assert len(text) >= 10
    comment = path.read_text(encoding="utf-8").partition("\nid:")[0]
    assert ("On" if policy.settings.enabled else "Off") in comment, "its file says why it is on or off"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_policy_keeps_its_cases(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    policy, cases = read_with_cases(text, path.name, ORGANISATION)
    assert policy is not None
    for kind in stories.KINDS:
        assert yaml.safe_load(text)["cases"].get(kind), f"has no case that is {kind}"
    assert {each.name: wrong for each in cases if (wrong := stories.mismatch(policy, each))} == {}
    assert len({each.name for each in cases}) == len(cases)


def test_only_those_are_on_that_neither_double_a_built_in_policy_nor_flood() -> None:
    loaded = load_policies(FOLDER)
    assert {each.metadata.id for each in loaded.activity} == {path.stem for path in FILES}
    on = {each.metadata.id for each in loaded.activity if each.settings.enabled}
    assert on == {"external_sensitive_download"}
