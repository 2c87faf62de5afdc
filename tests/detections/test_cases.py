"""Every built-in policy has its cases beside it, of all three kinds, and keeps them."""

from pathlib import Path

import pytest

import detections
from detections.cases import NOTHING, Case, CaseFile, load, mismatches
from detections.policies import BUILT_IN
from detections.source_cases import play
from detections.steps import CasesError

FOLDER = Path(detections.__file__).parent
IDS = [policy.metadata.id for policy, _ in BUILT_IN]


def cases_of(policy: str) -> CaseFile:
    path = FOLDER / f"{policy}.cases.yaml"
    assert path.exists(), f"policy {policy} has no cases: write {path.name}"
    return load(path.read_text(encoding="utf-8"), path.name)


@pytest.mark.parametrize("policy", IDS)
def test_a_policy_has_cases_of_all_kinds_and_keeps_them(policy: str) -> None:
    cases = cases_of(policy)
    assert cases.policy == policy
    assert cases.fires
    assert cases.quiet
    assert cases.borderline
    wrong = {case.name: problems for case in cases.cases() if (problems := mismatches(case, play(cases, case)))}
    assert not wrong


@pytest.mark.parametrize("policy", IDS)
def test_no_two_cases_have_one_name(policy: str) -> None:
    names = [case.name for case in cases_of(policy).cases()]
    assert len(names) == len(set(names))


def test_every_case_file_belongs_to_a_policy() -> None:
    assert {path.name for path in FOLDER.glob("*.cases.yaml")} == {f"{policy}.cases.yaml" for policy in IDS}


def test_a_case_that_does_not_hold_is_noticed() -> None:
    cases = cases_of("impossible_travel")
    firing, quiet = cases.fires[0], next(case for case in cases.quiet if case.reason != NOTHING)
    fired, silent = play(cases, firing), play(cases, quiet)
    assert mismatches(firing, silent)
    assert mismatches(quiet, fired)
    assert mismatches(Case("", (), reason=NOTHING), silent)
    assert mismatches(Case("", (), reason="learning"), silent)
    for change in ({"count": 99}, {"severity": "critical"}, {"says": ("by bicycle",)}):
        expected = [{"step": each.step} | change for each in firing.finds]
        text = f"""
            policy: impossible_travel
            networks: {{}}
            usual: {{}}
            fires: [{{name: a, steps: [], finds: {expected}}}]
            quiet: [{{name: b, steps: [], reason: nothing}}]
            borderline: [{{name: c, quiet: {{name: d, steps: [], reason: nothing}}, fires: {{name: e, steps: [],
                finds: {expected}}}}}]
        """.replace("('by bicycle',)", "[by bicycle]")
        assert mismatches(load(text, "x").fires[0], fired)


WHOLE = """
policy: impossible_travel
networks: {Home: {ip: 198.51.100.7}}
usual: {}
fires: [{name: a, steps: [], finds: [{step: create}]}]
quiet: [{name: b, steps: [], reason: nothing}]
borderline:
  - {name: c, quiet: {name: d, steps: [], reason: nothing}, fires: {name: e, steps: [], finds: [{step: create}]}}
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("fires: [{name: a, steps: [], finds: [{step: create}]}]", "fires: []"), "fires"),
        (("quiet: [{name: b, steps: [], reason: nothing}]", "quiet: []"), "quiet"),
        (("reason: nothing}]", "reason: ''}]"), "'b' must be quiet"),
        (("finds: [{step: create}]}]", "finds: []}]"), "'a' must fire"),
        (("step: create", "step: raise"), "Invalid enum value 'raise'"),
        (("steps", "step"), "unknown field `step`"),
        (("usual: {}", "usual: ["), "x: "),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(change: tuple[str, str], said: str) -> None:
    load(WHOLE, "x")
    with pytest.raises(CasesError, match=said):
        load(WHOLE.replace(*change), "x")


@pytest.mark.parametrize("step", ["9:02 login Home", "09:02 login Elsewhere", "09:02 fly Home", "09:02 login"])
def test_a_wrong_step_is_told(step: str) -> None:
    with pytest.raises(CasesError, match="step 1"):
        play(load(WHOLE, "x"), Case("odd", (step,), reason=NOTHING))


def test_an_unknown_policy_is_told() -> None:
    cases = load(WHOLE, "x")
    with pytest.raises(CasesError, match="switched off"):
        play(cases, Case("odd", (), reason=NOTHING, settings={"enabled": False}))
