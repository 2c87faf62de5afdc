"""Policies that change at run time: taken whole or not at all, whatever editors and mounts do to the files."""

import os
from pathlib import Path

import pytest

from agents.detect import Detect
from agents.policy_reload import FollowsPolicies, PolicyFolder, look
from detections.policies import PoliciesError, PolicySet

ONE = "id: one_policy\ntitle: One\nfilters: {type: download}\n"
BAD = ONE + "severity: hihg\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "policies"
    (place / "activity").mkdir(parents=True)
    (place / "builtin.yaml").write_text("failed_logins: {min_failures: 12}\n")
    (place / "activity" / "one.yaml").write_text(ONE)
    return place


def ids(policies: PolicyFolder) -> list[str]:
    return [each.metadata.id for each in policies.current.activity]


def settled(policies: PolicyFolder) -> bool:
    """Whether two looks at files that stay as they are found something new."""
    first = policies.refresh()
    second = policies.refresh()
    assert not first
    return second


def test_a_changed_file_is_taken_once_it_stays_as_it_is(folder: Path) -> None:
    policies = PolicyFolder(folder)
    before = policies.current.hash
    assert not policies.refresh()
    (folder / "activity" / "one.yaml").write_text(ONE + "severity: high\n")
    assert not policies.refresh()
    assert policies.current.hash == before
    assert policies.refresh()
    assert policies.current.hash != before
    assert policies.current.activity[0].settings.severity == "high"
    assert not policies.refresh()


def test_a_file_that_is_still_being_written_is_waited_for(folder: Path) -> None:
    policies = PolicyFolder(folder)
    path = folder / "activity" / "one.yaml"
    for half in ("", "id: one_policy\n", BAD):
        path.write_text(half)
        assert not policies.refresh()
        assert policies.rejected is None
    path.write_text(ONE.replace("One", "Two"))
    assert settled(policies)
    assert (policies.rejected, policies.current.activity[0].metadata.title) == (None, "Two")


def test_one_bad_file_keeps_the_whole_old_set_and_is_told_with_its_place(folder: Path) -> None:
    policies = PolicyFolder(folder)
    before = policies.current
    (folder / "activity" / "two.yaml").write_text(ONE.replace("one_", "two_"))
    (folder / "activity" / "one.yaml").write_text(BAD)
    (folder / "builtin.yaml").write_text("failed_logins:\n  min_failure: 12\n")
    assert settled(policies)
    assert policies.current is before
    assert policies.rejected is not None
    told = [str(mistake) for mistake in policies.rejected.mistakes]
    assert told == [
        f"{folder}/builtin.yaml:2: failed_logins.min_failure is no setting; did you mean 'min_failures'?",
        f"{folder}/activity/one.yaml:4: severity is 'hihg'; did you mean 'high'?",
    ]
    assert not settled(policies)


def test_what_is_mended_is_in_use_and_no_longer_rejected(folder: Path) -> None:
    policies = PolicyFolder(folder)
    before = policies.current.hash
    (folder / "activity" / "one.yaml").write_text(BAD)
    assert settled(policies)
    (folder / "activity" / "one.yaml").write_text(ONE)
    assert settled(policies)
    assert (policies.rejected, policies.current.hash) == (None, before)


def test_two_workers_that_see_the_same_files_speak_of_the_same(folder: Path, tmp_path: Path) -> None:
    one = PolicyFolder(folder)
    (tmp_path / "other").symlink_to(folder)
    two = PolicyFolder(tmp_path / "other")
    (folder / "activity" / "one.yaml").write_text(BAD)
    assert settled(one)
    assert settled(two)
    assert one.rejected is not None
    assert two.rejected is not None
    assert one.rejected.content == two.rejected.content


def test_files_come_and_go(folder: Path) -> None:
    policies = PolicyFolder(folder)
    (folder / "activity" / "two.yml").write_text(ONE.replace("one_", "two_"))
    assert settled(policies)
    assert ids(policies) == ["one_policy", "two_policy"]
    (folder / "activity" / "one.yaml").unlink()
    (folder / "builtin.yaml").unlink()
    assert settled(policies)
    assert ids(policies) == ["two_policy"]
    assert policies.current.settings["failed_logins"].min_failures == 10  # type: ignore[attr-defined]


def test_a_mount_whose_link_is_swapped_is_followed(tmp_path: Path) -> None:
    for name, text in (("..one", ONE), ("..two", ONE.replace("one_", "two_"))):
        (tmp_path / name / "activity").mkdir(parents=True)
        (tmp_path / name / "activity" / "policy.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "activity").symlink_to("..data/activity")
    policies = PolicyFolder(tmp_path)
    assert ids(policies) == ["one_policy"]
    (tmp_path / "..next").symlink_to("..two")
    os.replace(tmp_path / "..next", tmp_path / "..data")
    assert settled(policies)
    assert ids(policies) == ["two_policy"]


def test_what_editors_leave_beside_a_file_is_no_policy(folder: Path) -> None:
    policies = PolicyFolder(folder)
    (folder / "activity" / ".#one.yaml").symlink_to("somebody@somewhere.1234")
    (folder / "activity" / ".one.yaml.swp").write_bytes(b"\xff\0")
    (folder / "activity" / "one.yaml~").write_text(BAD)
    assert not settled(policies)
    assert policies.rejected is None


@pytest.mark.parametrize("kind", ["dangling", "folder", "pipe", "large", "bytes", "date"])
def test_what_is_no_text_is_told(folder: Path, kind: str) -> None:
    policies = PolicyFolder(folder)
    path = folder / "activity" / "two.yaml"
    match kind:
        case "dangling":
            path.symlink_to("nowhere")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "large":
            path.write_bytes(b"# " + b"x" * 5_000_000)
        case "bytes":
            path.write_bytes(b"id: \xff")
        case _:
            path = folder / "builtin.yaml"
            path.write_text("failed_logins: {min_failures: 2024-99-99}\n")
    assert settled(policies)
    assert policies.rejected is not None
    (mistake,) = policies.rejected.mistakes
    assert str(mistake).startswith(f"{path}:1: file ")
    assert ids(policies) == ["one_policy"]


def test_a_folder_that_can_not_be_listed_changes_nothing(folder: Path) -> None:
    policies = PolicyFolder(folder)
    (folder / "activity" / "one.yaml").unlink()
    (folder / "activity").rmdir()
    (folder / "activity").write_text("a file now")
    assert settled(policies)
    assert policies.rejected is not None
    assert "file can't be read: Not a directory" in str(policies.rejected.mistakes[0])
    assert ids(policies) == ["one_policy"]


@pytest.mark.parametrize("gone", ["empty", "removed"])
def test_a_folder_that_lost_everything_is_a_failed_mount(folder: Path, gone: str) -> None:
    policies = PolicyFolder(folder)
    aside = folder.with_name("aside")
    folder.rename(aside)
    if gone == "empty":
        folder.mkdir()
    assert settled(policies)
    assert policies.rejected is not None
    assert "held 2 policy files" in str(policies.rejected.mistakes[0]) or gone == "removed"
    assert ids(policies) == ["one_policy"]
    if gone == "empty":
        folder.rmdir()
    aside.rename(folder)
    assert settled(policies)
    assert policies.rejected is None


def test_a_reader_that_fails_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = PolicyFolder(folder)
    (folder / "activity" / "one.yaml").write_text(BAD)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("agents.policy_reload.policies_of", broken)
    assert settled(policies)
    assert policies.rejected is not None
    assert "can't be judged: ZeroDivisionError: by zero" in str(policies.rejected.mistakes[0])


def test_a_start_with_a_bad_file_is_refused(folder: Path) -> None:
    (folder / "activity" / "one.yaml").write_text(BAD)
    with pytest.raises(PoliciesError, match=r"one\.yaml:4: severity is 'hihg'"):
        PolicyFolder(folder)


class Handler:
    """A handler that follows policies."""

    def __init__(self) -> None:
        self.used: list[str] = []

    def use(self, policies: PolicySet) -> None:
        self.used.append(policies.hash)


async def test_handlers_are_given_what_is_good_and_nothing_else(folder: Path) -> None:
    policies, handler = PolicyFolder(folder), Handler()
    for text in (BAD, ONE + "severity: low\n", ONE + "severity: low\n# a comment\n"):
        (folder / "activity" / "one.yaml").write_text(text)
        await look(policies, [handler])
        await look(policies, [handler])
    assert handler.used == [policies.current.hash]  # a comment more is no other set
    assert isinstance(Detect(policies.current, "alerts", "behaviors"), FollowsPolicies)
