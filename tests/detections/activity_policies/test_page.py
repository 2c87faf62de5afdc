"""The page on policies says what holds: its example works, and no filter, field or action is missing."""

import re
from pathlib import Path

import pytest

from detections.activity_policies import governance, stories
from detections.activity_policies.attributes import ATTRIBUTES
from detections.activity_policies.definition import FIELDS, read, read_with_cases

PAGE = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")


def test_the_example_is_right_and_keeps_its_cases() -> None:
    found = re.search(r"```yaml\n(id:.*?)```", PAGE, re.DOTALL)
    assert found is not None
    assert read(found[1], "example")[1] == []
    policy, cases = read_with_cases(found[1], "example")
    assert policy is not None
    assert len(cases) == 4
    assert [stories.mismatch(policy, each) for each in cases] == [None] * 4


@pytest.mark.parametrize("name", [*ATTRIBUTES, *governance.ACTIONS, *stories.DESCRIBED])
def test_what_can_be_written_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_on_the_page(name: str) -> None:
    assert re.search(rf"(^|`){name}[`:]", PAGE, re.MULTILINE)
