"""The folder of policies: read whole, or refused whole with every mistake."""

from pathlib import Path

import pytest

from agents.policies import check_file, load_policies
from detections.activity_policies.organisation import Organisation
from detections.policies import PoliciesError, PolicySet

ONE = "id: one_policy\ntitle: One\nfilters: {type: download, external: true}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "activity").mkdir()
    (tmp_path / "organisation.yaml").write_text("domains: [example.com]\n")
    (tmp_path / "builtin.yaml").write_text("# all as it is\nfailed_logins:\n  min_failures: 12\n")
    (tmp_path / "activity" / "one.yaml").write_text(ONE)
    return tmp_path


def test_a_set_has_the_built_in_and_the_activity_policies(folder: Path) -> None:
    loaded = load_policies(folder)
    built_in = PolicySet.of({"failed_logins": {"min_failures": 12}})
    assert loaded.settings == built_in.settings
    assert [each.metadata.id for each in loaded.activity] == ["one_policy"]
    assert loaded.hash != built_in.hash
    assert load_policies(folder).hash == loaded.hash


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("activity/one.yaml", ONE + "severity: low\n"),
        ("activity/two.yaml", ONE.replace("one_", "two_")),
        ("organisation.yaml", "domains: [example.org]\n"),
        ("builtin.yaml", "failed_logins:\n  min_failures: 13\n"),
    ],
)
def test_the_hash_changes_with_every_file(folder: Path, file: str, text: str) -> None:
    before = load_policies(folder).hash
    (folder / file).write_text(text)
    assert load_policies(folder).hash != before


def test_without_files_there_are_the_built_in_policies(tmp_path: Path) -> None:
    assert load_policies(tmp_path).settings == PolicySet.of({}).settings
    (tmp_path / "builtin.yaml").write_text("# nothing\n")
    assert load_policies(tmp_path).hash == PolicySet.of({}).hash


def test_all_mistakes_of_all_files_are_told(folder: Path) -> None:
    (folder / "organisation.yaml").write_text("domain: x\n")
    (folder / "builtin.yaml").write_text("failed_logins:\n  enabled: true\n  min_failures: 1\nmass: {}\n")
    (folder / "activity" / "two.yaml").write_text("id: two_policy\ntitle: x\nfilters: {tipe: x}\n")
    (folder / "activity" / "three.yml").write_bytes(b"\xff")
    with pytest.raises(PoliciesError) as refused:
        load_policies(folder)
    told = [str(each).removeprefix(f"{folder}/") for each in refused.value.mistakes]
    assert told[0].startswith("organisation.yaml:1: domain is no setting here; did you mean 'domains'?")
    assert told[1].startswith("builtin.yaml:4: mass is no built-in policy")
    assert told[2] == "builtin.yaml:3: failed_logins.min_failures is 1; the smallest allowed is 3"
    assert told[3].startswith("activity/three.yml:1: file is not UTF-8")
    assert told[4].startswith("activity/two.yaml:3: filters.tipe is no setting here; did you mean 'type'?")
    assert len(told) == 5


@pytest.mark.parametrize("text", ["a: [\n", "- a\n", "failed_logins: *x\n", "failed_logins: {}\nfailed_logins: {}\n"])
def test_a_wrong_file_of_built_in_policies_is_told(folder: Path, text: str) -> None:
    (folder / "builtin.yaml").write_text(text)
    with pytest.raises(PoliciesError, match=r"builtin\.yaml:"):
        load_policies(folder)


def test_one_id_stands_in_one_file(folder: Path) -> None:
    (folder / "activity" / "copy.yaml").write_text(ONE)
    with pytest.raises(PoliciesError, match=r"one\.yaml:1: id is 'one_policy', as in .*copy\.yaml"):
        load_policies(folder)


def test_a_built_in_policys_id_is_taken(folder: Path) -> None:
    (folder / "activity" / "one.yaml").write_text(ONE.replace("one_policy", "impossible_travel"))
    with pytest.raises(PoliciesError, match="is taken"):
        load_policies(folder)


def test_each_kind_of_file_can_be_checked(folder: Path) -> None:
    for name in ("organisation.yaml", "builtin.yaml"):
        assert check_file(folder / name, Organisation()) == []
    assert [each.note for each in check_file(folder / "activity" / "one.yaml", Organisation())] == [True]
    for name in ("organisation.yaml", "builtin.yaml", "absent.yaml"):
        (problem,) = check_file(folder / "nowhere" / name, Organisation())
        assert "can't be read" in problem.problem
